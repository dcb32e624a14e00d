package pythonwasm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/grade"
	"github.com/rlvr-harness/harness/runtime/python-wasm/worker"
)

// openIsolatedPool returns a pool in a process of its own, or skips the test where there is none to be had.
func openIsolatedPool(t *testing.T, c Config) *Pool {
	t.Helper()
	if err := CanIsolate(); err != nil {
		t.Skip(err)
	}
	c.Isolate = true
	return open(t, c)
}

// TestWorkerIsConfined reads in /proc what the process has given up, in every thread, and what it has open.
func TestWorkerIsConfined(t *testing.T) {
	p := openIsolatedPool(t, Config{Workers: 2})
	if v, err := p.Verify(t.Context(), core.Task{Tests: square}, "def f(x): return x * x"); err != nil || v.Class != core.Passed {
		t.Fatal(v, err)
	}
	proc := fmt.Sprintf("/proc/%d", p.isolated.keeper.PID())
	threads, err := os.ReadDir(proc + "/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		b, err := os.ReadFile(proc + "/task/" + thread.Name() + "/status")
		if err != nil {
			continue // it has ended
		}
		for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2"} {
			if !strings.Contains(string(b), want+"\n") {
				t.Errorf("thread %s lacks %q", thread.Name(), want)
			}
		}
	}
	b, err := os.ReadFile(proc + "/environ")
	if err != nil || len(b) > 0 {
		t.Errorf("the environment is %q (%v)", b, err)
	}
	if dir, err := os.Readlink(proc + "/cwd"); err != nil || dir != "/" {
		t.Errorf("it works in %q (%v)", dir, err)
	}
	b, err = os.ReadFile(proc + "/limits")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Max file size", "Max core file size", "Max open files"} {
		_, rest, found := strings.Cut(string(b), name)
		if f := strings.Fields(rest); !found || len(f) < 2 || f[0] != "0" || f[1] != "0" {
			t.Errorf("%s is not 0:\n%s", name, b)
		}
	}
	entries, err := os.ReadDir(proc + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, err := os.Readlink(proc + "/fd/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		allowed := false
		for _, want := range []string{"pipe:", "anon_inode:[eventpoll]", "anon_inode:[eventfd]", "/memfd:python-image", proc + "/pagemap", "/sys/fs/cgroup/"} {
			allowed = allowed || strings.HasPrefix(name, want)
		}
		if !allowed {
			t.Errorf("it has %s open", name)
		}
	}
}

// TestWorkerDies kills the process under programs: they are graded again, in a new one, and nobody sees a difference.
func TestWorkerDies(t *testing.T) {
	p := openIsolatedPool(t, Config{Workers: 2})
	task := core.Task{ID: "t", Code: "def f(x): return x * x", Tests: square}
	want, err := p.Verify(t.Context(), task, task.Code)
	if err != nil || want.Class != core.Passed {
		t.Fatal(want, err)
	}
	stop := make(chan struct{})
	var killer, graders sync.WaitGroup
	killer.Go(func() {
		for kills := 0; ; kills++ {
			select {
			case <-stop:
				return
			case <-time.After(700 * time.Millisecond):
			}
			if kills < 2 { // a third death of one request would be its answer
				p.isolated.keeper.Kill()
			}
		}
	})
	for range 2 {
		graders.Go(func() {
			for until := time.Now().Add(2500 * time.Millisecond); time.Now().Before(until); {
				if got, err := p.Verify(t.Context(), task, task.Code); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%+v, want %+v (%v)", got, want, err)
				}
			}
		})
	}
	graders.Wait()
	close(stop)
	killer.Wait()
	if p.isolated.keeper.Deaths() == 0 {
		t.Error("no process was replaced")
	}
}

// TestWorkerThatKeepsDying is infrastructure, and no score.
func TestWorkerThatKeepsDying(t *testing.T) {
	p := openIsolatedPool(t, Config{Workers: 1})
	ctx, cancel := context.WithCancel(t.Context())
	var killer sync.WaitGroup
	killer.Go(func() {
		for ctx.Err() == nil {
			p.isolated.keeper.Kill()
			time.Sleep(time.Millisecond)
		}
	})
	v, err := p.Verify(t.Context(), core.Task{Tests: square}, "while True: pass") // long enough to be killed, however slow the killer is
	if err != nil || v.Class != core.Infrastructure || !strings.Contains(v.Message, "signal: killed") {
		t.Errorf("%+v, %v", v, err)
	}
	cancel()
	killer.Wait()
	if v, err = p.Verify(t.Context(), core.Task{Tests: square}, "def f(x): return x * x"); err != nil || v.Class != core.Passed {
		t.Errorf("afterwards: %+v, %v", v, err)
	}
}

