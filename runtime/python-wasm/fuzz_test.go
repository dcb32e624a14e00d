package pythonwasm

import (
	"errors"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/grade"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
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

// encodings are values as image/c/encode.c writes them, one at least of each tag.
var encodings = []string{
	"N", "T", "F", "e", "n", "o", "u\x00", "u\xff", "l\x03\x00\x00\x00w\x07s\x01\x01\x00\x00\x00aR\x07R\x08", "w\x07w\x07s\x01\x00\x00\x00\x00", "i\x05\x00\x00\x00\x00\x00\x00\x00", "I\x02\x00\x00\x00\x00\x01", "f\x00\x00\x00\x00\x00\x00\xf0\x7f",
	"c\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\xf0\xbf", "s\x01\x02\x00\x00\x00ab", "s\x04\x01\x00\x00\x00\x00\xf6\x01\x00",
	"b\x01\x00\x00\x00\xff", "B\x01\x00\x00\x00\xff", "ad\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f", "v\x01\x00\x00\x00a",
	"l\x02\x00\x00\x00NT", "*l\x01\x00\x00\x00@\x00\x00\x00\x00", "l\x02\x00\x00\x00*l\x00\x00\x00\x00@\x00\x00\x00\x00", "t\x01\x00\x00\x00N",
	"d\x01\x00\x00\x00NT", "C\x01\x00\x00\x00NT", "O\x01\x00\x00\x00NT", "X\x01\x00\x00\x00NT", "S\x01\x00\x00\x00N", "Z\x01\x00\x00\x00N",
	"qN\x01\x00\x00\x00T", "qi\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00T", "rTTT", "LNTN", "Ds\x01\x03\x00\x00\x000.1", "QTT",
	"Y\xe8\x07\x00\x00\x02\x00\x00\x00\x1d\x00\x00\x00", "m\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00",
	"A\xe8\x07\x00\x00\x02\x00\x00\x00\x1d\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00N",
	"h\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00zm\x00\x00\x00\x00\x3c\x00\x00\x00\x00\x00\x00\x00",
	"k\x01\x00\x00\x00N", "K\x01\x00\x00\x00t\x02\x00\x00\x00NT", "V\x01\x00\x00\x00N", "g\x00\x01\x00\x00\x00N", "g\x01\x01\x00\x00\x00N", "y\x05",
	"U\x01\x00\x00\x00Es\x01\x01\x00\x00\x00A", "ps\x01\x01\x00\x00\x00f", "Md\x01\x00\x00\x00NT", "jd\x01\x00\x00\x00s\x01\x01\x00\x00\x00aT",
	"x\x08t\x01\x00\x00\x00N", "W\x00d\x00\x00\x00\x00", "W\x01l\x00\x00\x00\x00", "W\x02s\x01\x00\x00\x00\x00", "W\x03l\x01\x00\x00\x00d\x00\x00\x00\x00",
	"W\x04i\x05\x00\x00\x00\x00\x00\x00\x00", "Ps\x01\x02\x00\x00\x00/a", "J\x01\x00\x00\x00P\x03d\x01\x00\x00\x00s\x01\x01\x00\x00\x00aT",
}

// FuzzDecode gives the decoder of values any bytes, as the argument of a call of a function that is not there: the interpreter never
// crashes, and whatever the bytes are, the answer is an exception.
func FuzzDecode(f *testing.F) {
	for _, e := range encodings {
		f.Add([]byte(e))
	}
	p, err := Open(f.Context(), Config{Image: imageFolder(f), Workers: 1})
	if err != nil {
		f.Fatal(err)
	}
	box, err := p.engine.NewBox(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := errors.Join(box.Close(f.Context()), p.Close()); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, value []byte) {
		request := "t\x03\x00\x00\x00s\x01\x05\x00\x00\x00othert\x01\x00\x00\x00" + string(value) + "d\x00\x00\x00\x00"
		end, err := box.Call(t.Context(), "harness_call", []byte(request), sandbox.Limits{Fuel: 200_000_000, Wall: time.Minute, Output: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if end.Ending != sandbox.Returned && end.Ending != sandbox.OutOfFuel {
			t.Errorf("ending %d: %s", end.Ending, end.Message)
		}
		if _, err := box.Reset(); err != nil {
			t.Fatal(err)
		}
	})
}
