// Command harness-reward-complexity is a reward of a third party: programs with fewer decisions are worth more, as far as
// they pass their tests. It is a module of its own and imports of harness what a third party may: core and plugins.
package main

import (
	"context"
	"fmt"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
)

// settings are set by `harness run --reward complexity --set free=4`.
type settings struct {
	Free int     `json:"free" min:"1" doc:"decisions that cost nothing"`
	Cost float64 `json:"cost" min:"0" max:"1" doc:"what each further decision costs"`
}

type reward struct{ settings }

// Score implements core.Reward: tests passed × max(0, 1 − cost × decisions beyond those that are free).
func (r reward) Score(_ context.Context, g core.Group) ([]core.Score, error) {
	scores := make([]core.Score, len(g.Samples))
	for i, s := range g.Samples {
		if s.Evidence.Verdict.Class == core.Infrastructure {
			scores[i] = core.Score{Abstain: true, Note: "not verified"}
			continue
		}
		n := decisions(s.Evidence.Program)
		simple := max(0, 1-r.Cost*float64(max(0, n-r.Free)))
		scores[i] = core.Score{Value: s.Evidence.Verdict.TestsPassed() * simple, Note: fmt.Sprintf("%d decisions", n)}
	}
	return scores, nil
}

func main() {
	plugins.ServeReward(plugins.Info{Name: "complexity", Version: "1.0.0", Doc: "fewer decisions are better, as far as tests pass"},
		settings{Free: 4, Cost: 0.1}, func(_ context.Context, s settings) (core.Reward, error) { return reward{s}, nil })
}