// TestIsolatedMethods compares every method with the same in this process: results, and errors with their types.
func TestIsolatedMethods(t *testing.T) {
	here, there := open(t, Config{Workers: 1}), openIsolatedPool(t, Config{Workers: 1})
	if here.Image() != there.Image() || here.Python() != there.Python() {
		t.Errorf("image %s, python %s; here %s, %s", there.Image(), there.Python(), here.Image(), here.Python())
	}
	for _, src := range []string{"x = 1", "x = = 1", "", "x = '\xff'", "x\x00"} {
		a, errA := here.Parses(t.Context(), src)
		b, errB := there.Parses(t.Context(), src)
		if a != b || fmt.Sprint(errA) != fmt.Sprint(errB) {
			t.Errorf("%q parses: %v (%v), here %v (%v)", src, b, errB, a, errA)
		}
	}
	for name, task := range map[string]core.Task{
		"good":        {ID: "1", Code: "def f(x): return x * x", Tests: square},
		"no solution": {ID: "2", Tests: square},
		"no tests":    {ID: "3"},
		"bad import":  {ID: "4", Imports: []string{"import nothing_there"}, Tests: square},
		"no text":     {ID: "5", Code: "\xff", Tests: []string{"assert '\xff\x00'"}},
	} {
		for _, program := range []string{"", "def f(x): return x * x", "\xff\x00", "raise ValueError('\\udc80')"} {
			a, errA := here.Verify(t.Context(), task, program)
			b, errB := there.Verify(t.Context(), task, program)
			if !reflect.DeepEqual(a, b) || fmt.Sprint(errA) != fmt.Sprint(errB) {
				t.Errorf("%s: %+v (%v), here %+v (%v)", name, b, errB, a, errA)
			}
			if errors.As(errA, new(*grade.TaskError)) != errors.As(errB, new(*grade.TaskError)) {
				t.Errorf("%s: the error lost its type", name)
			}
		}
		a, errA := here.Reference(t.Context(), task)
		b, errB := there.Reference(t.Context(), task)
		if !reflect.DeepEqual(a, b) || fmt.Sprint(errA) != fmt.Sprint(errB) {
			t.Errorf("%s: reference %+v (%v), here %+v (%v)", name, b, errB, a, errA)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := there.Verify(ctx, core.Task{Code: "def f(x): return x * x", Tests: square}, "while True: pass")
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("cancelling took %s", took)
	}
	if err := there.Close(); err != nil {
		t.Error(err)
	}
	if _, err := there.Verify(t.Context(), core.Task{Tests: square}, "x"); !errors.Is(err, ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
}

// TestMeasuringIsNotAnsweredFromMemory asks as the process is asked: what is measured leaves the reference solution's verdict, which
// is given away once, where it is.
func TestMeasuringIsNotAnsweredFromMemory(t *testing.T) {
	p := open(t, Config{Workers: 1})
	task := core.Task{ID: "1", Code: "def f(x): return x * x", Tests: square}
	pr, err := p.prepare(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		operation operation
		fresh     bool
	}{{opMeasure, true}, {opVerify, false}} {
		var r reply
		b, err := p.answer(t.Context(), worker.Encode(request{Operation: tt.operation, Task: task, Program: task.Code}))
		if err = errors.Join(err, worker.Decode(b, &r)); err != nil || r.Verdict.Class != core.Passed || r.Verdict.Fuel != pr.reference.Fuel {
			t.Errorf("operation %d: %+v, %v", tt.operation, r, err)
		}
		if pr.fresh.Load() != tt.fresh {
			t.Errorf("operation %d: the reference's verdict is there: %t, want %t", tt.operation, pr.fresh.Load(), tt.fresh)
		}
	}
}

// TestRequestsCarryEverything fills every field of what crosses the pipe; what Encode cannot send panics here.
func TestRequestsCarryEverything(t *testing.T) {
	for _, v := range []any{
		&request{opVerify, core.Task{ID: "1", Benchmark: "b", Text: "t", Code: "c", Entry: "e", Imports: []string{"i"}, Setup: "s", Judge: "j", Tests: []string{"a", ""}, Challenge: []string{"\xff"}}, "p"},
		&reply{Verdict: core.Verdict{Class: core.Failed, Tests: []core.TestResult{{Class: core.Error, Exception: "E", Message: "\x00", Weak: true}}, Weak: true, Exception: "E", Message: "m", Fuel: 1, MemoryBytes: 2, StdoutBytes: 3}, Parses: true, Error: "e", Task: &grade.TaskError{Exception: "E", Message: "m"}, Failure: &grade.Failure{Message: "f"}},
		&Config{Image: "i", Workers: 1, Fuel: 2, Wall: 3, Sleep: 4, MemoryMiB: 5, OutputBytes: 6, SourceBytes: 7, Portable: true, Isolate: true},
		&introduction{"a", "b"},
	} {
		full(t, reflect.ValueOf(v).Elem(), reflect.TypeOf(v).Elem().Name())
		got := reflect.New(reflect.TypeOf(v).Elem())
		if err := worker.Decode(worker.Encode(reflect.ValueOf(v).Elem().Interface()), got.Interface()); err != nil || !reflect.DeepEqual(got.Interface(), v) {
			t.Errorf("%+v became %+v: %v", v, got, err)
		}
	}
}

// full fails where a field is empty: a field that was added later must be in the list above.
func full(t *testing.T, v reflect.Value, name string) {
	t.Helper()
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			full(t, v.Field(i), name+"."+v.Type().Field(i).Name)
		}
	} else if v.IsZero() {
		t.Errorf("%s is empty", name)
	}
}
