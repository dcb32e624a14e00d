package starter

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func load(t *testing.T) []core.Task {
	t.Helper()
	tasks, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return tasks
}

// A change of the tasks changes every result that is recorded with their sha256, so it must be meant.
func TestTasksAreThoseOfThisVersion(t *testing.T) {
	const want = "c504c3b342841378bf1544a7a76c559ee740ab82f8a121a81c9e89a2eb5b5624"
	if got := SHA256(); got != want {
		t.Errorf("the sha256 of tasks.jsonl is %s, want %s", got, want)
	}
}

func TestEveryTaskIsWhole(t *testing.T) {
	tasks := load(t)
	if len(tasks) != 196 {
		t.Fatalf("%d tasks, want 196", len(tasks))
	}
	ascii := regexp.MustCompile(`^[\x20-\x7e\n]*$`)
	seen := map[string]string{}
	once := func(what, value, id string) {
		if other, ok := seen[what+value]; ok {
			t.Errorf("task %s has the %s of task %s: %q", id, what, other, value)
		}
		seen[what+value] = id
	}
	truths := 0
	for i, task := range tasks {
		if task.ID != strconv.Itoa(i+1) || task.Benchmark != Name {
			t.Errorf("row %d has the id %q of benchmark %q", i+1, task.ID, task.Benchmark)
		}
		once("text", task.Text, task.ID)
		once("entry", task.Entry, task.ID)
		signature, _, _ := strings.Cut(strings.TrimPrefix(task.Code, "def "), ":\n")
		if !strings.HasPrefix(task.Text, "Write a Python function "+signature+" that ") || !strings.HasSuffix(task.Text, ".") {
			t.Errorf("task %s does not name its function %s: %q", task.ID, signature, task.Text)
		}
		if !strings.HasSuffix(task.Code, "\n") || strings.Count("\n"+task.Code, "\ndef ") != 1 {
			t.Errorf("task %s: the code is not one function: %q", task.ID, task.Code)
		}
		if n := len(task.Tests); n < 3 || n > 5 || len(task.Challenge) != 2 {
			t.Errorf("task %s has %d tests and %d challenge tests", task.ID, n, len(task.Challenge))
		}
		truth := true
		for _, test := range slices.Concat(task.Tests, task.Challenge) {
			once("test", test, task.ID)
			if !strings.HasPrefix(test, "assert "+task.Entry+"(") && !strings.HasPrefix(test, "assert abs("+task.Entry+"(") {
				t.Errorf("task %s: a test of something else: %q", task.ID, test)
			}
			truth = truth && (strings.HasSuffix(test, "== True") || strings.HasSuffix(test, "== False"))
		}
		if truth {
			truths++
		}
		for _, s := range slices.Concat([]string{task.Text, task.Code}, task.Tests, task.Challenge) {
			if !ascii.MatchString(s) {
				t.Errorf("task %s has letters beyond ASCII: %q", task.ID, s)
			}
		}
	}
	if 3*truths > len(tasks) {
		t.Errorf("%d of %d tasks answer True or False, more than a third", truths, len(tasks))
	}
}

