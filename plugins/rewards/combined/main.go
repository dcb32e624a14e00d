// Command harness-reward-combined scores a program by its tests and its lint findings: the weighted sum of the rewards
// unit-tests and ruff, which are its components. The lint part counts only as far as tests pass, since otherwise an
// empty function, in which Ruff finds nothing, would earn it in full.
package main

import (
	"context"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
)

func main() {
	plugins.ServeReward(plugins.Info{
		Name: "combined", Version: "1.0.0", Doc: "the weighted sum of unit-tests and ruff; lint counts as far as tests pass",
	}, defaults(), func(_ context.Context, s settings) (core.Reward, error) {
		if name, err := s.Check(); err != nil {
			return nil, &plugins.BadSetting{Name: name, Err: err}
		}
		return reward{s}, nil
	})
}
