// Command harness-optimizer-grpo serves GRPO (DeepSeekMath, arXiv 2402.03300, eq. 3 and §4.1):
//
//	A_i = (r_i − mean(r)) / std(r)                                         over the group
//	L = −1/G Σ_i 1/|o_i| Σ_t [min(w_it A_i, clip(w_it, 1−ε, 1+ε) A_i) − β k3_it]
//	w_it = π_θ(o_it) / π_old(o_it)
//
// The paper gives β 0.04; it states no ε, and 0.2 is PPO's. Implementations differ: see the presets.
package main

import (
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/optimizers/surrogate"
)

func main() {
	surrogate.Serve(plugins.Info{
		Name: "grpo", Version: "1.0.0", Doc: "Group Relative Policy Optimization: advantages against the group, a clipped ratio per token",
	}, presets)
}
