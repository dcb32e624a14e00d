// Command harness-optimizer-reinforce++ serves REINFORCE++ (arXiv 2501.03262): no group baseline; advantages are normalised over the batch,
//
//	A_i = (r_i − mean(r)) / std(r)                                         over the batch
//
// with PPO's clip per token and the mean over tokens. The paper's penalty of each token is part of the return; here it is k2
// in the loss, whose derivative on policy is the same, with OpenRLHF's coefficient (--algo.kl.init_coef). The preset baseline is the paper's
// REINFORCE++-baseline: the group's mean, then the batch's deviation.
package main

import (
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/optimizers/surrogate"
)

func main() {
	surrogate.Serve(plugins.Info{
		Name: "reinforce++", Version: "1.0.0", Doc: "REINFORCE with the batch as baseline and scale",
	}, presets)
}
