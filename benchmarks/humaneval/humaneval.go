// Package humaneval reads HumanEval (Chen et al. 2021, arXiv 2107.03374): functions to be completed, each with a Python
// function check(candidate) that asserts.
//
// The body of check is taken apart into single tests, so that each has a verdict of its own and its expected value stays out
// of the candidate's interpreter. The five tasks whose check draws its cases in a loop get the same number of fixed cases
// (see loops.go). Asserts that do not call the candidate, such as "assert True", are left out: they test nothing.
//
// The data (MIT) is not part of this repository. HumanEval has no splits.
package humaneval

import (
	"fmt"
	"io"

	"github.com/rlvr-harness/harness/benchmarks/rows"
	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/pytoken"
)

// Name is the benchmark's name.
const Name = "humaneval"

// Options say how a file is read.
type Options struct {
	// Benchmark is the name that the tasks carry; by default Name.
	Benchmark string
	// Strict ends the reading at the first bad row.
	Strict bool
	// Limits bound what is held in memory.
	Limits rows.Limits
}

// Load reads a file, gzipped or not. See Read.
func Load(path string, o Options) (tasks []core.Task, bad []error, err error) {
	r, err := rows.Open(path, o.Limits)
	if err != nil {
		return nil, nil, fmt.Errorf("humaneval: %w", err)
	}
	defer r.Close()
	return read(r, o)
}

// Read reads tasks in the order of the file; name stands for it in messages. Rows that are no tasks are in bad, each an
// *rows.Error, and do not stop the others; with o.Strict the first of them is err. A file without any task is an error.
func Read(name string, src io.Reader, o Options) (tasks []core.Task, bad []error, err error) {
	return read(rows.NewReader(name, src, o.Limits), o)
}

func read(r *rows.Reader, o Options) ([]core.Task, []error, error) {
	if o.Benchmark == "" {
		o.Benchmark = Name
	}
	tasks, bad, err := rows.Collect(r, o.Strict, func(row *rows.Object) (core.Task, error) { return parse(row, o) })
	if err != nil {
		return nil, bad, fmt.Errorf("humaneval: %w", err)
	}
	return tasks, bad, nil
}

// parse reads one row.
func parse(row *rows.Object, o Options) (core.Task, error) {
	t := core.Task{Benchmark: o.Benchmark}
	var err error
	if t.ID, _, err = row.ID("task_id"); err != nil {
		return t, err
	}
	var solution, test string
	for _, f := range []struct {
		name, want string
		into       *string
	}{
		{"prompt", "a signature and a docstring", &t.Text},
		{"entry_point", "the name that the prompt defines", &t.Entry},
		{"canonical_solution", "the body that solves it", &solution},
		{"test", "Python that defines check(candidate)", &test},
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
	t.Code = t.Text + solution
	setup, body, ok := checkOf(rename(test, t.Entry))
	if !ok {
		return t, row.Errorf("test", "it does not define check(candidate)")
	}
	t.Setup = setup
	if fixed := loops[t.Entry]; fixed != nil && drawsCases(body) {
		body = fixed(&t, body)
	}
	t.Tests = append(testsOf(body, t.Entry), t.Tests...)
	if len(t.Tests) == 0 {
		return t, row.Errorf("test", "task %s has no assert that calls the candidate; nothing could be graded", t.ID)
	}
	return t, nil
}
