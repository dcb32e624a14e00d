// Command harness-optimizer-cispo serves CISPO (MiniMax-M1, arXiv 2506.13585, eq. 4-5): GRPO's advantages, and
//
//	L = −1/Σ_i|o_i| Σ_i Σ_t sg[min(w_it, ε_high)] A_i log π_θ(o_it)
//
// The weight is bounded from above alone, at ε_high itself rather than 1+ε_high; 5 is the value that ScaleRL
// (arXiv 2510.13786) found to work and that TRL recommends, since MiniMax-M1 states none.
package main

import (
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/optimizers/surrogate"
)

func main() {
	surrogate.Serve(plugins.Info{
		Name: "cispo", Version: "1.0.0", Doc: "Clipped importance weights on the log-probability: no token loses its derivative",
	}, presets)
}
