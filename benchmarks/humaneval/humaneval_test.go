package humaneval

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
import ast, json, sys
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
                exec(test, dict(space))
            except BaseException as e:
                failed.append(str(i) + " " + repr(e))
    except BaseException as e:
        failed = [repr(e)]
    out.append(failed)
json.dump(out, sys.stdout)`

func python(t *testing.T, script string, in, out any) {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to run the tests with")
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-I", "-S", "-W", "ignore", "-c", script)
	cmd.Stdin = strings.NewReader(string(b))
	cmd.Stderr = os.Stderr
	if b, err = cmd.Output(); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T) []core.Task {
	t.Helper()
	tasks, bad, err := Load(datatest.File(t, "HumanEval.jsonl.gz"), Options{Strict: true})
	if err != nil || bad != nil || len(tasks) != 164 {
		t.Fatalf("%d tasks, %v, %v", len(tasks), bad, err)
	}
	return tasks
}

func TestReferences(t *testing.T) {
	tasks := load(t)
	tests := 0
	var pairs [][2]any
	for _, task := range tasks {
		tests += len(task.Tests)
		pairs = append(pairs, [2]any{task, task.Code}, [2]any{task, task.Text + "    return None\n"})
		for _, test := range task.Tests {
			if !strings.Contains(test, task.Entry) || strings.Contains(test, "candidate") || strings.HasPrefix(test, "for ") {
				t.Errorf("%s has the test %q", task.ID, test)
			}
		}
		if task.Setup != "" || task.Benchmark != Name {
			t.Errorf("%+v", task)
		}
	}
	if tests != 1_534 {
		t.Errorf("%d tests", tests)
	}
	var out [][]string
	python(t, runner, pairs, &out)
	for i, task := range tasks {
		if failed := out[2*i]; len(failed) > 0 {
			t.Errorf("the reference of %s fails %v", task.ID, failed)
		}
		if len(out[2*i+1]) == 0 {
			t.Errorf("%s: None passes every test", task.ID)
		}
	}
}

// TestEveryAssertIsATest counts the asserts of each check with Python's parser.
func TestEveryAssertIsATest(t *testing.T) {
	tasks := load(t)
	r, err := rows.Open(datatest.File(t, "HumanEval.jsonl.gz"), rows.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var sources []string
	for range tasks {
		row, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		test, _, err := row.Text("test")
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, test)
	}
	var want []int
	python(t, `
import ast, json, sys
def count(src):
    check = [n for n in ast.parse(src).body if isinstance(n, ast.FunctionDef) and n.name == "check"][0]
    return sum(any(isinstance(x, ast.Name) and x.id == "candidate" for x in ast.walk(n)) for n in check.body if isinstance(n, ast.Assert))
json.dump([count(s) for s in json.load(sys.stdin)], sys.stdout)`, sources, &want)
	drawn := map[string]int{"HumanEval/32": 100, "HumanEval/38": 100, "HumanEval/50": 100, "HumanEval/44": 6, "HumanEval/53": 100}
	for i, task := range tasks {
		if n := want[i] + drawn[task.ID]; len(task.Tests) != n {
			t.Errorf("%s: %d tests, want %d", task.ID, len(task.Tests), n)
		}
	}
}

func TestEncoders(t *testing.T) {
	for word, want := range map[string]string{"abc": "bca", "abcd": "bcad", "ab": "ab", "abcdef": "bcaefd"} {
		if got := cyclic(word); got != want {
			t.Errorf("cyclic(%s) = %s", word, got)
		}
	}
	if got := shifted("avz"); got != "fae" {
		t.Errorf("shifted = %s", got)
	}
}

func TestParse(t *testing.T) {
	row := func(entry, test string) string {
		b, err := json.Marshal(map[string]string{"task_id": "HumanEval/1", "prompt": "def f(x):\n", "entry_point": entry, "canonical_solution": "    return x\n", "test": test})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct {
		name, test string
		want       []string
		setup      string
	}{
		{"asserts", "METADATA = {\n 'a': 1}\n\ndef check(candidate):\n    assert candidate(1) == 1 # one\n    assert True, 'x'\n\n    assert candidate(\n        2) == 2\n", []string{"assert f(1) == 1", "assert f(\n        2) == 2"}, ""},
		{"on one line", "def check(candidate):\n  assert candidate(1); assert candidate(2)\n", []string{"assert f(1)", "assert f(2)"}, ""},
		{"with what they need", "def check(candidate):\n    import math, re\n    a = 2\n    b = a + 1\n    c = 0\n    print\n    assert candidate(b) == math.pi\n    assert candidate(0) == 'a'\n", []string{"import math, re\na = 2\nb = a + 1\nassert f(b) == math.pi", "assert f(0) == 'a'"}, ""},
		{"a function beside", "def same(a, b):\n    return a == b\ndef check(candidate):\n    assert same(candidate(1), x.candidate)", []string{"assert same(f(1), x.candidate)"}, "def same(a, b):\n    return a == b\n"},
		{"a block", "def check(candidate):\n    for i in range(3):\n        y = i\n        assert candidate(i) == y\n    assert candidate(3) == 3\n", []string{"for i in range(3):\n        y = i\n        assert f(i) == y", "assert f(3) == 3"}, ""},
		{"a string that has lines", "def check(candidate):\n    assert candidate('''\n    candidate''')\n", []string{"assert f('''\n    candidate''')"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tasks, _, err := Read("f", strings.NewReader(row("f", c.test)), Options{Strict: true})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := strings.Join(tasks[0].Tests, "\n---\n"), strings.Join(c.want, "\n---\n"); got != want || tasks[0].Setup != c.setup {
				t.Errorf("setup %q, tests:\n%s\nwant:\n%s", tasks[0].Setup, got, want)
			}
		})
	}
	for _, c := range []struct{ name, row, want string }{
		{"no check", row("f", "def test(candidate):\n    assert candidate(1)"), `field "test": it does not define check(candidate)`},
		{"nothing is called", row("f", "def check(candidate):\n    assert True\n"), `task HumanEval/1 has no assert that calls the candidate`},
		{"an entry point that is no name", row("f()", "def check(candidate):\n    assert candidate(1)"), `"f()" is not a Python name`},
		{"no test", `{"task_id": 1, "prompt": "", "entry_point": "f", "canonical_solution": ""}`, `f:1:1: field "test": it is missing; want Python that defines check(candidate)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, bad, err := Read("f", strings.NewReader(c.row), Options{})
			if err == nil || len(bad) != 1 || !rows.IsRow(bad[0]) || !strings.Contains(bad[0].Error(), c.want) {
				t.Errorf("%v, %v", bad, err)
			}
		})
	}
	if _, _, err := Load(t.TempDir()+"/absent", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("def check(candidate):\n    assert candidate(1)\n")
	f.Add("def check(candidate): import x; assert candidate('''\n''')\n  \tfoo")
	f.Add("x\n def check(c):\n\ty")
	f.Fuzz(func(_ *testing.T, src string) {
		if _, body, ok := checkOf(rename(src, "f")); ok {
			testsOf(body, "f")
			drawsCases(body)
		}
	})
}
