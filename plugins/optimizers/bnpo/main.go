// Command harness-optimizer-bnpo serves BNPO, which is TRL's name for GRPO's advantages with the loss averaged over all tokens
// of the local batch (TRL's default from 0.18 to 0.20, loss_type bnpo):
//
//	L = −1/Σ_i|o_i| Σ_i Σ_t min(w_it A_i, clip(w_it, 1−ε, 1+ε) A_i)        over the micro-batch
//
// It equals DAPO's mean when a step is one micro-batch, and otherwise weighs the tokens of a short micro-batch more. It is not
// the paper «BNPO: Beta Normalization Policy Optimization» (arXiv 2506.02864), whose advantages come from a fitted Beta
// distribution.
package main

import (
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/optimizers/surrogate"
)

func main() {
	surrogate.Serve(plugins.Info{
		Name: "bnpo", Version: "1.0.0", Doc: "The mean over the tokens of the local batch",
	}, presets)
}
