// Command harness-reward-unit-tests scores a program by the tests that it passes, in 0..1: the share of them, or all or
// nothing. What is no code is worth 0; what the harness failed to verify abstains.
package main

import (
	"context"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/rewards/rule"
)

func main() {
	plugins.ServeReward(plugins.Info{
		Name: "unit-tests", Version: "1.0.0", Doc: "the share of a task's tests that pass, or all of them",
	}, rule.DefaultTests(), func(_ context.Context, s rule.Tests) (core.Reward, error) { return reward{s}, nil })
}
