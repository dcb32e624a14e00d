// Command harness-reward-length scores a completion by its number of tokens: DAPO's soft overlong punishment in -1..0, or
// nearness to a target in 0..1. It is meant as a part of a chain: --reward unit-tests=1.0,length=0.2.
package main

import (
	"context"
	"fmt"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
)

func main() {
	plugins.ServeReward(plugins.Info{
		Name: "length", Version: "1.0.0", Doc: "DAPO's soft overlong punishment, or nearness to a target length",
	}, defaults(), func(_ context.Context, s settings) (core.Reward, error) {
		if s.Cache > s.Limit {
			return nil, &plugins.BadSetting{Name: "cache", Err: fmt.Errorf("%d is more than the limit of %d", s.Cache, s.Limit)}
		}
		return reward{s}, nil
	})
}
