package pythonwasm

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rlvr-harness/harness/core"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// probe passes only in an interpreter that nobody used before, and its verdict tells of any difference in fuel and memory.
var probe = core.Task{ID: "probe", Tests: []string{"assert seen() == []"}}

const probeProgram = `
import builtins, sys, gc, decimal, random, os, math, re, warnings, threading, time
def seen():
    out = []
    for where in builtins, sys, math, os, sys.modules['__main__']:
        out += [k for k in vars(where) if 'poison' in k]
    if len(sys.modules) != MODULES: out.append(len(sys.modules))
    if decimal.getcontext().prec != 28: out.append('decimal')
    if sys.getrecursionlimit() != 1000: out.append('recursion')
    if warnings.filters is not FILTERS: out.append('filters')
    if os.environ: out.append('environ')
    if sys.gettrace() or sys.getprofile(): out.append('trace')
    if gc.get_debug() or not gc.isenabled(): out.append('gc')
    if sys.intern('poi' + 'son') is not sys.intern('poison'): out.append('intern')
    if (256 + 1 - 1) != 256 or sorted({3, 1}) != [1, 3] or isinstance(1, str): out.append('values')
    if time.time() < 1.7e9 or time.time() > 1.7e9 + 1: out.append('clock')
    if any('poison' in repr(t) for t in object.__subclasses__()): out.append('classes')
    return out
MODULES = len(sys.modules)
FILTERS = warnings.filters
`

// poisoned is a program that changes everything a program can change, and the tests during which it dies.
type poisoned struct {
	program string
	tests   []string
}

