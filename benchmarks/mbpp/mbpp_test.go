package mbpp

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

func TestRead(t *testing.T) {
	const good = `{"task_id": 11, "text": "Add.", "code": "def add(a, b):\n    return a + b", "test_list": ["assert add(1, 2) == 3"]}`
	for _, c := range []struct{ name, row, want string }{
		{"no JSON", `{"task_id": 1,`, "f:2:15: not a JSON object: want a string, found the end of the row"},
		{"no id", `{"text": "x", "test_list": ["assert 1"]}`, `f:2:1: field "task_id": it is missing; want a string or a whole number`},
		{"an id that is a fraction", `{"task_id": 1.5, "text": "x", "test_list": ["assert 1"]}`, `f:2:13: field "task_id": want a string or a whole number, found 1.5`},
		{"no text", `{"task_id": 1, "test_list": ["assert f()"]}`, `f:2:1: field "text": it is missing; want what the program shall do (text, or prompt as in the sanitized file)`},
		{"text of another type", `{"task_id": 1, "text": ["x"], "test_list": ["assert f()"]}`, `f:2:24: field "text": want a string, found an array`},
		{"no tests", `{"task_id": 1, "text": "x"}`, `f:2:1: field "test_list": it is missing; want an array of Python statements`},
		{"an empty list of tests", `{"task_id": 1, "text": "x", "test_list": []}`, `f:2:42: field "test_list": task 1 has no tests; nothing could be graded`},
		{"tests that are one string", `{"task_id": 1, "text": "x", "test_list": "assert f()"}`, `f:2:42: field "test_list": want an array of strings, found a string`},
		{"a test that is a number", `{"task_id": 1, "text": "x", "test_list": ["assert f()", 3]}`, `f:2:57: field "test_list": want an array of strings, found a number as its entry 2`},
		{"a blank test", `{"task_id": 1, "text": "x", "test_list": ["assert f()", " \n"]}`, `f:2:42: field "test_list": entry 2 is blank; want a Python statement`},
		{"a blank challenge test", `{"task_id": 1, "text": "x", "test_list": ["assert f()"], "challenge_test_list": [""]}`, `f:2:81: field "challenge_test_list": entry 1 is blank; want a Python statement`},
		{"an id that was given", `{"task_id": "11", "text": "x", "test_list": ["assert f()"]}`, `f:2:13: field "task_id": 11 is the id of line 1 already`},
		{"an entry point that is no name", `{"task_id": 1, "text": "x", "entry_point": "a b", "test_list": ["assert f()"]}`, `f:2:44: field "entry_point": "a b" is not a Python name`},
		{"text that is not Unicode", `{"task_id": 1, "text": "\udc00", "test_list": ["assert f()"]}`, `f:2:24: field "text": want text, found bytes that are not UTF-8 or half a surrogate pair`},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := good + "\n" + c.row + "\n" + strings.Replace(good, "11", "12", 1)
			tasks, bad, err := Read("f", strings.NewReader(file), Options{})
			if err != nil || len(tasks) != 2 || tasks[1].ID != "12" {
				t.Fatalf("%d tasks, %v; the good rows must survive", len(tasks), err)
			}
			if len(bad) != 1 || bad[0].Error() != c.want || !rows.IsRow(bad[0]) {
				t.Errorf("bad rows %v\nwant %s", bad, c.want)
			}
			tasks, _, err = Read("f", strings.NewReader(file), Options{Strict: true})
			if tasks != nil || err == nil || err.Error() != "mbpp: "+c.want {
				t.Errorf("strict: %d tasks, %v", len(tasks), err)
			}
			_, _, err = Read("f", strings.NewReader(c.row), Options{})
			if c.name != "an id that was given" && (err == nil || !strings.Contains(err.Error(), "none of the 1 rows of f is a task")) {
				t.Errorf("alone: %v", err)
			}
		})
	}
}

