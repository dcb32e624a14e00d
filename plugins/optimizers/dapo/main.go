// Command harness-optimizer-dapo serves DAPO (arXiv 2503.14476, eq. 8): GRPO's advantages, no penalty, and
//
//	L = −1/Σ_i|o_i| Σ_i Σ_t min(w_it A_i, clip(w_it, 1−ε_low, 1+ε_high) A_i)
//
// with ε 0.2 and 0.28, and overlong filtering: completions that the limit cut have no part in the loss. Dynamic sampling
// belongs to the loop, and the soft overlong punishment is the reward length.
package main

import (
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/optimizers/surrogate"
)

func main() {
	surrogate.Serve(plugins.Info{
		Name: "dapo", Version: "1.0.0", Doc: "Decoupled clip and dynamic sampling: the clip is wider above than below, every token weighs the same",
	}, presets)
}
