package rule

import (
	"fmt"

	"github.com/rlvr-harness/harness/core"
)

// Tests are the settings of the rule that scores tests.
type Tests struct {
	Mode  string `json:"mode" enum:"fraction,all" doc:"fraction: the share of tests that pass; all: 1 where every test passes, else 0"`
	Weak  string `json:"weak" enum:"allow,fail" doc:"whether a test that the program could have forged counts as passed"`
	Count string `json:"count" enum:"every,hidden" doc:"hidden: tests that the prompt shows do not count"`
	Shown int    `json:"shown" min:"0" doc:"tests at the beginning that do not count, whatever the prompt shows"`
}

// DefaultTests returns the defaults. Fraction tells apart the programs of a group in which none passes everything, so
// that the group has something to teach; its price is that a constant answer earns a little where tests are few.
func DefaultTests() Tests { return Tests{Mode: "fraction", Weak: "allow", Count: "every"} }

// Part is what a rule says about a sample: a value in 0..1, or an abstention, and a word for a person.
type Part struct {
	Value   float64
	Abstain bool
	Note    string
}

// Score scores a sample by its tests, the first of which the prompt shows, as many as visible. A program that could not be
// run is worth 0; a failure of the harness abstains, and so does a task without a test that counts.
func (s Tests) Score(e core.Evidence, visible int) Part {
	switch {
	case e.Verdict.Class == core.Infrastructure:
		return Part{Abstain: true, Note: "not verified: " + e.Verdict.Message}
	case e.Program == "" || e.Verdict.Class == core.NoCode:
		return Part{Note: "no code"}
	}
	if len(e.Verdict.Tests) == 0 {
		if e.Verdict.Class == core.Passed || e.Verdict.Class == "" {
			return Part{Abstain: true, Note: "no tests"}
		}
		return Part{Note: string(e.Verdict.Class)} // it broke before its first test
	}
	skip := s.Shown
	if s.Count == "hidden" {
		skip = max(skip, visible)
	}
	if skip >= len(e.Verdict.Tests) {
		return Part{Abstain: true, Note: "no hidden tests"}
	}
	tests := e.Verdict.Tests[skip:]
	passed := 0
	for _, t := range tests {
		switch {
		case t.Class == core.Infrastructure:
			return Part{Abstain: true, Note: "not verified: " + t.Message}
		case t.Class == core.Passed && (s.Weak == "allow" || !t.Weak):
			passed++
		}
	}
	p := Part{Value: float64(passed) / float64(len(tests)), Note: fmt.Sprintf("%d of %d tests", passed, len(tests))}
	if s.Mode == "all" && passed < len(tests) {
		p.Value = 0
	}
	return p
}
