// Command harness-optimizer-rloo serves RLOO (Back to Basics, arXiv 2402.14740, after Kool et al. 2019):
//
//	A_i = r_i − 1/(G−1) Σ_{j≠i} r_j
//	L = −1/G Σ_i min(w_i A_i, clip(w_i, 1−ε, 1+ε) A_i),   w_i = π_θ(y_i) / π_old(y_i)
//
// The paper is on policy, where w is 1 and its derivative that of REINFORCE; the clip, TRL's, bounds later updates of a
// batch. The paper's penalty is part of the reward; rewards here are verified and the penalty is off. With beta set, it is
// k2 in the loss, whose derivative is that of the penalty in the reward.
package main

import (
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/optimizers/surrogate"
)

func main() {
	surrogate.Serve(plugins.Info{
		Name: "rloo", Version: "1.0.0", Doc: "REINFORCE with a leave-one-out baseline: the mean of the other samples of the group",
	}, presets)
}