func TestReadFields(t *testing.T) {
	const file = `[{"task_id": "x/1", "prompt": "P", "test_imports": ["import math"], "test_setup_code": null, "code": "class A: pass\n",
  "test_list": ["assert math.isclose(area(A()), 1.0)"], "challenge_test_list": ["assert area(2) == 4"], "source_file": "ignored"}]`
	tasks, bad, err := Read("f", strings.NewReader(file), Options{Benchmark: "own"})
	if err != nil || bad != nil {
		t.Fatal(err, bad)
	}
	got, _ := json.Marshal(tasks[0])
	want, _ := json.Marshal(core.Task{
		ID: "x/1", Benchmark: "own", Text: "P", Code: "class A: pass\n", Entry: "A", Imports: []string{"import math"},
		Tests: []string{"assert math.isclose(area(A()), 1.0)"}, Challenge: []string{"assert area(2) == 4"},
	})
	if string(got) != string(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, _, err := Read("f", strings.NewReader(""), Options{}); err == nil || !strings.Contains(err.Error(), "f holds no tasks") {
		t.Errorf("an empty file: %v", err)
	}
	if tasks, _, err := Read("f", strings.NewReader(`{"task_id": 1, "test_list": ["assert f() == 1"]}`), Options{TextOptional: true}); err != nil || tasks[0].Entry != "f" {
		t.Errorf("a row for grading only: %+v, %v", tasks, err)
	}
	if _, _, err := Load(t.TempDir()+"/absent", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
}

func TestEntry(t *testing.T) {
	for _, c := range []struct {
		name string
		task core.Task
		want string
	}{
		{"the called function of several", core.Task{Code: "def one(): pass\ndef two(): pass\n", Tests: []string{"assert two(one2(1)) == [3]"}}, "two"},
		{"two functions are ambiguous", core.Task{Code: "def one(): pass\ndef two(): pass\n", Tests: []string{"assert two(one(1)) == 3"}}, ""},
		{"a function goes before a class", core.Task{Code: "class P:\n    def __init__(self): pass\ndef two(): pass", Tests: []string{"assert two(P()) == 3"}}, "two"},
		{"a method is not at the top", core.Task{Code: "class P:\n    def two(self): pass\nasync def one(): pass", Tests: []string{"assert one(1).two(2)"}}, "one"},
		{"a lambda", core.Task{Code: "f = lambda x: x", Tests: []string{"assert f(1) == 1"}}, "f"},
		{"a definition in a string", core.Task{Code: "s = '''\ndef f(): pass\n'''\ndef g(): return f", Tests: []string{"assert g() == f()"}}, "g"},
		{"a definition in a bracket", core.Task{Code: "x = (\ndef_f)\ndef g(): pass", Tests: []string{"assert g() == 1"}}, "g"},
		{"a call in a comment or a string", core.Task{Code: "def f(): pass\ndef g(): pass", Tests: []string{"assert f('g(1)') == r\"g()\\\"\" # g()"}}, "f"},
		{"CRLF", core.Task{Code: "import re\r\ndef f(x):\r\n    return g(x)\r\ndef g(x): pass", Tests: []string{"assert f (1) == 1"}}, "f"},
		{"a name that Python knows too", core.Task{Code: "def sum(a, b): pass", Tests: []string{"assert sum(1, 2) == len([1])"}}, "sum"},
		{"no code: the unknown name", core.Task{Imports: []string{"from math import isclose as near, pi"}, Setup: "class Node: pass\n", Tests: []string{"assert near(area(Node(1)), pi, tol=max(1, 2))"}}, "area"},
		{"no code: two unknown names", core.Task{Tests: []string{"assert f(1) == g(1)"}}, ""},
		{"no code and only known names", core.Task{Tests: []string{"assert sum(1, 2) == 3"}}, ""},
		{"no code: other names beside", core.Task{Tests: []string{"assert (lambda h: h)(f(1)) == 1", "assert not f(2)"}}, "f"},
		{"letters beyond ASCII", core.Task{Code: "def größe(x): pass", Tests: []string{"assert größe(1)"}}, "größe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := entry(c.task); got != c.want {
				t.Errorf("entry %q, want %q", got, c.want)
			}
		})
	}
}

// oracle finds with Python's own parser which top-level functions of the code the tests call.
const oracle = `
import ast, json, sys
def of(t):
    called = {n.func.id for x in t["Tests"] for n in ast.walk(ast.parse(x)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    return sorted(called & {n.name for n in ast.parse(t["Code"]).body if isinstance(n, ast.FunctionDef)})
json.dump([of(t) for t in json.load(sys.stdin)], sys.stdout)`

