package pythonwasm

import (
	"slices"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// attack is a program that wants a verdict it does not deserve. Unless want says otherwise it must fail, in whatever way.
type attack struct {
	name    string
	program string
	tests   []string // nil: square
	want    []core.Class
	setup   string
}

var (
	failing = []core.Class{core.Failed, core.Error}
	ended   = []core.Class{core.Failed, core.Error, core.Exit, core.Memory, core.Timeout, core.Syntax, core.Output}
	passing = []core.Class{core.Passed}
)

var attacks = []attack{
	// Equality, truth and arithmetic that lie.
	{name: "int that equals everything", program: "class I(int):\n  __eq__ = lambda s, o: True\n  __hash__ = int.__hash__\ndef f(x): return I(0)"},
	{name: "str that equals everything", program: "class S(str):\n  __eq__ = lambda s, o: True\n  __hash__ = str.__hash__\ndef f(x): return S('no')", tests: []string{"assert f(2) == 'yes'"}},
	{name: "object whose reflected equality is true", program: "class R:\n  __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = lambda s, o: True\ndef f(x): return R()"},
	{name: "list that says it is another", program: "class L(list):\n  __eq__ = lambda s, o: True\n  __len__ = lambda s: 1\n  __iter__ = lambda s: iter([4])\n  __getitem__ = lambda s, i: 4\ndef f(x): return L()", tests: []string{"assert f(2) == [4]", "assert len(f(2)) == 1", "assert list(f(2)) == [4]", "assert f(2)[0] == 4 or True if len(f(2)) else False"}},
	{name: "float whose distance is zero", program: "class F(float):\n  __sub__ = __rsub__ = lambda s, o: 0.0\n  __abs__ = lambda s: 0.0\ndef f(x): return F(9)", tests: []string{"assert abs(f(2) - 4.5) < 1e-9", "import math\nassert math.isclose(f(2), 4.5)"}},
	{name: "dict that contains everything", program: "class D(dict):\n  __contains__ = lambda s, k: True\n  __missing__ = lambda s, k: 4\n  get = lambda s, k, d=None: 4\ndef f(x): return D()", tests: []string{"assert 'a' in f(2)"}},
	{name: "set that is a superset of all", program: "class S(set):\n  __ge__ = __le__ = __eq__ = lambda s, o: True\n  issuperset = lambda s, o: True\ndef f(x): return S()", tests: []string{"assert f(2) >= {1, 2}"}},
	{name: "lies within a tuple within a dict", program: "class I(int):\n  __eq__ = lambda s, o: True\n  __hash__ = int.__hash__\ndef f(x): return {'a': [(I(1), I(2))]}", tests: []string{"assert f(2) == {'a': [(3, 4)]}"}},
	{name: "keys that equal nothing, so that two are one", program: "class K(str):\n  __eq__ = lambda s, o: s is o\n  __hash__ = str.__hash__\ndef f(x): return {K('a'): 1, K('a'): 4}", tests: []string{"assert f(2) == {'a': 4}"}},
	{name: "decimal that prints another number", program: "from decimal import Decimal\nclass D(Decimal):\n  __str__ = lambda s: '4'\n  __eq__ = lambda s, o: True\n  __hash__ = Decimal.__hash__\ndef f(x): return D(1)"},
	{name: "fraction with patched parts", program: "import fractions\nfractions.Fraction.numerator = 4\nfractions.Fraction.denominator = 1\nfractions.Fraction._numerator = 4\nfractions.Fraction.__eq__ = lambda s, o: True\ndef f(x): return fractions.Fraction(1, 2)"},
	{name: "complex that is its conjugate", program: "class C(complex):\n  __eq__ = lambda s, o: True\n  __hash__ = complex.__hash__\ndef f(x): return C(1, 2)", tests: []string{"assert f(2) == 3j"}},
	{name: "bool that is both", program: "class B:\n  __bool__ = lambda s: True\ndef f(x): return B()", tests: []string{"assert f(2)", "assert not not f(2) is True"}},
	{name: "date that compares as it likes", program: "import datetime\nclass D(datetime.date):\n  __eq__ = lambda s, o: True\n  __hash__ = datetime.date.__hash__\ndef f(x): return D(2000, 1, 1)", tests: []string{"import datetime\nassert f(2) == datetime.date(2024, 2, 29)"}},
	{name: "ordered dict in another order", program: "from collections import OrderedDict\ndef f(x):\n  d = OrderedDict([(1, 2), (3, 4)]); d.move_to_end(1); return d", tests: []string{"from collections import OrderedDict\nassert f(2) == OrderedDict([(1, 2), (3, 4)])"}},

	// Metaclasses, descriptors and types.
	{name: "metaclass that is every class", program: "class M(type):\n  __eq__ = lambda c, o: True\n  __hash__ = type.__hash__\n  __instancecheck__ = lambda c, o: True\nclass int(metaclass=M): pass\ndef f(x): return int", tests: []string{"assert f(2) == 4", "assert f(2) is type(4)"}},
	{name: "__class__ that lies", program: "class X:\n  __class__ = property(lambda s: int)\n  __eq__ = lambda s, o: True\ndef f(x): return X()", tests: []string{"assert isinstance(f(2), int)", "assert f(2) == 4"}},
	{name: "descriptor that answers by frame", program: "import sys\nclass D:\n  def __get__(s, o, t): return 4\nclass X:\n  value = D()\ndef f(x): return X()", tests: []string{"assert f(2).value == 5"}},
	{name: "function with a code object from elsewhere", program: "def g(x): return 4\ndef f(x): return 0\nf.__code__ = g.__code__", tests: []string{"assert f(2) == 4", "assert f(3) == 9"}},
	{name: "__eq__ through __getattr__", program: "class X:\n  def __getattr__(s, n): return lambda *a: True\ndef f(x): return X()"},
	{name: "abstract base class that everyone subclasses", program: "import abc, builtins\nclass A(abc.ABC):\n  @classmethod\n  def __subclasshook__(c, s): return True\nbuiltins.int = A\ndef f(x): return 'four'", tests: []string{"assert isinstance(f(2), int)"}},
	{name: "__index__ and __int__ of a stranger", program: "class X:\n  __index__ = __int__ = __float__ = lambda s: 4\n  __trunc__ = __round__ = lambda s, *a: 4\ndef f(x): return X()", tests: []string{"assert f(2) == 4", "assert [4][f(2)] == 4", "assert f(2) - 4.0 == 0", "assert f(2) in [4]"}},
	{name: "__init_subclass__ and slots of a list", program: "class L(list):\n  __slots__ = ('x',)\n  __reduce__ = lambda s: (list, ([4],))\ndef f(x): return L([1])", tests: []string{"assert f(2) == [4]"}},

	// Looking for the expected value.
	{name: "frames above", program: "import sys\ndef f(x):\n  fr = sys._getframe(1)\n  found = []\n  while fr:\n    found += [c for c in fr.f_code.co_consts if isinstance(c, int)] + [v for v in fr.f_locals.values() if isinstance(v, int)]\n    fr = fr.f_back\n  return max([c for c in found if c != x], default=None)"},
	{name: "heap by gc", program: "import gc\ndef f(x):\n  for o in gc.get_objects():\n    if isinstance(o, (list, tuple)):\n      for v in o:\n        if isinstance(v, str) and v.startswith('assert f('): return eval(v.split('== ')[1])\n  return None"},
	{name: "referrers of the argument", program: "import gc\ndef f(x):\n  for r in gc.get_referrers(x):\n    if isinstance(r, tuple) and len(r) > 1: return r[-1]\n  return None", tests: []string{"assert f('ab') == 'ba'"}},
	{name: "source by linecache and inspect", program: "import linecache, inspect\ndef f(x):\n  for fr in inspect.stack():\n    for line in fr.code_context or []:\n      if '==' in line: return eval(line.split('==')[1])\n  return None"},
	{name: "audit hook", program: "import sys\nS = []\nsys.addaudithook(lambda e, a: S.append(repr((e, a))))\ndef f(x):\n  import re\n  for s in S:\n    m = re.search(r'== (\\d+)', s)\n    if m: return int(m[1])", want: ended},
	{name: "trace and profile", program: "import sys\nS = []\nsys.setprofile(lambda *a: S.append(a))\nsys.settrace(lambda *a: S.append(a))\ndef f(x):\n  return next((c for fr, *_ in S for c in fr.f_code.co_consts if c in (4, 9)), None)", want: ended},
	{name: "monitoring", program: "import sys\nm = sys.monitoring\nm.use_tool_id(1, 'x')\nC = []\nm.register_callback(1, m.events.PY_START, lambda c, o: C.extend(c.co_consts))\nm.set_events(1, m.events.PY_START)\ndef f(x): return next((c for c in C if c in (4, 9)), None)"},
	{name: "files of the interpreter", program: "import os\ndef f(x):\n  for d, _, fs in os.walk('/'):\n    for n in fs:\n      if 'test' in n and n.endswith('.json'): return 4\n  return None"},
	{name: "memory through ctypes", program: "import ctypes\ndef f(x): return ctypes.c_long.from_address(id(4)).value"},
	{name: "environment and arguments", program: "import os, sys\ndef f(x): return len(os.environ) + len([a for a in sys.argv if a]) + (4 if os.getpid() > 4e9 else 0)"},
	{name: "marshal of the running code", program: "import sys, marshal\ndef f(x): return max((c for c in marshal.dumps(sys._getframe(1).f_code) if c not in (x,)), default=0) and None"},
	{name: "stand-ins of the grader", program: "def f(x):\n  r = [t for t in object.__subclasses__() if t.__name__ == 'remote']\n  return r[0]('f') if r else None"},

	// Patching the interpreter.
	{name: "builtins replaced", program: "import builtins\nbuiltins.abs = builtins.len = builtins.sorted = builtins.set = builtins.all = lambda *a, **k: 4\ndef f(x): return None", tests: []string{"assert abs(f(2)) == 4", "assert len(f(2)) == 4", "assert all([f(2) == 4])"}},
	{name: "builtins gone, but right", program: "import builtins, sys\nb = vars(builtins)\nfor k in list(b):\n  if k != '__build_class__': b[k] = None\nsys.modules.clear()\nf = lambda x: x * x", want: passing},
	{name: "AssertionError that is no error", program: "import builtins\nclass A(BaseException): pass\nbuiltins.AssertionError = A\ndef f(x): return 0"},
	{name: "math replaced", program: "import sys, types\nm = types.ModuleType('math')\nm.isclose = lambda *a, **k: True\nsys.modules['math'] = m\ndef f(x): return 0", tests: []string{"import math\nassert math.isclose(f(2), 4)"}},
	{name: "import replaced", program: "import builtins\nbuiltins.__import__ = lambda *a, **k: type('M', (), {'__getattr__': lambda s, n: lambda *a, **k: True})()\ndef f(x): return 0", tests: []string{"import math\nassert math.isclose(f(2), 4)"}},
	{name: "compile and exec replaced", program: "import builtins\nbuiltins.compile = builtins.exec = builtins.eval = lambda *a, **k: None\ndef f(x): return 0"},
	{name: "json and marshal replaced", program: "import json, marshal\njson.dumps = lambda *a, **k: '[true]'\nmarshal.loads = marshal.dumps = lambda *a: None\ndef f(x): return 0"},
	{name: "__main__ full of passes", program: "import __main__\n__main__.__v = {0: 4, 1: 9}\n__main__.passed = True\n__v = {0: 4}\ndef f(x): return 0"},
	{name: "excepthook and atexit", program: "import sys, atexit, os\nsys.excepthook = lambda *a: os._exit(0)\natexit.register(lambda: os._exit(0))\ndef f(x): return 0"},
	{name: "sys.flags and optimisation", program: "import sys\nsys.flags = type('F', (), {'optimize': 2})()\n__debug__2 = False\ndef f(x): return 0"},
	{name: "warnings turned into passes", program: "import warnings\nwarnings.simplefilter('error')\nwarnings.showwarning = lambda *a: None\ndef f(x): return 0"},

	// Leaving early.
	{name: "exit with status 0 in a call", program: "import os\ndef f(x): os._exit(0)", want: ended},
	{name: "exit in the second test", program: "import os\nn = []\ndef f(x):\n  n.append(1)\n  if len(n) == 2: os._exit(0)\n  return x * x", want: []core.Class{core.Exit}},
	{name: "exit in a finaliser", program: "import os\nclass X:\n  def __del__(s): os._exit(0)\ndef f(x):\n  X()\n  return x * x", want: ended},
	{name: "exit while the result is read", program: "import os\ndef f(x):\n  def g():\n    yield 1\n    os._exit(0)\n  return g()", tests: []string{"assert list(f(2)) == [1]"}, want: ended},
	{name: "generator that closes itself", program: "def f(x):\n  try: yield 4\n  finally: raise SystemExit(0)", tests: []string{"assert list(f(2)) == [4]"}, want: ended},
	{name: "quit by GeneratorExit and KeyboardInterrupt", program: "def f(x): raise (KeyboardInterrupt if x == 2 else GeneratorExit)"},
	{name: "signals", program: "import signal, os\ndef f(x):\n  signal.raise_signal(signal.SIGTERM)\n  return 0", want: ended},
	{name: "alarm", program: "import signal\ndef f(x):\n  signal.signal(signal.SIGALRM, lambda *a: None)\n  signal.alarm(1)\n  while True: pass", want: ended},

	// Confusing the encoder.
	{name: "list that changes while it is read", program: "l = []\ndef g():\n  l.clear(); l.extend([0] * 1000)\n  yield 1\n  l.clear()\ndef f(x):\n  l[:] = [g()] + [1] * 1000\n  return l"},
	{name: "dict that changes while it is read", program: "d = {}\ndef g():\n  d.clear()\n  for i in range(1000): d[i] = i\n  yield 1\n  d.clear()\ndef f(x):\n  d.update({i: g() for i in range(50)})\n  return d"},
	{name: "set that grows while it is read", program: "s = set()\nclass K:\n  def __iter__(k):\n    for i in range(10**9):\n      s.add(K()); yield i\ndef f(x):\n  s.add(K()); return s", want: ended},
	{name: "temporary objects at one address", program: "def f(x): return ([i] for i in range(3))", tests: []string{"assert list(f(2)) == [[0], [1], [2]]", "assert list(f(2)) != [[0], [0], [0]]"}, want: passing},
	{name: "endless iterator", program: "import itertools\ndef f(x): return itertools.repeat(4)", tests: []string{"assert sum(f(2)) == 80000"}},
	{name: "iterator of iterators without end", program: "def f(x):\n  while True: yield f(x)", tests: []string{"assert list(f(2)) == []"}, want: ended},
	{name: "endless __iter__ of a class", program: "class I:\n  def __iter__(s): return s\n  def __next__(s): return 4\ndef f(x): return I()", tests: []string{"assert list(f(2)) == [4]"}, want: ended},
	{name: "__iter__ that never returns", program: "class I:\n  def __iter__(s):\n    while True: pass\ndef f(x): return I()", tests: []string{"assert f(2) == 4"}, want: ended},
	{name: "deque that is shorter than it was", program: "from collections import deque\ndef f(x):\n  d = deque([[1]] * 5, 5); return d", tests: []string{"from collections import deque\nassert f(2) == deque([[1]] * 4)"}},
	{name: "bomb of shared lists", program: "def f(x):\n  l = []\n  for _ in range(100): l = [l, l]\n  return l", tests: []string{"assert f(2) == [[], [[]]]"}},
	{name: "bomb that is compared with itself", program: "def f(x):\n  l = [0]\n  for _ in range(60): l = [l, l]\n  return l", tests: []string{"assert f(2) == f(3)"}, want: ended},
	{name: "number of a million digits", program: "def f(x): return 10 ** 1000000", tests: []string{"assert str(f(2)) == '4'"}, want: ended},
	{name: "range that takes for ever", program: "def f(x): return 10 ** 12", tests: []string{"assert sum(range(f(2))) == 4"}, want: ended},
	{name: "text that takes all memory", program: "def f(x): return 10 ** 9", tests: []string{"assert 'a' * f(2) == 'a'"}, want: ended},
	{name: "regular expression that never ends", program: "def f(x): return 'a' * 40", tests: []string{"import re\nassert re.fullmatch('(a+)+b', f(2))"}, want: ended},
	{name: "lone surrogates and nulls", program: "def f(x): return '\\ud800\\x00\\udfff'", tests: []string{"assert f(2) == '\\ud800\\x00\\udfff'", "assert len(f(2)) == 3"}, want: passing},
	{name: "name of a class in two pieces", program: "E = type('E\\x00rror', (Exception,), {}) if False else type('AssertionError', (Exception,), {})\ndef f(x): raise E('x' * 100000)"},
	{name: "exception whose text raises", program: "class E(Exception):\n  def __str__(s): raise SystemExit(0)\n  __repr__ = __str__\ndef f(x): raise E()"},
	{name: "exception group of thousands", program: "def f(x): raise ExceptionGroup('g', [ValueError(i) for i in range(10000)])"},

	// Recursion.
	{name: "recursion in __repr__", program: "class X:\n  def __repr__(s): return repr(s)\ndef f(x): return repr(X())", want: ended},
	{name: "recursion in __hash__", program: "class X:\n  def __hash__(s): return hash(s)\ndef f(x): return {X(): 1}", want: ended},
	{name: "recursion without a limit", program: "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return f(x)", want: ended},
	{name: "recursion in C without a limit", program: "import sys\nsys.setrecursionlimit(10**9)\ndef f(x):\n  l = []\n  for _ in range(10**6): l = (l,)\n  return hash(l)", want: ended},
	{name: "comparison of two deep lists", program: "def f(x):\n  a = []\n  for _ in range(290): a = [a]\n  return a", tests: []string{"assert f(2) == f(3)"}, want: passing},
	{name: "cycle that is compared with another", program: "def f(x):\n  l = []; l.append(l); return l", tests: []string{"assert f(2) == f(3)"}, want: ended},
	{name: "deep nesting in the source", program: "def f(x): return " + deep(500), want: ended},
	{name: "weakref callbacks and resurrection", program: "import weakref\nkeep = []\nclass X:\n  def __del__(s): keep.append(s); X()\ndef f(x):\n  X()\n  return 0", want: ended},

	// Tests that call from afar.
	{name: "judge by all", program: "import builtins\nbuiltins.all = lambda *a: True\nall = lambda *a: True\ndef f(x): return None", tests: []string{"assert all(f(x) == y for x, y in [(1, 1), (2, 4)])"}},
	{name: "loop of asserts", program: "class L(int):\n  __eq__ = lambda s, o: True\ndef f(x): return L(7)", tests: []string{"for x, y in [(1, 1), (2, 4)]:\n  assert f(x) == y"}},
	{name: "expected exception that is another", program: "def f(x): raise KeyError('no')", tests: []string{"try:\n  f(-1)\nexcept ValueError:\n  pass\nelse:\n  assert False"}},
	{name: "exception class that matches all", program: "class M(type):\n  __instancecheck__ = __subclasscheck__ = lambda *a: True\nclass E(Exception, metaclass=M): pass\ndef f(x): raise E", tests: []string{"try:\n  f(-1)\nexcept ValueError:\n  pass\nelse:\n  assert False"}},
	{name: "exit from afar", program: "import os\ndef f(x): os._exit(0)", tests: []string{"for x in [1]:\n  f(x)"}, want: ended},
	{name: "SystemExit from afar", program: "def f(x): raise SystemExit(0)", tests: []string{"for x in [1]:\n  f(x)"}, want: ended},
	{name: "loop from afar", program: "def f(x):\n  while True: pass", tests: []string{"for x in [1]:\n  f(x)"}, want: []core.Class{core.Timeout}},
	{name: "argument that is changed behind the back", program: "def f(x):\n  x.clear()\n  return True", tests: []string{"a = [3, 1]\nfor _ in range(1):\n  assert f(a)\nassert a == [1, 3]"}},
	{name: "closure over the judge", program: "def f(g):\n  try: return g.__globals__\n  except AttributeError: return None", tests: []string{"for y in [4]:\n  assert f(lambda: y) == y"}},
}

func deep(n int) string {
	b := make([]byte, 0, 2*n+1)
	for range n {
		b = append(b, '(')
	}
	b = append(b, '4')
	for range n {
		b = append(b, ')')
	}
	return string(b)
}

// TestAttacks is a corpus of our own, of kinds of attack rather than of cases.
func TestAttacks(t *testing.T) {
	if len(attacks) < 60 {
		t.Errorf("%d attacks", len(attacks))
	}
	p := open(t, Config{Fuel: 200_000_000})
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			task := core.Task{ID: a.name, Setup: a.setup, Tests: a.tests}
			if task.Tests == nil {
				task.Tests = square
			}
			want := a.want
			if want == nil {
				want = failing
			}
			v, err := p.Verify(t.Context(), task, a.program)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %s: %s", v.Class, v.Exception, v.Message)
			if !slices.Contains(want, v.Class) {
				t.Errorf("%s: %s: %s, want one of %s (tests %+v)", v.Class, v.Exception, v.Message, want, v.Tests)
			}
			if v.Weak {
				t.Error("the verdict is weak")
			}
		})
	}
}
