// Command harness-optimizer-dr-grpo serves Dr. GRPO (arXiv 2503.20783): GRPO without its two biases,
//
//	A_i = r_i − mean(r)                                                    over the group
//	L = −1/(G·M) Σ_i Σ_t min(w_it A_i, clip(w_it, 1−ε, 1+ε) A_i)
//
// where M is a constant, the token limit of a completion.
package main

import (
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/optimizers/surrogate"
)

func main() {
	surrogate.Serve(plugins.Info{
		Name: "dr-grpo", Version: "1.0.0", Doc: "GRPO done right: no division by the deviation or by the length",
	}, presets)
}
