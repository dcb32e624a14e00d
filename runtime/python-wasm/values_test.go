package pythonwasm

import (
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// crossing are expressions of every kind of value that leaves the program's interpreter. They are evaluated in both.
var crossing = []string{
	"None", "True", "False", "...", "NotImplemented",
	"0", "-1", "2**31", "-2**31", "2**63 - 1", "2**63", "-2**63", "-2**63 - 1", "10**50", "-10**50", "1 << 10000",
	"0.0", "-0.0", "1.5", "5e-324", "1.7976931348623157e308", "float('inf')", "-float('inf')", "float('nan')",
	"1j", "-0.0 + 0j", "complex('nan+infj')",
	"''", "'a'", "'é'", "'\\u20ac'", "'\\U0001f600'", "'\\ud800'", "'\\x00'", "'a' * 100000", "'\\udfff\\ud800'",
	"b''", "b'\\x00\\xff'", "bytearray(b'ab')",
	"()", "(1,)", "((), ((),))", "[]", "[1, [2, [3]]]", "[[]] * 3", "[None, True, 1.0, 'a', b'a']",
	"set()", "{7}", "frozenset()", "frozenset({frozenset()})",
	"{}", "{'b': 1, 'a': 2}", "{1: {2: {3: []}}}", "{(1, 2): None, None: 0, True: 1}", "dict.fromkeys(range(1000))",
	"range(0)", "range(1, 10, 3)", "range(10**20)", "slice(1)", "slice(None, -1, 2)", "slice('a', (1,), None)",
	"Decimal('0.10')", "Decimal('NaN')", "Decimal('-Infinity')", "Decimal('1E+100')", "Decimal('-0')", "Fraction(-1, 3)", "Fraction(10**30)",
	"datetime.date(1, 1, 1)", "datetime.date(9999, 12, 31)", "datetime.datetime(2024, 2, 29, 23, 59, 59, 999999)",
	"datetime.datetime(2024, 1, 1, fold=1)", "datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)",
	"datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=-3, minutes=30)))",
	"datetime.time(1, 2, 3, 4)", "datetime.time(0, tzinfo=datetime.timezone.utc)", "datetime.timedelta(-1, 5, 7)", "datetime.timedelta.max",
	"datetime.timezone.utc", "datetime.timezone(datetime.timedelta(seconds=1))",
	"collections.deque()", "collections.deque([1, [2]], 5)", "collections.Counter('aab')", "collections.Counter()",
	"collections.OrderedDict([(2, 1), (1, 2)])", "collections.ChainMap({'a': 1}, {'b': 2})", "collections.UserDict(a=[1])", "collections.UserList([1])",
	"collections.UserString('ab')", "types.SimpleNamespace(a=1, b=[2])", "types.MappingProxyType({'a': 1})",
	"array.array('d', [1.5, -2])", "array.array('b')", "array.array('q', [2**62])", "uuid.UUID(int=2**127 + 5)", "pathlib.PurePosixPath('/a/../b.txt')",
	"int", "str", "type", "type(None)", "ValueError", "BaseException", "collections.OrderedDict", "datetime.datetime", "Decimal",
	"{'a': 1}.keys()", "{'a': 1}.items()", "dict(a=[1], b=[2]).values()",
}

// TestValuesCross returns each value from a program and finds the same value, of the same type and with the same text, in the
// grader's interpreter.
func TestValuesCross(t *testing.T) {
	const imports = "import array, collections, datetime, math, pathlib, types, uuid\nfrom decimal import Decimal\nfrom fractions import Fraction"
	p := pool(t)
	for _, x := range crossing {
		t.Run(x, func(t *testing.T) {
			tests := []string{
				"assert type(f()) is type(" + x + ")", "assert repr(f()) == repr(" + x + ")", "assert repr([f(), (f(),)]) == repr([" + x + ", (" + x + ",)])",
				"for y in [" + x + "]:\n  assert repr(f()) == repr(y)", // by a call from afar
			}
			if !strings.Contains(strings.ToLower(x), "nan") && !strings.Contains(x, "values()") { // these are not equal to themselves
				tests = append(tests, "assert f() == "+x, "assert [f()] == ["+x+"]")
			}
			task := core.Task{Entry: "f", Imports: []string{imports}, Tests: tests}
			v, err := p.Verify(t.Context(), task, "def f(): return "+x)
			if err != nil {
				t.Fatal(err)
			}
			if v.Class != core.Passed || v.Weak {
				t.Errorf("%s: %s: %s, weak %v: %+v", v.Class, v.Exception, v.Message, v.Weak, v.Tests)
			}
		})
	}
}

// TestExceptionsCross finds a returned exception as its nearest builtin type, with its arguments.
func TestExceptionsCross(t *testing.T) {
	p := pool(t)
	task := core.Task{Entry: "f", Tests: []string{
		"assert type(f(0)) is ValueError and f(0).args == ('bad', 1)", "assert isinstance(f(1), LookupError) and str(f(1)) == \"'k'\"",
		"assert isinstance(f(2), OSError) and f(2).errno == 2", "assert f(3).exceptions[0].args == (7,)", "assert f(0) != f(0)",
	}}
	const program = "class Own(KeyError): pass\ndef f(i): return [ValueError('bad', 1), Own('k'), FileNotFoundError(2, 'no'), ExceptionGroup('g', [ValueError(7)])][i]"
	if v, err := p.Verify(t.Context(), task, program); err != nil || v.Class != core.Passed {
		t.Error(v, err)
	}
}
