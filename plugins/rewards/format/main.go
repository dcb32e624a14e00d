// Command harness-reward-format scores the form of an answer: 1 for exactly one closed code block, else 0. It is meant as a
// part of a chain: --reward unit-tests=1.0,format=0.1.
package main

import (
	"context"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
)

func main() {
	plugins.ServeReward(plugins.Info{
		Name: "format", Version: "1.0.0", Doc: "1 for an answer with exactly one closed code block",
	}, defaults(), func(_ context.Context, s settings) (core.Reward, error) { return reward{s}, nil })
}
