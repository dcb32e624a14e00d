// Command harness-reward-ruff scores a program by what Ruff finds in it, in 0..1: 1 minus a capped sum of penalties, one per
// finding by its severity. Code that does not parse is worth 0. It rewards short and empty code; combined does not.
package main

import (
	"context"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/rewards/rule"
)

func main() {
	plugins.ServeReward(plugins.Info{
		Name: "ruff", Version: "1.0.0", Doc: "1 minus a capped penalty for each lint finding, by severity",
	}, rule.DefaultLint(), func(_ context.Context, s rule.Lint) (core.Reward, error) {
		if name, err := s.Check(); err != nil {
			return nil, &plugins.BadSetting{Name: name, Err: err}
		}
		return reward{s}, nil
	})
}
