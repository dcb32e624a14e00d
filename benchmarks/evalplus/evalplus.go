// Package evalplus reads EvalPlus's MBPP+ and HumanEval+ (Liu et al. 2023, arXiv 2305.01210): tasks with inputs and a
// canonical solution instead of tests.
//
// Each input becomes one test that compares the candidate's answer with the canonical solution's. That solution and the
// comparison are the task's Judge: they live in the grader's interpreter and never meet the candidate. The comparison has
// the tolerances and the special cases of EvalPlus 0.3.1 (evalplus/eval/__init__.py, _special_oracle.py; Apache-2.0), in
// code of our own, and differs in three things: there, a tolerance that one input asked for stays on for the inputs behind it;
// and HumanEval/32 takes any answer that is as near to a root as the reference's, which finds none for seven inputs since
// CPython 3.12 (its sum of floats compensates for rounding, and the iteration no longer converges); and the one input of
// Mbpp/255 whose answer takes half a gigabyte is left out.
//
// The data (Apache-2.0 and MIT) is not part of this repository. EvalPlus has no splits.
package evalplus

import (
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/benchmarks/rows"
	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/pytoken"
)

// The names of the benchmarks that are kept in this form.
const (
	MBPP      = "mbpp-plus"      // 378 tasks
	HumanEval = "humaneval-plus" // 164 tasks
)

// Options say how a file is read.
type Options struct {
	// Benchmark is the name that the tasks carry; by default MBPP or HumanEval, as the ids have it.
	Benchmark string
	// Base leaves out the inputs that EvalPlus added, which makes it the original benchmark under EvalPlus's comparison.
	Base bool
	// Strict ends the reading at the first bad row.
	Strict bool
	// Limits bound what is held in memory.
	Limits rows.Limits
}

// Load reads a file, gzipped or not. See Read.
func Load(path string, o Options) (tasks []core.Task, bad []error, err error) {
	o.Limits.NonFinite = true // Mbpp/404 has infinities
	r, err := rows.Open(path, o.Limits)
	if err != nil {
		return nil, nil, fmt.Errorf("evalplus: %w", err)
	}
	defer r.Close()
	return read(r, o)
}

// Read reads tasks in the order of the file; name stands for it in messages. Rows that are no tasks are in bad, each an
// *rows.Error, and do not stop the others; with o.Strict the first of them is err. A file without any task is an error.
func Read(name string, src io.Reader, o Options) (tasks []core.Task, bad []error, err error) {
	o.Limits.NonFinite = true
	return read(rows.NewReader(name, src, o.Limits), o)
}

func read(r *rows.Reader, o Options) ([]core.Task, []error, error) {
	tasks, bad, err := rows.Collect(r, o.Strict, func(row *rows.Object) (core.Task, error) { return parse(row, o) })
	if err != nil {
		return nil, bad, fmt.Errorf("evalplus: %w", err)
	}
	return tasks, bad, nil
}

//go:embed judge.py
var judge string

