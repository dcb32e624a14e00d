package pythonwasm

import (
	"errors"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/grade"
)

// FuzzTask compiles and grades any task with any program: the answer is a verdict on the program or an error about the task, never a
// failure of ours, and the pool goes on.
func FuzzTask(f *testing.F) {
	f.Add("import math", "x = 1", "def j(): pass", "assert f(1) == 1", "f", "def f(x): return x")
	f.Add("", "", "", "for i in range(3):\n  assert f(i) == i, 'no'", "", "f = lambda x: x")
	f.Add("", "a = f(1)", "E = [1]", "xs = []\nf(xs)\nassert xs == E", "", "def f(x): return x")
	f.Add("", "", "", "assert [f(x) for x in (1, 2)] == [1, 2] and not f(0)", "", "import sys\nsys.exit()")
	f.Add("\x00", "(", "import nothing", "assert", "\xff", "\xfe")
	p, err := Open(f.Context(), Config{Image: imageFolder(f), Workers: 1, Fuel: 3_000_000})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := p.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, imports, setup, judge, test, entry, program string) {
		task := core.Task{Imports: []string{imports}, Setup: setup, Judge: judge, Tests: []string{test}, Entry: entry}
		v, err := p.Verify(t.Context(), task, program)
		if err != nil {
			if !errors.As(err, new(*grade.TaskError)) {
				t.Fatal(err)
			}
			return
		}
		if v.Class == core.Infrastructure {
			t.Fatal(v.Message)
		}
		if v.Class != core.NoCode && len(v.Tests) != 1 {
			t.Fatalf("%d results", len(v.Tests))
		}
	})
}