func TestSplits(t *testing.T) {
	want := map[string]int{Train: 128, Validation: 16, Test: 52}
	var all []string
	for _, name := range Splits() {
		tasks, err := Split(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(tasks) != want[name] {
			t.Errorf("%s has %d tasks, want %d", name, len(tasks), want[name])
		}
		for _, task := range tasks {
			all = append(all, task.ID)
		}
	}
	var ids []string
	for _, task := range load(t) {
		ids = append(ids, task.ID)
	}
	if !slices.Equal(all, ids) {
		t.Errorf("the splits together are not the benchmark: %v", all)
	}
	for _, name := range []string{"prompt", "", "Train"} {
		if _, err := Split(name); err == nil || !strings.Contains(err.Error(), "train, validation, test") {
			t.Errorf("split %q: %v; want an error that names the splits", name, err)
		}
	}
}

func TestCallersCannotChangeTheTasks(t *testing.T) {
	first := load(t)
	first[0].Tests[0], first[0].Text = "assert False", ""
	if again := load(t); again[0].Tests[0] == "assert False" || again[0].Text == "" {
		t.Error("a change of the returned tasks is seen by the next caller")
	}
}

func TestEntryOfRefuses(t *testing.T) {
	for _, code := range []string{"", "x = 1\n", "import re\n\ndef f(x):\n    return x\n", "def f"} {
		if name, err := entryOf(code); err == nil {
			t.Errorf("%q: %s", code, name)
		}
	}
}

// candidates returns programs that know nothing of a task: each value that a test of it expects, each argument, and what
// a function of nothing returns.
func candidates(task core.Task) map[string]string {
	signature, _, _ := strings.Cut(task.Code, "\n")
	values := []string{"None", "True", "False", "0", "1", "-1", "''", "[]", "{}", "()"}
	for _, test := range slices.Concat(task.Tests, task.Challenge) {
		if _, value, ok := strings.Cut(test, ") == "); ok {
			values = append(values, value)
		}
	}
	_, parameters, _ := strings.Cut(strings.TrimSuffix(signature, "):"), "(")
	values = append(values, strings.Split(parameters, ", ")...)
	out := map[string]string{}
	for _, v := range values {
		out["return "+v] = signature + "\n    return " + v + "\n"
	}
	return out
}

// judge runs programs with their tests in the machine's own Python, all in one process, each with names of its own. These
// programs are ours, so they need no sandbox.
func judge(t *testing.T, jobs []job) []string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("no python3 to run the tasks with: %v", err)
	}
	// A function that is given what it was not made for may not end: a timer of its CPU time interrupts it.
	const script = `
import json, signal, sys

def interrupt(*_):
    raise TimeoutError

signal.signal(signal.SIGVTALRM, interrupt)
for line in sys.stdin:
    program, tests = json.loads(line)
    names = {}
    verdict = "TimeoutError"
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.2)
        try:
            exec(program, names)
            for test in tests:
                exec(test, names)
            verdict = "passed"
        except Exception as e:
            verdict = type(e).__name__
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except TimeoutError:
        pass
    print(verdict)
`
	var in bytes.Buffer
	encode := json.NewEncoder(&in)
	for _, j := range jobs {
		if err := encode.Encode([]any{j.program, j.tests}); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(context.Background(), python, "-I", "-S", "-c", script)
	cmd.Stdin = &in
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	verdicts := strings.Fields(string(out))
	if len(verdicts) != len(jobs) {
		t.Fatalf("%d verdicts on %d programs", len(verdicts), len(jobs))
	}
	return verdicts
}

type job struct {
	program string
	tests   []string
	what    string
}

func TestReferencesPass(t *testing.T) {
	var jobs []job
	for _, task := range load(t) {
		jobs = append(jobs, job{task.Code, slices.Concat(task.Tests, task.Challenge), "task " + task.ID})
	}
	for i, v := range judge(t, jobs) {
		if v != "passed" {
			t.Errorf("%s: the reference solution ends in %s", jobs[i].what, v)
		}
	}
}

// Nothing passes that does not do the task: the plain tests suffice to see that.
func TestTrivialProgramsFail(t *testing.T) {
	var jobs []job
	for _, task := range load(t) {
		for what, program := range candidates(task) {
			jobs = append(jobs, job{program, task.Tests, "task " + task.ID + ": " + what})
		}
	}
	for i, v := range judge(t, jobs) {
		if v == "passed" {
			t.Errorf("%s passes", jobs[i].what)
		}
	}
}

// The reference solution of a task solves no task of another split: what is held out was not seen under another name.
func TestSplitsShareNoProblem(t *testing.T) {
	tasks := load(t)
	var jobs []job
	for _, task := range tasks {
		for _, other := range tasks {
			if splitOf(task.ID) != splitOf(other.ID) {
				program := task.Code + other.Entry + " = " + task.Entry + "\n"
				jobs = append(jobs, job{program, other.Tests, "task " + other.ID + " with the reference of task " + task.ID})
			}
		}
	}
	for i, v := range judge(t, jobs) {
		if v == "passed" {
			t.Errorf("%s passes", jobs[i].what)
		}
	}
}
