package evalplus

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/benchmarks/datatest"
	"github.com/rlvr-harness/harness/benchmarks/rows"
	"github.com/rlvr-harness/harness/core"
)

// runner grades each [task, program] of its input in one namespace, and answers with the tests that did not pass.
const runner = `
import json, sys
sys.set_int_max_str_digits(0)
out = []
for task, program in json.load(sys.stdin):
    space = {"__name__": "candidate"}
    failed = []
    try:
        exec(program, space)
        exec(task["Setup"], space)
        exec(task["Judge"], space)
        for i, test in enumerate(task["Tests"]):
            try:
                exec(test, space)
            except AssertionError:
                failed.append(i)
    except BaseException as e:
        failed = [repr(e)]
    out.append(failed)
json.dump(out, sys.stdout)`

// grade runs programs against tasks with the python3 of this machine.
func grade(t *testing.T, pairs [][2]any) [][]any {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to run the tests with")
	}
	in, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-I", "-S", "-W", "ignore", "-c", runner)
	cmd.Stdin = strings.NewReader(string(in))
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func load(t *testing.T, file string, o Options) []core.Task {
	t.Helper()
	o.Strict = true
	tasks, bad, err := Load(datatest.File(t, file), o)
	if err != nil || bad != nil {
		t.Fatal(err, bad)
	}
	return tasks
}

// TestReferences runs every canonical solution against the tests that were made of it: those of the original inputs, and
// with HARNESS_SLOW=1 all (some references take seconds on one input).
func TestReferences(t *testing.T) {
	slow := os.Getenv("HARNESS_SLOW") != ""
	for _, c := range []struct {
		file, benchmark    string
		tasks, base, tests int
	}{
		{"MbppPlus.jsonl.gz", MBPP, 378, 1_174, 41_014},
		{"HumanEvalPlus.jsonl.gz", HumanEval, 164, 1_570, 124_253},
	} {
		t.Run(c.benchmark, func(t *testing.T) {
			count := func(tasks []core.Task) (n int) {
				for _, task := range tasks {
					n += len(task.Tests)
					if task.Benchmark != c.benchmark {
						t.Errorf("task %s is of %s", task.ID, task.Benchmark)
					}
				}
				return n
			}
			base, tasks := load(t, c.file, Options{Base: true}), load(t, c.file, Options{})
			if len(base) != c.tasks || len(tasks) != c.tasks || count(base) != c.base || count(tasks) != c.tests {
				t.Errorf("%d tasks with %d and %d tests, want %d with %d and %d", len(tasks), count(base), count(tasks), c.tasks, c.base, c.tests)
			}
			if slow {
				base = tasks
			}
			pairs := make([][2]any, len(base))
			for i, task := range base {
				pairs[i] = [2]any{task, task.Code}
			}
			for i, failed := range grade(t, pairs) {
				if len(failed) > 0 {
					t.Errorf("the reference of %s fails %v", base[i].ID, failed)
				}
			}
		})
	}
}

// TestNothingPasses runs programs that answer None, whatever they are asked.
func TestNothingPasses(t *testing.T) {
	for _, file := range []string{"MbppPlus.jsonl.gz", "HumanEvalPlus.jsonl.gz"} {
		var pairs [][2]any
		tasks := load(t, file, Options{Base: true})
		for _, task := range tasks {
			pairs = append(pairs, [2]any{task, "def " + task.Entry + "(*args): return None"})
		}
		for i, failed := range grade(t, pairs) {
			if len(failed) == 0 && tasks[i].ID != "Mbpp/164" { // EvalPlus takes any answer to it
				t.Errorf("%s: None passes every test", tasks[i].ID)
			}
		}
	}
}