// poisons die in every way there is: of themselves, in the middle of a host call, while a value leaves, and with the grader's
// interpreter.
var poisons = func() map[string]poisoned {
	const poison = `
import builtins, sys, gc, decimal, random, os, math, re, warnings
re.compile('poison'); sys.intern('poison')
re._cache.clear(); re._cache2.clear()
builtins.poison = sys.poison = math.poison = os.poison = 1
sys.modules['poison'] = sys; sys.modules.pop('json', None)
decimal.getcontext().prec = 3; sys.setrecursionlimit(50000); warnings.filters = []
os.environ['poison'] = '1'; gc.disable(); random.seed(1)
builtins.isinstance = lambda *a: True; builtins.sorted = lambda *a: []; builtins.len = lambda *a: 0
class poisoned: pass
keep = [bytearray(1 << 20) for _ in range(20)]
sys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)
`
	out := map[string]poisoned{}
	for name, end := range map[string]string{
		"returns":         "def seen(): return []",
		"raises":          "raise ValueError",
		"exits":           "sys.exit(0)",
		"exits hard":      "os._exit(1)",
		"aborts":          "os.abort()",
		"loops":           "while True: pass",
		"sleeps":          "import time; time.sleep(1e9)",
		"deadlocks":       "import threading; l = threading.Lock(); l.acquire(); l.acquire()",
		"takes memory":    "while True: keep.append(bytearray(1 << 20))",
		"prints":          "while True: os.write(1, b'x' * 10000)",
		"recurses":        "def r(): r()\nr()",
		"recurses in C":   "x = []\nfor _ in range(10**6): x = [x]\nrepr(x)",
		"breaks bytecode": "import types\nco = (lambda: 0).__code__.replace(co_code=bytes([0x64, 0xff]) * 40, co_stacksize=1, co_consts=())\ntypes.FunctionType(co, {})()",
		"crashes":         "import types\nco = (lambda: 0).__code__.replace(co_code=bytes(range(256)), co_stacksize=200)\ntypes.FunctionType(co, {})()",
		"in the middle":   "def seen():\n  builtins.poison2 = 1\n  os._exit(0)",
		// Fuel ends while the host works.
		"draws entropy":   "while True: os.urandom(1 << 20)",
		"reads the files": "where = '/lib/python3.13/'\nname = [n for n in os.listdir(where) if '.' in n][0]\nwhile True: open(where + name, 'rb').read()",
		"asks the clock":  "import time\nwhile True: time.time()",
		"prints slowly":   "while True: os.write(1, b'')",
		"lists a folder":  "while True: os.listdir('/lib/python3.13')",
		// Traps of the machine and limits of the interpreter.
		"grows one block":        "x = bytearray(1)\nwhile True: x = x + x",
		"recurses in the hash":   "class H:\n  def __hash__(self): return hash((self,))\nhash(H())",
		"recurses while tidying": "class D:\n  def __del__(self): D()\nD()\nwhile True: D()",
		"reads far outside": "import types, opcode\nm = opcode.opmap\nfar = [m['RESUME'], 0, m['EXTENDED_ARG'], 16, m['EXTENDED_ARG'], 0, m['EXTENDED_ARG'], 0, m['LOAD_FAST'], 0, m['RETURN_VALUE'], 0]\n" +
			"types.FunctionType((lambda: 0).__code__.replace(co_code=bytes(far)), {})()",
		"ends in a signal":   "import signal\nsignal.raise_signal(signal.SIGABRT)",
		"ends at exit":       "import atexit\natexit.register(os._exit, 0)\nsys.exit()",
		"ends while tidying": "class D:\n  def __del__(self): os._exit(0)\nD()",
		// Values that cannot leave.
		"returns much":    "def seen(): return [bytes([i]) * (1 << 20) for i in range(40)]",
		"returns depth":   "def seen():\n  x = []\n  for _ in range(100000): x = [x]\n  return x",
		"returns a cycle": "def seen():\n  x = []\n  x.append(x)\n  return x",
		"returns itself":  "class P: pass\ndef seen(): return P()",
	} {
		out[name] = poisoned{poison + end, probe.Tests}
	}
	const block = "for i in range(3):\n    assert seen(i) == i"
	for name, p := range map[string]poisoned{
		"exits in a call":         {"def seen(i):\n  if i: os._exit(0)\n  return i", []string{block}},
		"loops in a call":         {"def seen(i):\n  while i: pass\n  return i", []string{block}},
		"takes memory in a call":  {"def seen(i):\n  while i: keep.append(bytearray(1 << 20))\n  return i", []string{block}},
		"prints in a call":        {"def seen(i):\n  while i: os.write(1, b'x' * 10000)\n  return i", []string{block}},
		"uses the grader's fuel":  {"def seen(): return range(10 ** 12)", []string{"assert sum(seen()) == 0"}},
		"fills the grader":        {"def seen(): return range(10 ** 9)", []string{"assert list(seen()) == []"}},
		"recurses in the grader":  {"def seen():\n  x = []\n  for _ in range(250): x = [x]\n  return x", []string{"assert seen() < seen()", "assert repr(seen()) == ''"}},
		"sees the grader's exit":  {"def seen(): return 0", []string{"import os\nos._exit(seen())"}},
		"sees the grader's abort": {"def seen(): return 0", []string{"import os\nos.abort() if seen() == 0 else None"}},
	} {
		out[name] = poisoned{poison + p.program, p.tests}
	}
	return out
}()

// TestNothingIsLeftBehind lets a program poison its interpreter and die; the next program's verdict is, to the byte, that of the first
// program ever.
func TestNothingIsLeftBehind(t *testing.T) {
	for _, kind := range []string{"machine's", "portable", "isolated"} {
		t.Run(kind, func(t *testing.T) {
			if err := CanIsolate(); err != nil && kind == "isolated" {
				t.Skip(err)
			}
			p := open(t, Config{Workers: 1, Fuel: 30_000_000, Portable: kind == "portable", Isolate: kind == "isolated"})
			clean := func(after string) core.Verdict {
				v, err := p.Verify(t.Context(), probe, probeProgram)
				if err != nil {
					t.Fatal(err)
				}
				if v.Class != core.Passed {
					t.Errorf("after a program that %s: %s: %s: %s", after, v.Class, v.Exception, v.Message)
				}
				return v
			}
			first := clean("does nothing")
			for _, name := range slices.Sorted(keys(poisons)) {
				v, err := p.Verify(t.Context(), core.Task{ID: name, Tests: poisons[name].tests}, poisons[name].program)
				if err != nil {
					t.Fatalf("a program that %s: %v", name, err)
				}
				if v.Class == core.Infrastructure {
					t.Errorf("a program that %s: %s", name, v.Message)
				}
				t.Logf("a program that %s: %s: %s: %s", name, v.Class, v.Exception, v.Message)
				if v.Exception == "AttributeError" || v.Exception == "NameError" {
					t.Errorf("a program that %s dies of a slip in the poison: %s", name, v.Message)
				}
				if v.Class == core.Passed && name != "returns" {
					t.Errorf("a program that %s passed", name)
				}
				if again := clean(name); again.Fuel != first.Fuel || again.MemoryBytes != first.MemoryBytes {
					t.Errorf("after a program that %s: fuel %d, memory %d; before: %d, %d", name, again.Fuel, again.MemoryBytes, first.Fuel, first.MemoryBytes)
				}
			}
		})
	}
}

