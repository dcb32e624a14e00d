package core

// Class is the outcome of running a program against its tests.
type Class string

// The verdict classes. Exactly one holds for every program and for every test.
const (
	Passed  Class = "passed"  // every test has a record that says so
	Failed  Class = "failed"  // an assertion is false
	Error   Class = "error"   // an exception other than a failed assertion; its type is kept
	Syntax  Class = "syntax"  // the program does not compile
	Exit    Class = "exit"    // the program left the interpreter
	Timeout Class = "timeout" // the fuel was used up, or the program waits for what never comes
	Memory  Class = "memory"  // memory or recursion limit of the sandbox
	Output  Class = "output"  // more output than allowed
	NoCode  Class = "no-code" // the completion holds no program
	// Infrastructure is a failure of the harness, not of the program: it abstains, is retried and is never scored as 0.
	Infrastructure Class = "infrastructure"
)

// Classes lists every verdict class, in the order reports show them.
func Classes() []Class {
	return []Class{Passed, Failed, Error, Syntax, Exit, Timeout, Memory, Output, NoCode, Infrastructure}
}

// TestResult is the outcome of one test.
type TestResult struct {
	Class Class
	// Exception is the Python exception's type name, or "".
	Exception string
	// Message is the exception's message or what was wrong with the value, cut to a bounded length.
	Message string
	// Weak says that the comparison ran inside the candidate's interpreter, where it could be forged.
	Weak bool
}

// Verdict is what running a program against its tests gave. Its class is that of the first test that did not pass.
type Verdict struct {
	Class Class
	// Tests has one result per test, in order; empty where the program could not be run (no-code, infrastructure).
	Tests []TestResult
	// Weak says that at least one test is weak.
	Weak bool
	// Exception and Message are those of the first test that did not pass.
	Exception string
	Message   string
	// Fuel is the work done, in units of the metering (function entries and loop turns); the same on every machine.
	Fuel int64
	// MemoryBytes is the peak of memory that the program made its own.
	MemoryBytes int64
	// StdoutBytes is the size of what the program printed.
	StdoutBytes int64
}

// TestsPassed returns the share of tests that passed, in 0..1; 0 where there are none.
func (v Verdict) TestsPassed() float64 {
	if len(v.Tests) == 0 {
		return 0
	}
	n := 0
	for _, t := range v.Tests {
		if t.Class == Passed {
			n++
		}
	}
	return float64(n) / float64(len(v.Tests))
}

// Severity is the gravity of a lint finding.
type Severity string

// The severities, from the worst to the mildest.
const (
	Fatal      Severity = "fatal"      // the code does not parse
	Bad        Severity = "error"      // correctness
	Warning    Severity = "warning"    // suspicious, security
	Refactor   Severity = "refactor"   // complexity, performance
	Convention Severity = "convention" // style and the rest
)

// Severities lists every severity, the worst first.
func Severities() []Severity { return []Severity{Fatal, Bad, Warning, Refactor, Convention} }

// Lint is the severity profile of a program: counts of findings.
type Lint struct {
	Fatal      int `json:"fatal"`
	Error      int `json:"error"`
	Warning    int `json:"warning"`
	Refactor   int `json:"refactor"`
	Convention int `json:"convention"`
	// Codes counts findings by rule, as "F401" or "invalid-syntax".
	Codes map[string]int `json:"codes,omitempty"`
	// Suppressions counts comments such as "# noqa" that would have silenced findings and were ignored.
	Suppressions int `json:"suppressions,omitempty"`
	// Unavailable says that the program could not be linted (too large, or it broke the linter): counts are then 0
	// and mean nothing.
	Unavailable bool `json:"unavailable,omitempty"`
}

// Count returns the number of findings of a severity.
func (l Lint) Count(s Severity) int {
	switch s {
	case Fatal:
		return l.Fatal
	case Bad:
		return l.Error
	case Warning:
		return l.Warning
	case Refactor:
		return l.Refactor
	case Convention:
		return l.Convention
	}
	return 0
}

// Total returns the number of findings.
func (l Lint) Total() int { return l.Fatal + l.Error + l.Warning + l.Refactor + l.Convention }

// Evidence is everything that a program can check about a completion. It is computed once for every completion, whatever
// the reward is.
type Evidence struct {
	// Program is the Python that was extracted from the completion, run and linted; "" where there is none.
	Program string
	Verdict Verdict
	Lint    Lint
	// Tokens is the completion's length in tokens.
	Tokens int
	// Truncated says that the completion was cut by the token limit.
	Truncated bool
}