// TestComparison grades answers to a task whose reference answers with its argument.
func TestComparison(t *testing.T) {
	rowOf := func(id, entry, args, atol, answer string) string {
		return `{"task_id": "` + id + `", "prompt": "", "entry_point": "` + entry + `", "canonical_solution": "def ` + entry + `(*a): return ` + answer + `", "base_input": [` + args + `], "plus_input": {}, "atol": ` + atol + `}`
	}
	row := func(id, entry, args, atol string) string { return rowOf(id, entry, args, atol, "a[0]") }
	cases := []struct {
		name, row, answer string
		pass              bool
	}{
		{"equal", row("Mbpp/1", "f", `[[1, "x", null, true]]`, "0"), `[1, "x", None, True]`, true},
		{"a tuple for a list", row("Mbpp/1", "f", `[[1]]`, "0"), `(1,)`, false},
		{"an int for a float", row("Mbpp/1", "f", `[1.0]`, "0"), `1`, true},
		{"a float that is near", row("Mbpp/1", "f", `[1.0]`, "0"), `1.0000005`, true},
		{"a float that is not near", row("Mbpp/1", "f", `[1.0]`, "0"), `1.00001`, false},
		{"a float that is near, for an int", row("Mbpp/1", "f", `[1]`, "0"), `1.0000005`, false},
		{"a large float, relatively near", row("Mbpp/1", "f", `[1e10]`, "0"), `1e10 + 900`, true},
		{"floats in a list", row("Mbpp/1", "f", `[[1.0, 2.0]]`, "0"), `[1.0000005, 2.0]`, true},
		{"floats in a list, of another length", row("Mbpp/1", "f", `[[1.0, 2.0]]`, "0"), `[1.0]`, false},
		{"floats in a tuple for a list", row("Mbpp/1", "f", `[[1.0, 2.0]]`, "0"), `(1.0000005, 2.0)`, false},
		{"a list that is not all floats has no tolerance", row("Mbpp/1", "f", `[[1.0, 2]]`, "0"), `[1.0000005, 2]`, false},
		{"an empty list has none", row("Mbpp/1", "f", `[[]]`, "0"), `[0.0]`, false},
		{"the task's tolerance", row("Mbpp/1", "f", `[[1, [2.5]]]`, "1e-4"), `[1.00005, [2.50005]]`, true},
		{"beyond the task's tolerance", row("Mbpp/1", "f", `[[1, [2.5]]]`, "1e-4"), `[1.0005, [2.5]]`, false},
		{"strings have no tolerance", row("Mbpp/1", "f", `["a"]`, "1e-4"), `"b"`, false},
		{"infinity", row("Mbpp/1", "f", `[Infinity]`, "0"), `float("inf")`, true},
		{"nothing is near infinity", row("Mbpp/1", "f", `[-Infinity]`, "0"), `-1e308`, false},
		{"nothing is near NaN", row("Mbpp/1", "f", `[NaN]`, "0"), `float("nan")`, false},
		{"True for 1", row("Mbpp/1", "f", `[1]`, "0"), `True`, true},
		{"any order", row("Mbpp/7", "find_char_long", `[["a", "b"]]`, "0"), `["b", "a", "b"]`, true},
		{"other elements", row("Mbpp/7", "find_char_long", `[["a", "b"]]`, "0"), `["b"]`, false},
		{"an object for existence", row("Mbpp/5", "check_str", `["x"]`, "0"), `object()`, true},
		{"False for existence", row("Mbpp/5", "check_str", `["x"]`, "0"), `False`, false},
		{"None for nothing", row("Mbpp/5", "check_str", `[null]`, "0"), `None`, true},
		{"zero is allowed", row("Mbpp/295", "sum_div", `[7]`, "0"), `0`, true},
		{"one is not", row("Mbpp/295", "sum_div", `[7]`, "0"), `1`, false},
		{"anything is allowed", row("Mbpp/164", "are_equivalent", `[7, 8]`, "0"), `1`, true},
		{"the other pyramid", row("Mbpp/581", "surface_Area", `[3, 4]`, "0"), `35`, true}, // 9 + 6 * sqrt(2.25 + 16) = 34.6
		{"no pyramid", row("Mbpp/581", "surface_Area", `[3, 4]`, "0"), `34`, false},
		{"digits with zeros before", row("Mbpp/558", "digit_distance_nums", `[1, 22]`, "0"), `3`, true},
		{"digits otherwise", row("Mbpp/558", "digit_distance_nums", `[1, 22]`, "0"), `2`, false},
		{"a root", rowOf("HumanEval/32", "find_zero", `[[-6, 1, 1]]`, "0.0001", "2"), `2.00001`, true},
		{"another root", rowOf("HumanEval/32", "find_zero", `[[-6, 1, 1]]`, "0.0001", "2"), `-3`, true},
		{"as far from a root as the reference", rowOf("HumanEval/32", "find_zero", `[[1, 1]]`, "0.0001", "-1.5"), `-0.5`, true},
		{"further from a root than the reference", rowOf("HumanEval/32", "find_zero", `[[1, 1]]`, "0.0001", "-1.5"), `-0.4`, false},
		{"no root", rowOf("HumanEval/32", "find_zero", `[[-6, 1, 1]]`, "0.0001", "2"), `2.01`, false},
		{"a mutated argument", row("Mbpp/1", "f", `[[1, 2]]`, "0"), `a[0].clear() or [1, 2]`, true},
	}
	var pairs [][2]any
	for _, c := range cases {
		tasks, _, err := Read("f", strings.NewReader(c.row), Options{Strict: true})
		if err != nil {
			t.Fatal(c.name, err)
		}
		pairs = append(pairs, [2]any{tasks[0], "def " + tasks[0].Entry + "(*a): return " + c.answer})
	}
	for i, failed := range grade(t, pairs) {
		if c := cases[i]; (len(failed) == 0) != c.pass {
			t.Errorf("%s: passed is %v (%v), want %v", c.name, len(failed) == 0, failed, c.pass)
		}
	}
}