// TestNothingIsLeftBehindByTheHost ends programs from outside: by the caller's context and by the wall clock.
func TestNothingIsLeftBehindByTheHost(t *testing.T) {
	for _, isolate := range []bool{false, true} {
		t.Run(fmt.Sprintf("isolated=%t", isolate), func(t *testing.T) {
			if err := CanIsolate(); err != nil && isolate {
				t.Skip(err)
			}
			p := open(t, Config{Workers: 1, Fuel: 1 << 50, Wall: time.Second, Isolate: isolate})
			first, err := p.Verify(t.Context(), probe, probeProgram)
			if err != nil || first.Class != core.Passed {
				t.Fatal(first, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := p.Verify(ctx, probe, poisons["loops"].program); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a cancelled verdict: %v", err)
			}
			if again, err := p.Verify(t.Context(), probe, probeProgram); err != nil || !reflect.DeepEqual(again, first) {
				t.Errorf("after a cancelled verdict: %+v, want %+v (%v)", again, first, err)
			}
			v, err := p.Verify(t.Context(), probe, poisons["loops"].program)
			if err != nil || v.Class != core.Infrastructure {
				t.Errorf("a program that the wall clock ended: %+v, %v", v, err)
			}
			if again, err := p.Verify(t.Context(), probe, probeProgram); err != nil || !reflect.DeepEqual(again, first) {
				t.Errorf("after the wall clock: %+v, want %+v (%v)", again, first, err)
			}
		})
	}
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// verdicts grades the table of programs in the given order and hashes the verdicts in the table's.
func verdicts(tb testing.TB, p *Pool, order []int) string {
	tb.Helper()
	out := make([]core.Verdict, len(programs))
	var g errgroup.Group
	g.SetLimit(2 * p.config.Workers)
	for _, i := range order {
		g.Go(func() (err error) {
			task := programs[i].task
			if task.Tests == nil {
				task.Tests = square
			}
			out[i], err = p.Verify(tb.Context(), task, programs[i].program)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		tb.Fatal(err)
	}
	b, err := json.Marshal(out)
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

// TestSameBytesEverywhere grades with one worker and with many, in any order, portably, and in another process: fuel and memory are
// part of the bytes.
func TestSameBytesEverywhere(t *testing.T) {
	const child = "HARNESS_TEST_PRINT_VERDICTS"
	limits := Config{Workers: 1, Fuel: 50_000_000}
	inOrder := make([]int, len(programs))
	for i := range inOrder {
		inOrder[i] = i
	}
	want := verdicts(t, open(t, limits), inOrder)
	if os.Getenv(child) != "" {
		fmt.Println("verdicts", want)
		return
	}
	check := func(how, got string) {
		if got != want {
			t.Errorf("%s: other verdicts: %s, want %s", how, got, want)
		}
	}
	limits.Workers = 3
	p := open(t, limits)
	r := rand.New(rand.NewPCG(3, 4))
	for range 2 {
		check("three workers", verdicts(t, p, r.Perm(len(programs))))
	}
	limits.Workers, limits.Portable = 2, true
	check("portable", verdicts(t, open(t, limits), inOrder))
	if err := CanIsolate(); err != nil {
		t.Log("without a process of its own:", err)
	} else {
		limits.Isolate = true
		check("isolated and portable", verdicts(t, open(t, limits), inOrder))
		limits.Portable, limits.Workers = false, 3
		check("isolated", verdicts(t, open(t, limits), r.Perm(len(programs))))
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestSameBytesEverywhere$")
	cmd.Env = append(os.Environ(), child+"=1")
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	var got string
	if _, err := fmt.Sscanf(string(b), "verdicts %s", &got); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	check("another process", got)
}
