package main

import (
	"context"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/rewards/rule"
)

// reward scores each sample by its tests.
type reward struct{ rule.Tests }

// Score implements core.Reward.
func (r reward) Score(_ context.Context, g core.Group) ([]core.Score, error) {
	scores := make([]core.Score, len(g.Samples))
	for i, s := range g.Samples {
		p := r.Tests.Score(s.Evidence, g.Prompt.Visible)
		scores[i] = core.Score{Value: p.Value, Abstain: p.Abstain, Note: p.Note}
	}
	return scores, nil
}
