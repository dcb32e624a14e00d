package pythonwasm

import (
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// TestSetupThatCompares: a function of the set-up that calls the program and compares holds what is expected, as a test does.
func TestSetupThatCompares(t *testing.T) {
	const (
		check  = "def check(x, want):\n  assert f(x) == want\n"
		fixed  = "def ok():\n  want = {2: 4, 3: 9}\n  return all(f(x) == y for x, y in want.items())\n"
		thief  = "class A:\n  __eq__ = lambda s, o: True\n"
		honest = "def f(x): return x * x"
	)
	for _, c := range []struct {
		name, setup, test, program string
		want                       core.Class
		weak                       bool
	}{
		{"honest", check, "check(2, 4)", honest, core.Passed, false},
		{"wrong", check, "check(2, 4)", "def f(x): return x", core.Failed, false},
		{"equal to all", check, "check(2, 4)", thief + "def f(x): return A()", core.Failed, false},
		{"defined anew by the program", check, "check(2, 4)", "def f(x): return 0\ndef check(*a): pass", core.Failed, false},
		{"put in place by the program", check, "check(2, 4)", "import sys\ndef f(x):\n  for frame in sys._current_frames().values():\n    frame.f_globals['check'] = lambda *a: None\n  globals()['check'] = lambda *a: None\n  return 0", core.Failed, false},
		{"returned truth", fixed, "assert ok()", honest, core.Passed, false},
		{"constants of the set-up", fixed, "assert ok()", "def f(x): return [c for c in globals()['ok'].__code__.co_consts if type(c) is int][1]", core.Error, false},
		{"constants of the set-up, if there were any", fixed, "assert ok()", "def f(x):\n  g = globals().get('ok')\n  return 4 if g is None else x * x", core.Failed, false},
		{"used by another function", check + "def both():\n  check(2, 4)\n  check(3, 9)\n", "both()", honest, core.Passed, false},
		{"used by another function, wrong", check + "def both():\n  check(2, 4)\n  check(3, 9)\n", "both()", "def f(x): return 4", core.Failed, false},
		{"that uses one which comes later", "def both():\n  check(2, 4)\n  assert f(3) == 9\n" + check, "both()", honest, core.Passed, false},
		{"names from before", "import math\nTOL = 1e-6\ndef near(x, want):\n  assert math.isclose(f(x), want, rel_tol=TOL)\n", "near(2.0, 4.0)", honest, core.Passed, false},
		{"two tests", check, "check(2, 4)\ncheck(3, 9)", honest, core.Passed, false},
		{"a class that compares", "class Checks:\n  def run(self):\n    assert f(2) == 4\n", "Checks().run()", honest, core.Passed, true},
		{"the set-up uses it itself", check + "pairs = [(2, 4)]\nrun = lambda: check(*pairs[0])\n", "run()", honest, core.Passed, true},
		{"a function that compares nothing", "def twice(x): return f(f(x))\n", "assert twice(2) == 16", honest, core.Passed, false},
		{"a class of the set-up that the program uses", "class Node:\n  def __init__(self, v): self.v = v\n  def __eq__(self, o): return self.v == o.v\n", "assert f(Node(2)) == 4", "def f(n): return Node(n.v * n.v).v", core.Passed, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := pool(t).Verify(t.Context(), core.Task{ID: c.name, Setup: c.setup, Tests: []string{c.test}, Entry: "f"}, c.program)
			if err != nil {
				t.Fatal(err)
			}
			if v.Class != c.want || v.Weak != c.weak {
				t.Errorf("%s, weak %v: %s: %s; want %s, weak %v", v.Class, v.Weak, v.Exception, v.Message, c.want, c.weak)
			}
		})
	}
}