// TestArguments checks the Python that is made of a task's inputs.
func TestArguments(t *testing.T) {
	for _, c := range []struct{ id, input, want string }{
		{"1", `[]`, ``},
		{"1", `[1, -2.50, 1e-7, 123456789012345678901234567890]`, `1, -2.50, 1e-7, 123456789012345678901234567890`},
		{"1", `[true, false, null, Infinity, -Infinity, NaN]`, `True, False, None, 1e999, -1e999, (1e999 - 1e999)`},
		{"1", `["a\"\\\n\u0000\u007f", "\u00e9\ud83d\ude00", "\ud800"]`, `"a\"\\\n\x00\x7f", "\u00e9\U0001f600", "\ud800"`},
		{"1", `[{"a": [1], "b": {}}, [[], [ ]]]`, `{"a": [1], "b": {}}, [[], []]`},
		{"2", `[[1, 2], []]`, `(1, 2), ()`},
		{"2", `["ab", {"k": 1}]`, `("a", "b"), ("k",)`},
		{"63", `[[[1, 2], [3]]]`, `[(1, 2), (3,)]`},
		{"75", `[[[1]], 2]`, `[(1,)], 2`},
		{"106", `[[1], [2, 3]]`, `[1], (2, 3)`},
		{"115", `[[[1, 2], [], {}]]`, `[{1, 2}, {}, {}]`},
		{"124", `["0", "(-0-1j)"]`, `float("0"), complex("(-0-1j)")`},
		{"252", `["1j"]`, `complex("1j")`},
		{"252", `[1]`, `complex(1)`},
		{"250", `[[1], 2]`, `(1,), 2`},
		{"259", `[[[1, 2]], [[3]]]`, `((1, 2),), ((3,),)`},
		{"278", `[[1, [2], "x"]]`, `(1, (2,), "x")`},
		{"307", `[["a"], 0, 1]`, `("a",), 0, 1`},
		{"580", `[[1, [2, [3]]], 4]`, `(1, (2, (3,))), 4`},
		{"722", `[{"k": [1, 2]}, 3]`, `{"k": (1, 2)}, 3`},
	} {
		row := `{"task_id": "Mbpp/` + c.id + `", "prompt": "p", "entry_point": "f", "canonical_solution": "", "base_input": [` + c.input + `], "plus_input": []}`
		tasks, _, err := Read("f", strings.NewReader(row), Options{Strict: true})
		if err != nil {
			t.Errorf("%s %s: %v", c.id, c.input, err)
			continue
		}
		if want := "assert _harness_same(f(" + c.want + "), _harness_want(" + c.want + "), 0)"; tasks[0].Tests[0] != want {
			t.Errorf("%s %s: %s\nwant %s", c.id, c.input, tasks[0].Tests[0], want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	const good = `{"task_id": "Mbpp/1", "prompt": "p", "entry_point": "f", "canonical_solution": "", "base_input": [[1]], "plus_input": []}`
	for _, c := range []struct{ name, old, new, want string }{
		{"no id", `"Mbpp/1"`, `null`, `f:1:13: field "task_id": want a string or a whole number, found null`},
		{"no prompt", `"prompt"`, `"text"`, `f:1:1: field "prompt": it is missing; want the text that a model is asked`},
		{"no entry point", `"entry_point"`, `"entry"`, `f:1:1: field "entry_point": it is missing; want the name that is called`},
		{"an entry point that is no name", `"f"`, `"f()"`, `f:1:53: field "entry_point": "f()" is not a Python name`},
		{"no solution", `"canonical_solution"`, `"x"`, `field "canonical_solution": it is missing`},
		{"no inputs", `[[1]]`, `[]`, `field "base_input": task Mbpp/1 has no inputs; nothing could be graded`},
		{"inputs of another type", `[[1]]`, `"x"`, `f:1:98: field "base_input": want an array of inputs, each an array of arguments`},
		{"an input that is no array", `[[1]]`, `[[1], 2]`, `f:1:98: field "base_input": input 2 is not an array of arguments`},
		{"no added inputs", `"plus_input"`, `"plus"`, `f:1:1: field "plus_input": it is missing`},
		{"a tolerance that is code", `"plus_input": []`, `"plus_input": [], "atol": "x"`, `field "atol": want a number, found "x"`},
		{"an input of another form", `"Mbpp/1"`, `"Mbpp/2"`, `input 1 (of base_input and plus_input together) does not have the form of task Mbpp/2: 1 is not an array`},
		{"too few arguments", `"Mbpp/1"`, `"Mbpp/106"`, `does not have the form of task Mbpp/106: it has 1 arguments`},
		{"a number that is an array", `"Mbpp/1", "prompt": "p", "entry_point": "f", "canonical_solution": "", "base_input": [[1]]`, `"Mbpp/252", "prompt": "p", "entry_point": "f", "canonical_solution": "", "base_input": [[[1]]]`, `[1] is not a number`},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.new, 1)
			tasks, rowErrors, err := Read("f", strings.NewReader(bad+"\n"+strings.Replace(good, "Mbpp/1", "Mbpp/3", 1)), Options{})
			if err != nil || len(tasks) != 1 || tasks[0].ID != "Mbpp/3" {
				t.Fatalf("%d tasks, %v; the good row must survive", len(tasks), err)
			}
			if len(rowErrors) != 1 || !rows.IsRow(rowErrors[0]) || !strings.Contains(rowErrors[0].Error(), c.want) {
				t.Errorf("%v\nwant %s", rowErrors, c.want)
			}
		})
	}
	if _, _, err := Load(t.TempDir()+"/absent", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"task_id": "Mbpp/2", "prompt": "p", "entry_point": "f", "canonical_solution": "", "base_input": [[[1,"\ud800"],[{"a":NaN}]]], "plus_input": {}}`))
	f.Add([]byte(`{"task_id": "HumanEval/2", "prompt": "p", "entry_point": "f", "canonical_solution": "", "base_input": [[-0.5e3]], "plus_input": [], "atol": 1e-6}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		tasks, _, err := Read("f", strings.NewReader(string(b)), Options{Limits: rows.Limits{Line: 1 << 12, Array: 1 << 12}})
		if (err == nil) != (len(tasks) > 0) {
			t.Fatalf("%d tasks, %v", len(tasks), err)
		}
		for _, task := range tasks {
			for _, test := range task.Tests {
				for i := range len(test) {
					if test[i] >= 0x80 || test[i] < ' ' { // a name may hold other letters
						if !strings.Contains(test, task.Entry+"(") {
							t.Fatalf("%q", test)
						}
					}
				}
			}
		}
	})
}