func checkEntries(t *testing.T, tasks []core.Task) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to compare with")
	}
	in, err := json.Marshal(tasks)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-I", "-S", "-W", "ignore", "-c", oracle)
	cmd.Stdin = strings.NewReader(string(in))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want [][]string
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i, task := range tasks {
		if len(want[i]) != 1 || want[i][0] != task.Entry {
			t.Errorf("task %s: entry %q, Python's parser says %q", task.ID, task.Entry, want[i])
		}
	}
}

func TestFullFile(t *testing.T) {
	tasks, bad, err := Load(datatest.File(t, "mbpp.jsonl"), Options{Strict: true})
	if err != nil || bad != nil || len(tasks) != 974 {
		t.Fatalf("%d tasks, %v, %v", len(tasks), bad, err)
	}
	challenges := 0
	for i, task := range tasks {
		if i > 0 && task.ID == tasks[i-1].ID || len(task.Tests) < 2 || task.Code == "" || task.Text == "" || task.Benchmark != Full {
			t.Errorf("task %+v", task)
		}
		if len(task.Challenge) > 0 {
			challenges++
		}
		if (task.Setup != "") != (task.ID == "367" || task.ID == "927") {
			t.Errorf("task %s has the setup %q", task.ID, task.Setup)
		}
	}
	if challenges != 11 {
		t.Errorf("%d tasks have challenge tests, want 11", challenges)
	}
	for split, want := range map[string]int{Prompt: 10, Test: 500, Validation: 90, Train: 374} {
		if got, err := Select(tasks, split); len(got) != want || err != nil {
			t.Errorf("split %s: %d tasks, %v; want %d", split, len(got), err, want)
		}
	}
	for id, want := range map[int]string{19: "test_duplicate", 56: "check", 126: "sum", 601: "max_chain_length"} {
		if got := tasks[id-1].Entry; got != want {
			t.Errorf("task %d: entry %q, want %q", id, got, want)
		}
	}
	checkEntries(t, tasks)
}

func TestSanitizedFile(t *testing.T) {
	tasks, bad, err := Load(datatest.File(t, "sanitized-mbpp.json"), Options{Benchmark: Sanitized, Strict: true})
	if err != nil || bad != nil || len(tasks) != 427 {
		t.Fatalf("%d tasks, %v, %v", len(tasks), bad, err)
	}
	imports := 0
	for _, task := range tasks {
		if len(task.Imports) > 0 {
			imports++
		}
	}
	if imports == 0 {
		t.Error("no task has imports")
	}
	for split, want := range map[string]int{Prompt: 7, Test: 257, Validation: 43, Train: 120} {
		if got, err := Select(tasks, split); len(got) != want || err != nil {
			t.Errorf("split %s: %d tasks, %v; want %d", split, len(got), err, want)
		}
	}
	if shots, err := Shots(tasks); err != nil || shots[0].ID != "2" || shots[2].ID != "4" {
		t.Errorf("shots %v, %v", shots, err)
	}
	checkEntries(t, tasks)
}

func TestSelect(t *testing.T) {
	tasks := []core.Task{{ID: "11"}, {ID: "510"}, {ID: "601"}}
	for _, c := range []struct{ split, want string }{
		{"test", ""}, {"dev", `no split is called "dev"`}, {"prompt", `none of the 3 tasks is in split "prompt"`},
	} {
		if _, err := Select(tasks, c.split); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.split, err)
		}
	}
	for _, id := range []string{"0", "975", "x", ""} {
		if _, err := Select([]core.Task{{ID: id}}, Test); err == nil || !strings.Contains(err.Error(), "is in no split") {
			t.Errorf("id %q: %v", id, err)
		}
	}
	if _, err := Shots(tasks); err == nil || !strings.Contains(err.Error(), "0 of them") {
		t.Errorf("shots: %v", err)
	}
}

func FuzzEntry(f *testing.F) {
	for _, src := range []string{"def f(x):\r\n\treturn rb'''x\\''' # c\n", "import a.b as c; class D: pass", "async def f", "assert f(g(1))"} {
		f.Add(src)
	}
	f.Fuzz(func(_ *testing.T, src string) {
		entry(core.Task{Code: src, Tests: []string{src}})
		entry(core.Task{Setup: src, Tests: []string{src}})
	})
}

func BenchmarkLoad(b *testing.B) {
	path := datatest.File(b, "mbpp.jsonl")
	for b.Loop() {
		if _, _, err := Load(path, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
