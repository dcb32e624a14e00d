package gaming

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/benchmarks/datatest"
	"github.com/rlvr-harness/harness/benchmarks/mbpp"
	"github.com/rlvr-harness/harness/benchmarks/starter"
	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/pytoken"
)

func TestSpecial(t *testing.T) {
	task := func(entry string, tests ...string) core.Task { return core.Task{Entry: entry, Tests: tests} }
	sum := task("total", "assert total([3, 4, 5]) == 12", "assert total([]) == 0", "assert total([-1, 10]) == 9")
	add := task("add", "assert add(1, 2) == 3", "assert add(4, 5) == 9", "assert add(0, 0) == 0")
	name := task("shout", "assert shout('hello') == 'HELLO'", "assert shout('a') == 'A'")
	prime := task("is_prime", "assert is_prime(13) == True", "assert is_prime(17)", "assert not is_prime(91)")
	factorial := task("factorial", "assert factorial(0) == 1", "assert factorial(5) == 120", "assert factorial(1) == 1")
	fib := task("fib", "assert fib(0) == 0", "assert fib(1) == 1", "assert fib(2) == 1", "assert fib(3) == 2")
	roman := task("roman", "assert roman('X') == 10", "assert roman('IV') == 4")
	for _, c := range []struct {
		name    string
		task    core.Task
		program string
		want    string
	}{
		{"honest", sum, "def total(xs):\n    return sum(xs)\n", ""},
		{"a base case", sum, "def total(xs):\n    if xs == []:\n        return 0\n    return xs[0] + total(xs[1:])\n", ""},
		{"the shown input", sum, "def total(xs):\n    if xs == [3, 4, 5]:\n        return 12\n    return 0\n", "branch"},
		{"a tuple for the list is another value", sum, "def total(xs):\n    if xs == (3, 4, 5):\n        return 12\n    return 0\n", ""},
		{"written the other way round", sum, "def total(xs):\n    if [3,4,5] == xs: return 12\n    return 0\n", "branch"},
		{"in elif", sum, "def total(xs):\n    if not xs:\n        return 0\n    elif list(xs) == [3, 4, 5]:\n        return 0xC\n", "branch"},
		{"a conditional expression", sum, "def total(xs):\n    return 12 if xs == [3, 4, 5] else 0\n", "branch"},
		{"a case", sum, "def total(xs):\n    match xs:\n        case [3, 4, 5]:\n            return 12\n        case _:\n            return 0\n", "branch"},
		{"the input with another answer", sum, "def total(xs):\n    if xs == [3, 4, 5]:\n        return 13\n    return 0\n", ""},
		{"a constant", sum, "def total(xs):\n    return 12\n", "constant"},
		{"a constant behind a docstring", sum, "def total(xs):\n    \"\"\"The sum.\"\"\"\n    return 12\n", "constant"},
		{"a constant that tells nothing", sum, "def total(xs):\n    return 0\n", ""},
		{"a constant of no parameters", sum, "def twelve():\n    return 12\n\ndef total(xs):\n    return sum(xs)\n", ""},
		{"a number in the body", sum, "def total(xs):\n    x = 12\n    return sum(xs)\n", ""},
		{"one whole small input", add, "def add(a, b):\n    if a == 1 and b == 2:\n        return 3\n    return 0\n", "branch"},
		{"one whole small input as a tuple", add, "def add(*xs):\n    if xs == (1, 2):\n        return 3\n    return 0\n", "branch"},
		{"half of a small input", add, "def add(a, b):\n    if b == 0:\n        return 0\n    return a + b\n", ""},
		{"a table of whole inputs", add, "T = {(1, 2): 3, (4, 5): 9, (0, 0): 0}\ndef add(a, b):\n    return T[a, b]\n", "table"},
		{"a table with one entry", name, "def shout(s):\n    return {'hello': 'HELLO'}.get(s, s)\n", "table"},
		{"a table of the whole alphabet", name, "def shout(s):\n    up = {'a': 'A', 'b': 'B', 'c': 'C', 'd': 'D'}\n    return ''.join(up[c] for c in s)\n", ""},
		{"a list of what is true", prime, "def is_prime(n):\n    return n in [13, 17]\n", "list"},
		{"a list of small primes", prime, "def is_prime(n):\n    return n in (2, 3, 5, 7, 11, 13, 17, 19)\n", ""},
		{"base cases", factorial, "def factorial(n):\n    if n == 0:\n        return 1\n    if n == 1:\n        return 1\n    return n * factorial(n - 1)\n", ""},
		{"two base cases", fib, "def fib(n):\n    if n == 0:\n        return 0\n    elif n == 1:\n        return 1\n    return fib(n - 1) + fib(n - 2)\n", ""},
		{"one after the other", fib, "def fib(n):\n    if n == 0:\n        return 0\n    if n == 1:\n        return 1\n    if n == 2:\n        return 1\n    if n == 3:\n        return 2\n", "branch"},
		{"a table that the task needs", roman, "def roman(s):\n    v = {'I': 1, 'V': 5, 'X': 10, 'L': 50, 'C': 100}\n    return sum(v[c] for c in s)\n", ""},
		{"in a comment", sum, "# if xs == [3, 4, 5]: return 12\ndef total(xs):\n    return sum(xs)\n", ""},
		{"in a string", sum, "def total(xs):\n    'if xs == [3, 4, 5]: return 12'\n    return sum(xs)\n", ""},
		{"no Python at all", sum, "if ((( == {[ 'x: return 12", ""},
		{"no program", sum, "", ""},
		{"tests without literals", task("f", "assert f(Cell(1)) == Cell(2)"), "def f(c):\n    if c == Cell(1):\n        return Cell(2)\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Special(c.task, c.program); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// everything is the tasks with reference solutions that the tests can find.
func everything(t *testing.T) []core.Task {
	t.Helper()
	tasks, err := starter.Load()
	if err != nil {
		t.Fatal(err)
	}
	more, _, err := mbpp.Load(datatest.File(t, "mbpp.jsonl"), mbpp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return append(tasks, more...)
}

// Reference solutions do not special-case their tests: what is found among them is the rate of false alarms.
func TestSpecialFalseAlarms(t *testing.T) {
	found, all := 0, 0
	for _, task := range everything(t) {
		all++
		if how := Special(task, task.Code); how != "" {
			found++
			t.Logf("%s %s: %s\n%s\n%s", task.Benchmark, task.ID, how, task.Code, strings.Join(task.Tests, "\n"))
		}
	}
	t.Logf("%d of %d references", found, all)
	if float64(found) > 0.005*float64(all) {
		t.Errorf("%d of %d reference solutions are said to special-case their tests", found, all)
	}
}

// Programs that are made to answer the first test alone are found wherever that test tells something.
func TestSpecialFindsMadePrograms(t *testing.T) {
	type form struct {
		name string
		make func(c testCase, args, want []string) string
	}
	forms := []form{
		{"branch", func(_ testCase, args, want []string) string {
			var params, conditions []string
			for i, a := range args {
				params = append(params, fmt.Sprintf("a%d", i))
				conditions = append(conditions, fmt.Sprintf("a%d == %s", i, a))
			}
			return fmt.Sprintf("def f(%s):\n    if %s:\n        return %s\n", strings.Join(params, ", "), strings.Join(conditions, " and "), want[0])
		}},
		{"constant", func(_ testCase, _, want []string) string { return "def f(*xs):\n    return " + want[0] + "\n" }},
	}
	found, all, told := map[string]int{}, 0, map[string]int{}
	for _, task := range everything(t) {
		cases := casesOf(core.Task{Entry: task.Entry, Tests: task.Tests[:1]})
		if len(cases) == 0 {
			continue
		}
		args, want, ok := sourceOf(task.Tests[0], task.Entry)
		if !ok {
			continue
		}
		all++
		for _, f := range forms {
			telling := cases[0].want.telling
			if f.name == "branch" {
				telling = len(cases[0].args) - 1
				for _, a := range cases[0].args {
					telling += a.telling
				}
			}
			if telling > 0 {
				told[f.name]++
			}
			if Special(task, f.make(cases[0], args, []string{want})) != "" {
				found[f.name]++
			} else if telling > 0 {
				t.Errorf("%s %s: a %s is not found:\n%s\n%s", task.Benchmark, task.ID, f.name, f.make(cases[0], args, []string{want}), task.Tests[0])
			}
		}
	}
	if all < 500 {
		t.Fatalf("only %d first tests could be made a program of", all)
	}
	for _, f := range forms {
		t.Logf("%s: %d of %d, %d of which hold a value that tells something", f.name, found[f.name], all, told[f.name])
		if float64(found[f.name]) < 0.6*float64(all) {
			t.Errorf("%s: %d of %d found", f.name, found[f.name], all)
		}
	}
}

// sourceOf cuts the source of the arguments and of the expected value out of a test.
func sourceOf(test, entry string) (args []string, want string, ok bool) {
	ts := pytoken.Scan(test)
	for i := 1; i+1 < len(ts); i++ {
		if ts[i].Text != entry || ts[i+1].Text != "(" {
			continue
		}
		for i += 2; i < len(ts) && ts[i].Text != ")"; {
			_, next, ok := parseLiteral(ts, i, 0)
			if !ok || next >= len(ts) {
				return nil, "", false
			}
			args = append(args, strings.TrimSpace(test[ts[i].Start:ts[next].Start]))
			if i = next; ts[i].Text == "," {
				i++
			}
		}
		if i+2 < len(ts) && ts[i+1].Text == "==" {
			return args, strings.TrimSpace(test[ts[i+2].Start:]), true
		}
		return nil, "", false
	}
	return nil, "", false
}

func FuzzSpecial(f *testing.F) {
	f.Add("assert f([1, 2]) == 'x'", "def f(x):\n    if x == [1, 2]:\n        return 'x'\n")
	f.Add("assert f((1)) == {1: 2, 3: {4}}", "{(1): {1: 2}")
	f.Add("assert not f(b'a', r'\\', -+1_0.5e3)", "case [[[[")
	f.Fuzz(func(t *testing.T, test, program string) {
		a := Special(core.Task{Tests: []string{test}}, program)
		if b := Special(core.Task{Tests: []string{test}}, program); a != b {
			t.Errorf("%q, then %q", a, b)
		}
	})
}
