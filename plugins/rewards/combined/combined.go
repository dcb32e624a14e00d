package main

import (
	"context"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/rewards/rule"
)

// settings are the parts' own settings and how they are put together.
type settings struct {
	UnitTests float64 `json:"unit_tests" min:"0" doc:"the weight of the part unit-tests"`
	Ruff      float64 `json:"ruff" min:"0" doc:"the weight of the part ruff"`
	Gate      string  `json:"gate" enum:"tests,none" doc:"tests: the part ruff counts only as far as tests pass; none: always"`
	rule.Tests
	rule.Lint
}

// defaults weigh the tests higher: a clean program that is wrong is wrong. The weights sum to 1, and so the value is in 0..1.
func defaults() settings {
	return settings{UnitTests: 0.7, Ruff: 0.3, Gate: "tests", Tests: rule.DefaultTests(), Lint: rule.DefaultLint()}
}

// reward is the weighted sum of the two parts.
type reward struct{ settings }

// Score implements core.Reward.
func (r reward) Score(_ context.Context, g core.Group) ([]core.Score, error) {
	scores := make([]core.Score, len(g.Samples))
	for i, s := range g.Samples {
		scores[i] = r.score(s.Evidence, g.Prompt.Visible)
	}
	return scores, nil
}

func (r reward) score(e core.Evidence, visible int) core.Score {
	tests := r.Tests.Score(e, visible)
	if tests.Abstain {
		return core.Score{Abstain: true, Note: tests.Note}
	}
	gate := 1.0
	if r.Gate == "tests" {
		gate = tests.Value
	}
	lint := r.Lint.Score(e)
	if lint.Abstain {
		if gate > 0 && r.Ruff > 0 {
			return core.Score{Abstain: true, Note: tests.Note + ", " + lint.Note}
		}
		lint.Value = 0 // it has no say
	}
	parts := []core.Component{
		{Name: "unit-tests", Value: tests.Value, Weighted: r.UnitTests * tests.Value, Weight: r.UnitTests},
		{Name: "ruff", Value: lint.Value, Weighted: r.Ruff * lint.Value * gate, Weight: r.Ruff},
	}
	return core.Score{Value: parts[0].Weighted + parts[1].Weighted, Components: parts, Note: tests.Note + ", " + lint.Note}
}
