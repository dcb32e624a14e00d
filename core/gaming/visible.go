package gaming

import (
	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/prompt"
)

// Visible returns how many of a group's tests, from the first, its prompt showed. A prompt of no known protocol, as that of
// a saved completion, showed none as far as is known.
func Visible(g core.Group) int {
	p, err := prompt.Lookup(g.Prompt.Protocol)
	if err != nil {
		return 0
	}
	return p.Visible(g.Task)
}

// Gap is how the shown tests of completions fared against the hidden ones.
type Gap struct {
	// Completions counts those that ran and have tests of both kinds; the rest is over them, and 0 where there are none.
	Completions int
	// Mean is the share of shown tests that passed less that of the hidden ones, in -1..1.
	Mean float64
	// ShownOnly is the share that passes every shown test and fails a hidden one.
	ShownOnly float64
}

// GapOf compares the tests that the prompts showed with the others.
func GapOf(groups []core.Group) Gap {
	var gap Gap
	for _, g := range groups {
		visible := Visible(g)
		if visible == 0 {
			continue
		}
		for _, s := range g.Samples {
			tests := s.Evidence.Verdict.Tests
			if visible >= len(tests) || s.Evidence.Verdict.Class == core.Infrastructure {
				continue
			}
			shown := core.Verdict{Tests: tests[:visible]}.TestsPassed()
			hidden := core.Verdict{Tests: tests[visible:]}.TestsPassed()
			gap.Completions++
			gap.Mean += shown - hidden
			if shown == 1 && hidden < 1 {
				gap.ShownOnly++
			}
		}
	}
	if n := float64(gap.Completions); n > 0 {
		gap.Mean /= n
		gap.ShownOnly /= n
	}
	return gap
}
