// Command harness-reward-stateless is a reward of a third party that runs Python of its own in the harness's sandbox: each
// test twice in one interpreter. A program that keeps state between calls, in a global or in a default argument that it
// changes, passes once and fails the second time.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
)

type settings struct{}

type reward struct{ host plugins.Host }

// UseHost implements plugins.HostUser.
func (r *reward) UseHost(h plugins.Host) error {
	if h == nil {
		return errors.New("stateless runs tests itself and needs the harness's sandbox")
	}
	r.host = h
	return nil
}

// Score implements core.Reward: the share of tests that pass the second time.
func (r *reward) Score(ctx context.Context, g core.Group) ([]core.Score, error) {
	twice := g.Task
	twice.Tests = append(append([]string(nil), g.Task.Tests...), g.Task.Tests...)
	scores := make([]core.Score, len(g.Samples))
	for i, s := range g.Samples {
		if s.Evidence.Program == "" || len(g.Task.Tests) == 0 {
			scores[i] = core.Score{Abstain: len(g.Task.Tests) == 0, Note: "nothing to run"}
			continue
		}
		v, err := r.host.Verify(ctx, twice, s.Evidence.Program)
		if err != nil {
			return nil, fmt.Errorf("sample %d: %w", i, err)
		}
		if v.Class == core.Infrastructure {
			scores[i] = core.Score{Abstain: true, Note: "not verified"}
			continue
		}
		if n := len(g.Task.Tests); len(v.Tests) == 2*n {
			again := core.Verdict{Tests: v.Tests[n:]}
			scores[i] = core.Score{Value: again.TestsPassed(), Note: fmt.Sprintf("%.0f %% the second time", 100*again.TestsPassed())}
		}
	}
	return scores, nil
}

func main() {
	plugins.ServeReward(plugins.Info{Name: "stateless", Version: "1.0.0", Doc: "the share of tests that pass a second time"},
		settings{}, func(context.Context, settings) (core.Reward, error) { return &reward{}, nil })
}
