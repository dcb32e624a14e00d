package gaming

import "github.com/rlvr-harness/harness/core"

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
		visible := g.Prompt.Visible
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
