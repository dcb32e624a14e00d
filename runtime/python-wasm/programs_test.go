package pythonwasm

import (
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

var square = []string{"assert f(2) == 4", "assert f(3) == 9"}

// programs is one program of each kind, with what becomes of it.
var programs = []struct {
	name      string
	program   string
	task      core.Task // Tests nil: square
	class     core.Class
	exception string
	message   string // part of it
}{
	{name: "right", program: "def f(x): return x * x", class: core.Passed},
	{name: "wrong value says what came back", program: "def f(x): return x + 1", class: core.Failed, exception: "AssertionError", message: "got 3"},
	{name: "raises", program: "def f(x): return 1 // 0", class: core.Error, exception: "ZeroDivisionError", message: "by zero"},
	{name: "raises when it is read", program: "raise KeyError('early')", class: core.Error, exception: "KeyError", message: "early"},
	{name: "defines another name", program: "def g(x): return x * x", class: core.Error, exception: "NameError", message: "'f'"},
	{name: "own failed assertion", program: "def f(x):\n  assert x < 0, 'mine'\n", class: core.Failed, exception: "AssertionError", message: "mine"},
	{name: "does not parse", program: "def f(x) return", class: core.Syntax, exception: "SyntaxError", message: "expected ':'"},
	{name: "is not UTF-8", program: "def f(x): return '\xff'", class: core.Syntax, exception: "SyntaxError"},
	{name: "holds a null byte", program: "def f(x): return x * x\x00", class: core.Syntax, exception: "SyntaxError", message: "null bytes"},
	{name: "is indented wrongly", program: "def f(x):\nreturn x", class: core.Syntax, exception: "IndentationError"},
	{name: "leaves", program: "import sys\ndef f(x): sys.exit(0)", class: core.Exit, exception: "SystemExit"},
	{name: "leaves at once", program: "import os\nos._exit(0)", class: core.Exit, message: "status 0"},
	{name: "aborts", program: "import os\ndef f(x): os.abort()", class: core.Exit, message: "aborted"},
	{name: "loops", program: "def f(x):\n  while True: pass", class: core.Timeout, message: "out of fuel"},
	{name: "sleeps for years", program: "import time\ndef f(x): time.sleep(1e9)", class: core.Timeout, message: "waits"},
	{name: "sleeps a little", program: "import time\ndef f(x):\n  a = time.monotonic(); time.sleep(1.5); assert 1.4 < time.monotonic() - a < 1.7; return x * x", class: core.Passed},
	{name: "deadlocks", program: "import threading\ndef f(x):\n  l = threading.Lock(); l.acquire(); l.acquire()", class: core.Timeout, message: "waits"},
	{name: "waits for a queue", program: "import queue\ndef f(x): return queue.Queue().get()", class: core.Timeout, message: "waits"},
	{name: "waits for a queue with a time-out", program: "import queue\ndef f(x):\n  try: queue.Queue().get(timeout=2)\n  except queue.Empty: return x * x", class: core.Passed},
	{name: "waits for an event of asyncio", program: "import asyncio\ndef f(x):\n  async def g(): await asyncio.Event().wait()\n  asyncio.run(g())", class: core.Timeout, message: "waits"},
	{name: "runs asyncio", program: "import asyncio\nasync def g(x):\n  await asyncio.sleep(0.1)\n  return x\ndef f(x):\n  async def m():\n    a, b = await asyncio.gather(g(x), asyncio.wait_for(g(x), 5))\n    return a * b\n  return asyncio.run(m())", class: core.Passed},
	{name: "misses a time-out of asyncio", program: "import asyncio\ndef f(x):\n  async def m():\n    try: await asyncio.wait_for(asyncio.sleep(9), 1)\n    except TimeoutError: return x * x\n  return asyncio.run(m())", class: core.Passed},
	{name: "starts a thread", program: "import threading\ndef f(x): threading.Thread(target=print).start()", class: core.Error, exception: "RuntimeError", message: "can't start new thread"},
	{name: "fills memory", program: "def f(x): return 'a' * (1 << 28)", class: core.Memory, exception: "MemoryError"},
	{name: "recurses for ever", program: "def f(x): return f(x)", class: core.Error, exception: "RecursionError"},
	{name: "prints for ever", program: "def f(x):\n  while True: print('spam' * 100)", class: core.Output},
	{name: "prints beyond the limit and is right", program: "def f(x):\n  print('y' * (1 << 20), end='z')\n  return x * x", class: core.Output},
	{name: "reads a file", program: "def f(x): return open('/etc/passwd').read()", class: core.Error, exception: "FileNotFoundError"},
	{name: "writes a file", program: "def f(x): open('/tmp/x', 'w')", class: core.Error},
	{name: "opens a socket", program: "import socket\ndef f(x): socket.socket()", class: core.Error, exception: "OSError", message: "no network"},
	{name: "asks for the environment", program: "import os, sys\ndef f(x): return x * x + len(os.environ) + len(sys.argv[0])", class: core.Passed},
	{name: "lies about equality", program: "class L(int):\n  __eq__ = lambda s, o: True\n  __hash__ = int.__hash__\ndef f(x): return L(5)", class: core.Failed, message: "got 5"},
	{name: "returns what cannot be compared", program: "class E:\n  __eq__ = lambda s, o: True\ndef f(x): return E()", class: core.Failed, message: "of type E"},
	{name: "returns a cycle", program: "def f(x):\n  l = []; l.append(l); return l", class: core.Failed, message: "[[[["},
	{name: "returns a cycle through a tuple", program: "def f(x):\n  l = []; t = (l,); l.append(t); return t", class: core.Failed},
	{name: "nests without end", program: "def f(x):\n  l = []\n  for _ in range(10**5): l = [l]\n  return l", class: core.Memory, message: "too deeply"},
	{name: "returns too much", program: "def f(x): return 'é' * (17 << 20)", class: core.Memory, message: "too large"},
	{
		name: "returns again what an object showed that cannot be iterated", class: core.Passed,
		program: "shared = [7]\nclass I:\n  def __iter__(s):\n    yield shared\n    raise ValueError\ndef f(x): return [[0], I(), shared, shared, [x], 'end']",
		task:    core.Task{Tests: []string{"assert len(f(2)) == 6", "a = f(3)\nassert [a[0], a[2], a[3], a[4], a[5]] == [[0], [7], [7], [3], 'end']"}},
	},
	{
		name: "returns strings and small numbers again and again", class: core.Passed, // more strings than can be referred to at once
		program: "w = [chr(97 + i % 26) * (1 + i // 26) for i in range(600)]\ndef f(x): return [w, w[::-1], dict(zip(w, range(-300, 300))), w * x, range(-6, 252)]",
		task: core.Task{
			Judge: "w = [chr(97 + i % 26) * (1 + i // 26) for i in range(600)]",
			Tests: []string{"assert f(3) == [w, w[::-1], dict(zip(w, range(-300, 300))), w * 3, range(-6, 252)]", "assert list(map(list, f(1)))[-1] == list(range(-6, 252))"},
		},
	},
	{
		name: "is called while the arguments of another call are on their way", class: core.Passed,
		program: "def f(x): return [x, x * x]\ndef g(a, xs, b, c): return [a, list(xs), b, c, b is c]",
		task:    core.Task{Tests: []string{"a, b = [0], [9]\nfor n in [3]:\n  assert g(a, (f(x)[1] for x in [1, 2, n]), b, b) == [[0], [1, 4, 9], [9], [9], True]"}},
	},
	{name: "nests brackets as deeply as Python allows", program: "def f(x): return x * x" + "\ny = " + strings.Repeat("[", 200) + strings.Repeat("]", 200), class: core.Passed},
	{name: "nests brackets more deeply", program: "y = " + strings.Repeat("[", 201) + strings.Repeat("]", 201), class: core.Syntax, exception: "SyntaxError", message: "too many nested"},
	{name: "nests brackets without end", program: strings.Repeat("[", 500_000), class: core.Syntax, exception: "SyntaxError", message: "too many nested"},
	{name: "nests calls without end", program: "y = " + strings.Repeat("f(", 200_000), class: core.Syntax, exception: "SyntaxError", message: "too many nested"},
	{name: "adds up nine thousand terms", program: "def f(x): return x * x" + strings.Repeat(" + 0", 9_000), class: core.Passed},
	{
		name: "set-up comes after the program", program: "class Node:\n  def __init__(s, v): s.v, s.n = v, None\ndef f(n): return n.v + n.n.v", class: core.Passed,
		task: core.Task{Setup: "root = Node(1)\nroot.n = Node(2)", Tests: []string{"assert f(root) == 3"}},
	},
	{
		name: "imports of the tests are there for the program", program: "def f(x): return math.sqrt(x)", class: core.Passed,
		task: core.Task{Imports: []string{"import math"}, Tests: []string{"assert math.isclose(f(2), 1.41421356, rel_tol=1e-6)"}},
	},
	{
		name: "entry hides a builtin", program: "def sum(a, b): return a + b", class: core.Passed,
		task: core.Task{Tests: []string{"assert sum(10, 15) == 25"}},
	},
	{
		name: "arguments that it changes", program: "def f(xs): xs.append(9)", class: core.Passed,
		task: core.Task{Tests: []string{"xs = [1]\nf(xs)\nassert xs == [1, 9]", "a = [3]; b = 2\nassert f(a) is None and a == [3, 9] and b == 2"}},
	},
	{
		name: "the judge's code stays with the judge", program: "def f(x): return close(x)", class: core.Error, exception: "NameError",
		task: core.Task{Judge: "def close(a): return a * 2", Tests: []string{"assert f(1) == close(1)"}},
	},
	{
		name: "the judge compares", program: "def f(x): return x / 3", class: core.Passed,
		task: core.Task{Judge: "ARGS = [(1,), (2.5,)]\ndef close(a, b): return abs(a - b) < 1e-6", Tests: []string{"assert close(f(*ARGS[0]), 0.3333333333)", "assert close(f(*ARGS[1]), 2.5 / 3)"}},
	},
	{
		name: "a loop of tests", program: "def f(x): return x * x", class: core.Passed,
		task: core.Task{Tests: []string{"for x, y in [(1, 1), (2, 4)]:\n  assert f(x) == y"}},
	},
	{
		name: "a check function, given the program's", program: "def f(x, *, k=1): return x * k", class: core.Passed,
		task: core.Task{Entry: "f", Tests: []string{"def check(candidate):\n  assert candidate(2) == 2\n  assert candidate(2, k=3) == 6\ncheck(f)"}},
	},
	{
		name: "an expected exception", program: "class Bad(ValueError): pass\ndef f(x):\n  raise Bad('no %d' % x)", class: core.Passed,
		task: core.Task{Tests: []string{"try:\n  f(-1)\nexcept ValueError as e:\n  assert str(e) == 'no -1'\nelse:\n  assert False"}},
	},
	{
		name: "arguments changed from afar", program: "def f(xs, d):\n  xs.sort(); d['n'] = len(xs)\n  return xs", class: core.Passed,
		task: core.Task{Tests: []string{"for a in [[3, 1, 2]]:\n  d = {}\n  r = f(a, d)\n  assert a == [1, 2, 3] and r is a and d == {'n': 3}"}},
	},
	{
		name: "a function that wants a function of the program", program: "def g(x): return x + 1\ndef f(h, x): return h(x) * 2", class: core.Passed,
		task: core.Task{Tests: []string{"for x in range(3):\n  assert f(g, x) == 2 * (x + 1)"}},
	},
	{
		name: "state between calls from afar", program: "n = 0\ndef f():\n  global n; n += 1\n  return n", class: core.Passed,
		task: core.Task{Tests: []string{"for i in range(1, 4):\n  assert f() == i"}},
	},
	{
		name: "an enum of the set-up", program: "def f(n): return Color(n)", class: core.Passed,
		task: core.Task{Setup: "import enum\nclass Color(enum.Enum):\n  RED = 1\n  BLUE = 2", Tests: []string{"assert f(2) is Color.BLUE", "assert f(1) != Color.BLUE"}},
	},
	{
		name: "a test that is no Python", program: "def f(x): return x", class: core.Error, exception: "SyntaxError", message: "no Python",
		task: core.Task{Tests: []string{"assert f(1) == = 1"}},
	},
}

// TestPrograms is the table of what becomes of a program.
func TestPrograms(t *testing.T) {
	p := pool(t)
	for _, tt := range programs {
		t.Run(tt.name, func(t *testing.T) {
			task := tt.task
			if task.Tests == nil {
				task.Tests, task.Code = square, "def f(x): return x * x"
			}
			v, err := p.Verify(t.Context(), task, tt.program)
			if err != nil {
				t.Fatal(err)
			}
			if v.Class != tt.class || (tt.exception != "" && v.Exception != tt.exception) || !strings.Contains(v.Message, tt.message) {
				t.Errorf("%s: %s: %s, want %s: %s: …%s…", v.Class, v.Exception, v.Message, tt.class, tt.exception, tt.message)
			}
			if len(v.Tests) != len(task.Tests) {
				t.Errorf("%d results for %d tests", len(v.Tests), len(task.Tests))
			}
			if v.Weak {
				t.Error("the verdict is weak")
			}
		})
	}
}

func TestEachTestHasItsOutcome(t *testing.T) {
	task := core.Task{Tests: []string{"assert f(1) == 1", "assert f(2) == 4", "assert f(0) == 0", "assert f(4) == 2"}}
	v, err := pool(t).Verify(t.Context(), task, "def f(x):\n  if x == 2: return 5\n  if x == 0: raise ValueError('zero')\n  if x == 4: raise SystemExit\n  return x")
	if err != nil {
		t.Fatal(err)
	}
	want := []core.Class{core.Passed, core.Failed, core.Error, core.Exit}
	for i, r := range v.Tests {
		if r.Class != want[i] {
			t.Errorf("test %d: %s, want %s", i, r.Class, want[i])
		}
	}
	if v.Class != core.Failed || v.Message != "got 5" {
		t.Errorf("the verdict is %s: %s", v.Class, v.Message)
	}
}

func TestTasksAtFault(t *testing.T) {
	p := pool(t)
	for name, task := range map[string]core.Task{
		"no tests":               {ID: "1"},
		"imports what is absent": {ID: "2", Imports: []string{"import numpy"}, Tests: square},
		"imports are no Python":  {ID: "3", Imports: []string{"import"}, Tests: square},
		"set-up is no Python":    {ID: "4", Setup: "x = = 1", Tests: square},
		"judge raises":           {ID: "5", Judge: "1 / 0", Tests: square},
		"imports end":            {ID: "6", Imports: []string{"import os; os._exit(3)"}, Tests: square},
	} {
		if v, err := p.Verify(t.Context(), task, "def f(x): return x * x"); err == nil || !strings.Contains(err.Error(), "verify task "+task.ID+": ") {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}

func TestParses(t *testing.T) {
	p := pool(t)
	for src, want := range map[string]bool{
		"": true, "x = 1": true, "def f(:": false, "return 1": false, "```python\nx\n```": false, "x = '\xff'": false, "\x00": false,
		"match x:\n  case [a, *_]: pass": true, "await x": false, strings.Repeat("(", 1000): false, strings.Repeat("-", 100000) + "1": false,
		strings.Repeat("[", 90) + strings.Repeat("]", 90): true, strings.Repeat("x = 1\n", 500000): false,
	} {
		if got, err := p.Parses(t.Context(), src); err != nil || got != want {
			t.Errorf("%.40q: %v, %v", src, got, err)
		}
	}
}

func TestLimits(t *testing.T) {
	p := open(t, Config{Workers: 1, Fuel: 3_000_000, MemoryMiB: 64, SourceBytes: 100, OutputBytes: 50})
	task := core.Task{Tests: square}
	for _, tt := range []struct {
		program string
		want    core.Class
	}{
		{"def f(x): return x * x", core.Passed},
		{"def f(x): return sum(range(10**6)) * 0 + x * x", core.Timeout},
		{"def f(x):\n  a = bytearray(50 << 20)\n  return x * x", core.Memory},
		{"def f(x):\n  a = bytearray(5 << 20)\n  return x * x", core.Passed},
		{"def f(x): return x * x" + strings.Repeat(" ", 100), core.Memory},
		{"def f(x):\n  print('o' * 49)\n  return x", core.Output},
	} {
		v, err := p.Verify(t.Context(), task, tt.program)
		if err != nil {
			t.Fatal(err)
		}
		if v.Class != tt.want {
			t.Errorf("%q: %s: %s, want %s", tt.program, v.Class, v.Message, tt.want)
		}
	}
}

func TestMemoryIsMeasured(t *testing.T) {
	p := pool(t)
	task := core.Task{Tests: []string{"assert f(2) == 4"}}
	measure := func(program string) int64 {
		v, err := p.Verify(t.Context(), task, program)
		if err != nil || v.Class != core.Passed {
			t.Fatal(v, err)
		}
		return v.MemoryBytes
	}
	small := measure("def f(x): return x * x")
	if small < 4096 || small > 512<<10 { // a page for each size of object, and not many
		t.Errorf("a small program takes %d bytes", small)
	}
	for _, mib := range []int64{8, 32} {
		for _, how := range []string{"bytearray(%d << 20)", "[0] * (%d << 18)"} {
			got := measure("def f(x):\n  a = " + strings.ReplaceAll(how, "%d", itoa(mib)) + "\n  del a\n  return x * x")
			if got < mib<<20 || got > (mib<<20)+small+(1<<20) {
				t.Errorf("%s of %d MiB takes %d bytes", how, mib, got)
			}
		}
	}
}