// parse reads one row.
func parse(row *rows.Object, o Options) (core.Task, error) {
	t := core.Task{Benchmark: o.Benchmark}
	var err error
	if t.ID, _, err = row.ID("task_id"); err != nil {
		return t, err
	}
	var solution string
	for _, f := range []struct {
		name, want string
		into       *string
	}{
		{"prompt", "the text that a model is asked", &t.Text},
		{"entry_point", "the name that is called", &t.Entry},
		{"canonical_solution", "the reference's code", &solution},
	} {
		var ok bool
		if *f.into, ok, err = row.Text(f.name); err != nil {
			return t, err
		}
		if !ok {
			return t, row.Missing(f.name, f.want)
		}
	}
	if !pytoken.IsName(t.Entry) {
		return t, row.Errorf("entry_point", "%q is not a Python name", t.Entry)
	}
	tolerance := "0"
	if raw, ok := row.Raw("atol"); ok {
		if tolerance = string(raw); strings.Trim(tolerance, "0123456789.eE+-") != "" {
			return t, row.Errorf("atol", "want a number, found %s", tolerance)
		}
	}
	inputs, err := allInputs(row, o)
	if err != nil {
		return t, err
	}
	if len(inputs) == 0 {
		return t, row.Errorf("base_input", "task %s has no inputs; nothing could be graded", t.ID)
	}
	compare := same
	family, number, _ := strings.Cut(t.ID, "/")
	switch family {
	case "Mbpp":
		t.Benchmark = cmp.Or(t.Benchmark, MBPP)
		t.Code = solution
		if inputs, err = convertInputs(row, number, inputs); err != nil {
			return t, err
		}
		compare = cmp.Or(mbppComparisons[t.Entry], same)
	case "HumanEval":
		t.Benchmark = cmp.Or(t.Benchmark, HumanEval)
		t.Code = t.Text + solution
		if t.Entry == "find_zero" {
			compare = "_harness_same_root"
		}
	default:
		t.Benchmark = cmp.Or(t.Benchmark, "evalplus")
		t.Code = t.Text + solution
	}
	t.Judge = judge + "\n_harness_reference = " + quote([]byte(t.Code)) + ", " + quote([]byte(t.Entry)) + "\n"
	for _, in := range inputs {
		t.Tests = append(t.Tests, testOf(t.Entry, compare, tolerance, in))
	}
	return t, nil
}

// same is the comparison, a function of judge.py, of tasks that need none of their own.
const same = "_harness_same"

// testOf is the test of one input.
func testOf(entry, compare, tolerance string, in []value) string {
	args := make([]string, len(in))
	for i, v := range in {
		args[i] = v.python()
	}
	list := strings.Join(args, ", ")
	call := entry + "(" + list + ")"
	switch compare {
	case "_harness_any":
		return fmt.Sprintf("assert %s(%s)", compare, call)
	case "_harness_same_area", "_harness_same_distance", "_harness_same_root":
		return fmt.Sprintf("assert %s(%s, _harness_want(%s), %s, %s)", compare, call, list, tolerance, list)
	}
	return fmt.Sprintf("assert %s(%s, _harness_want(%s), %s)", compare, call, list, tolerance)
}

// convertInputs gives the inputs of MBPP+'s task of that number the types that JSON cannot hold, and leaves out what nobody can answer.
func convertInputs(row *rows.Object, number string, inputs [][]value) ([][]value, error) {
	if absurd := unanswerable[number]; absurd != nil {
		inputs = slices.DeleteFunc(inputs, absurd)
	}
	convert := conversions[number]
	if convert == nil {
		return inputs, nil
	}
	for i := range inputs {
		var err error
		if inputs[i], err = convert(inputs[i]); err != nil {
			return nil, row.Errorf("base_input", "input %d (of base_input and plus_input together) does not have the form of task Mbpp/%s: %v", i+1, number, err)
		}
	}
	return inputs, nil
}

// allInputs reads the inputs that o asks for, those of the original benchmark first.
func allInputs(row *rows.Object, o Options) ([][]value, error) {
	inputs, err := inputsOf(row, "base_input")
	if err != nil || o.Base {
		return inputs, err
	}
	plus, err := inputsOf(row, "plus_input")
	return append(inputs, plus...), err
}

// inputsOf reads a field that holds one list of arguments per input. Mbpp/793 has {} for no inputs.
func inputsOf(row *rows.Object, name string) ([][]value, error) {
	raw, ok := row.Raw(name)
	if !ok {
		return nil, row.Missing(name, "an array of inputs, each an array of arguments")
	}
	all := decode(raw)
	if all.kind == dict && len(all.items) == 0 {
		return nil, nil
	}
	if all.kind != list {
		return nil, row.Errorf(name, "want an array of inputs, each an array of arguments")
	}
	inputs := make([][]value, len(all.items))
	for i, in := range all.items {
		if in.kind != list {
			return nil, row.Errorf(name, "input %d is not an array of arguments", i+1)
		}
		inputs[i] = in.items
	}
	return inputs, nil
}
