package pythonwasm

import (
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func classes(v core.Verdict) string {
	var out []string
	for _, r := range v.Tests {
		out = append(out, string(r.Class))
	}
	return strings.Join(out, " ")
}

// TestATestThatEndsTheInterpreter leaves the tests behind it to a fresh one, where the program has run again and the tests before have
// not; after three such ends the rest is not run.
func TestATestThatEndsTheInterpreter(t *testing.T) {
	p := open(t, Config{Workers: 1, Fuel: 3_000_000})
	four := []string{"assert f(1) == 1", "assert f(2) == 4", "assert f(3) == 9", "assert f(4) == 16", "assert f(5) == 25"}
	for _, tt := range []struct{ name, program, want string }{
		{"one loops", "def f(x):\n  while x == 2: pass\n  return x * x", "passed timeout passed passed passed"},
		{"one fails behind one that loops", "def f(x):\n  while x == 2: pass\n  return x * x % 5", "passed timeout failed failed failed"},
		{"one leaves", "import os\ndef f(x):\n  if x == 1: os._exit(0)\n  return x * x", "exit passed passed passed passed"},
		{"one aborts", "import os\ndef f(x):\n  if x == 3: os.abort()\n  return x * x", "passed passed exit passed passed"},
		{"one sleeps for ever", "import time\ndef f(x):\n  if x == 5: time.sleep(1e9)\n  return x * x", "passed passed passed passed timeout"},
		{"the first counts on", "n = 0\ndef f(x):\n  global n; n += 1\n  while x == 3: pass\n  return x * x + n - x", "passed passed timeout failed failed"},
		{"all loop", "def f(x):\n  while True: pass", "timeout timeout timeout timeout timeout"},
		{"all leave", "import os\ndef f(x): os._exit(0)", "exit exit exit exit exit"},
		{"the program loops", "while True: pass", "timeout timeout timeout timeout timeout"},
	} {
		v, err := p.Verify(t.Context(), core.Task{Tests: four}, tt.program)
		if err != nil {
			t.Fatal(err)
		}
		if got := classes(v); got != tt.want {
			t.Errorf("%s: %s, want %s (%s)", tt.name, got, tt.want, v.Message)
		}
		if v.Fuel > 6_000_000 {
			t.Errorf("%s: fuel %d, twice the limit is all that there is", tt.name, v.Fuel)
		}
		again, err := p.Verify(t.Context(), core.Task{Tests: four}, tt.program)
		if err != nil || again.Fuel != v.Fuel || again.MemoryBytes != v.MemoryBytes || classes(again) != classes(v) {
			t.Errorf("%s: another verdict the second time: %+v, then %+v, %v", tt.name, v, again, err)
		}
	}
}

// TestALoopInATestFromAfar is the same for tests that run in the grader's interpreter and call the program.
func TestALoopInATestFromAfar(t *testing.T) {
	p := open(t, Config{Workers: 1, Fuel: 3_000_000})
	task := core.Task{Tests: []string{"for x in [1, 2]:\n  assert f(x) == x * x", "for x in [3]:\n  assert f(x) == 9", "assert f(4) == 16"}}
	v, err := p.Verify(t.Context(), task, "def f(x):\n  while x == 2: pass\n  return x * x")
	if err != nil || classes(v) != "timeout passed passed" {
		t.Errorf("%s: %s, %v", classes(v), v.Message, err)
	}
}

// TestFuelOfTheReference gives each part of a verdict four times what the reference needs for it, or the floor.
func TestFuelOfTheReference(t *testing.T) {
	p := open(t, Config{Workers: 1})
	const reference = "def f(n):\n  for _ in range(n): pass\n  return n"
	task := core.Task{Code: reference, Tests: []string{"assert f(30_000_000) == 30_000_000", "assert f(1) == 1"}}
	pr, err := p.prepare(t.Context(), task)
	if err != nil || pr.reference.Class != core.Passed {
		t.Fatal(pr, err)
	}
	f := pr.fuel
	if f.Program != FuelFloor || f.OfTest(0) != FuelMultiple*pr.use.Tests[0] || f.OfTest(1) != FuelFloor || f.OfTest(0) <= FuelFloor {
		t.Errorf("limits %+v of %+v", f, pr.use)
	}
	if want := 2*FuelFloor + FuelMultiple*pr.reference.Fuel; f.Total != want {
		t.Errorf("in all %d, want %d", f.Total, want)
	}
	known, err := p.Verify(t.Context(), task, reference)
	if err != nil || known.Fuel != pr.reference.Fuel || classes(known) != "passed passed" {
		t.Errorf("%+v, %v", known, err)
	}
	measured, err := p.Verify(t.Context(), task, reference) // this time it runs
	if err != nil || measured.Fuel != known.Fuel || measured.MemoryBytes != known.MemoryBytes {
		t.Errorf("%+v, then %+v, %v", known, measured, err)
	}
}

// TestLargeValues returns more in all than the buffer between the interpreters holds, and then more at once.
func TestLargeValues(t *testing.T) {
	var tests []string
	for range 8 {
		tests = append(tests, "assert len(f(5 << 20)) == 5 << 20")
	}
	v, err := pool(t).Verify(t.Context(), core.Task{Tests: append(tests, "assert len(f(15 << 20)) == 15 << 20", "assert f(17 << 20)", "assert f(1) == 'x'")}, "def f(n): return 'x' * n")
	want := strings.Repeat("passed ", 9) + "memory passed"
	if err != nil || classes(v) != want {
		t.Errorf("%s: %s, %v", classes(v), v.Message, err)
	}
}

// TestExpectedValuesAreComputedOnce asks a judge's constant function, which says how often it has run.
func TestExpectedValuesAreComputedOnce(t *testing.T) {
	task := core.Task{
		Judge: "_harness_constant = ['want']\ncalls = 0\ndef want(*a):\n  global calls; calls += 1\n  if a == (9,): raise ValueError('nine')\n  return [calls, *a]",
		Tests: []string{"assert f(1) == want(1)", "assert f(2) == want(2) and calls == 0", "assert f(3) == want(float('3'))", "assert f(4) == want(5)", "assert f(9) == want(9)"},
	}
	v, err := pool(t).Verify(t.Context(), task, "n = 0\ndef f(x):\n  global n; n += 1\n  return [n, x]")
	if err != nil || classes(v) != "passed passed passed failed error" {
		t.Fatalf("%s, %v", classes(v), err)
	}
	if m := v.Tests[3].Message; m != "got [4, 4]; expected [4, 5]" {
		t.Errorf("message %q", m)
	}
	if m := v.Tests[4].Message; m != "nine" {
		t.Errorf("message %q", m)
	}
}

// TestManyItems returns six million references to a few strings, as many to a few numbers, and a million small numbers, as answers of MBPP+'s Mbpp/255 do,
// and then more items than the grader has memory for.
func TestManyItems(t *testing.T) {
	const program = "def f(n, x): return [tuple(x) * n for _ in range(80_000)]\ndef g(n): return [True] * n"
	task := core.Task{
		Judge: "_harness_constant = ['want']\ndef want(n, x): return [tuple(x) * n for _ in range(80_000)]",
		Tests: []string{
			"assert f(20, ['red', 'green', 'blue', 'no']) == want(20, ['red', 'green', 'blue', 'no'])", "assert f(4, [1, 2, -5, 250]) == want(4, [1, 2, -5, 250])",
			"assert f(20, [-44, 10 ** 30, 57.25, float('-inf')]) == want(20, [-44, 10 ** 30, 57.25, float('-inf')])", "assert f(4, [1, 251]) == want(4, [1, 250])", "assert g(16_000_000) == g(15_999_999) + [True]",
		},
	}
	v, err := pool(t).Verify(t.Context(), task, program)
	if err != nil || classes(v) != "passed passed passed failed memory" {
		t.Errorf("%s: %s, %v", classes(v), v.Message, err)
	}
}
