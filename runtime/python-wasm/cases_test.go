package pythonwasm

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// exampleCase is a case of testdata/cases: a program without a reference solution, and the classes of verdict it may have.
type exampleCase struct {
	name    string
	want    []core.Class
	entry   string
	program string
	tests   []string
}

// readCases reads a file of cases. A case begins with "=== name class,class entry", then come the program, a line "--- tests" and
// the tests, one from each line that is not indented; two spaces are taken from the lines of a test that follow its first.
func readCases(tb testing.TB, path string) (cases []exampleCase) {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	for _, part := range strings.Split("\n"+string(b), "\n=== ")[1:] { // what comes before the first says what the file is
		head, body, _ := strings.Cut(part, "\n")
		program, tests, found := strings.Cut(body, "--- tests\n")
		fields := strings.Fields(head)
		if len(fields) != 3 || !found {
			tb.Fatalf("%s: bad case %q", path, head)
		}
		c := exampleCase{name: fields[0], entry: fields[2], program: program}
		for _, class := range strings.Split(fields[1], ",") {
			c.want = append(c.want, core.Class(class))
		}
		for line := range strings.Lines(tests) {
			line = strings.TrimSuffix(line, "\n")
			if more, indented := strings.CutPrefix(line, "  "); indented {
				c.tests[len(c.tests)-1] += "\n" + more
			} else if line != "" {
				c.tests = append(c.tests, line)
			}
		}
		cases = append(cases, c)
	}
	return cases
}

// TestCases grades, twice each, what models write and what attackers do, with nothing known of a task but its tests: whatever
// is right natively is right here, and nothing else.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	p := open(t, Config{Fuel: 150_000_000})
	for _, file := range files {
		for _, c := range readCases(t, file) {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				task := core.Task{ID: c.name, Entry: c.entry, Tests: c.tests}
				var first core.Verdict
				for i := range 2 {
					v, err := p.Verify(t.Context(), task, c.program)
					if err != nil {
						t.Fatal(err)
					}
					if i == 0 {
						first = v
						t.Logf("%s: %s: %s (weak %v, fuel %d, memory %d)", v.Class, v.Exception, v.Message, v.Weak, v.Fuel, v.MemoryBytes)
						if !slices.Contains(c.want, v.Class) {
							t.Errorf("want %s: %+v", c.want, v.Tests)
						}
					} else if v.Class != first.Class || v.Message != first.Message || v.Fuel != first.Fuel {
						t.Errorf("then %+v", v)
					}
				}
			})
		}
	}
}

// TestKnownByReference grades what needs a reference solution to be seen for what it is: there, tests on instances of the program's
// own classes are weak and pass.
func TestKnownByReference(t *testing.T) {
	p := pool(t)
	for _, c := range readCases(t, "testdata/cases/known.txt") {
		t.Run(c.name, func(t *testing.T) {
			v, err := p.Verify(t.Context(), core.Task{ID: c.name, Entry: c.entry, Tests: c.tests, Code: c.program}, c.program)
			if err != nil {
				t.Fatal(err)
			}
			if v.Class != core.Passed || !v.Weak {
				t.Errorf("%s: %s: %s, weak %v: %+v", v.Class, v.Exception, v.Message, v.Weak, v.Tests)
			}
		})
	}
}

// TestOddBytes grades programs whose bytes are not plain text.
func TestOddBytes(t *testing.T) {
	p := pool(t)
	for _, tt := range []struct {
		name, program string
		want          core.Class
	}{
		{"byte order mark", "\ufeffdef f(x): return x * x", core.Passed},
		{"two byte order marks", "\ufeff\ufeffdef f(x): return x * x", core.Syntax},
		{"CRLF", "def f(x):\r\n    return x * x\r\n", core.Passed},
		{"CR", "def f(x):\r    return x * x\r", core.Passed},
		{"form feed", "\x0cdef f(x):\n\x0c    return x * x\n\x0c", core.Passed},
		{"null byte", "def f(x): return x * x\x00", core.Syntax},
		{"null byte in a comment", "def f(x): return x * x # \x00", core.Syntax},
		{"null byte in a string", "def f(x): return x * x\ns = '\x00'", core.Syntax},
		{"end of file by ^Z", "def f(x): return x * x\n\x1a", core.Syntax},
		{"non-breaking space", "def f(x): return\u00a0x * x", core.Syntax},
		{"zero-width space", "def f(x): return x\u200b * x", core.Syntax},
		{"line separator in a string", "def f(x): return x * x\ns = 'a\u2028b'", core.Passed},
		{"lone surrogate in UTF-8", "s = '\xed\xa0\x80'\ndef f(x): return x * x", core.Syntax},
		{"overlong encoding", "s = '\xc0\x80'\ndef f(x): return x * x", core.Syntax},
		{"latin 1", "s = '\xe9'\ndef f(x): return x * x", core.Syntax},
		{"UTF-16", "d\x00e\x00f\x00", core.Syntax},
		{"no newline at the end, in a block", "def f(x):\n  return x * x", core.Passed},
		{"backslash at the end", "def f(x): return x * x\n\\", core.Syntax},
		{"escape codes", "\x1b[31mdef f(x): return x * x", core.Syntax},
		{"bidirectional override in a comment", "def f(x): return x * x # \u202e", core.Passed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := p.Verify(t.Context(), core.Task{Tests: square}, tt.program)
			if err != nil {
				t.Fatal(err)
			}
			if v.Class != tt.want {
				t.Errorf("%s: %s: %s, want %s", v.Class, v.Exception, v.Message, tt.want)
			}
		})
	}
}
