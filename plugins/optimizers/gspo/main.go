// Command harness-optimizer-gspo serves GSPO (arXiv 2507.18071, eq. 5-7):
//
//	A_i = (r_i − mean(r)) / std(r)                                         over the group
//	s_i = (π_θ(y_i) / π_old(y_i))^(1/|y_i|)
//	L = −1/G Σ_i min(s_i A_i, clip(s_i, 1−ε_low, 1+ε_high) A_i)
//
// with ε 3e-4 and 4e-4 (§5.1) and no penalty. It differs from GRPO only off policy: when a rollout batch is used for more
// than one update. With one advantage per completion GSPO-token (eq. 13) has the same loss and derivative; the preset
// gspo-token computes it in its own form.
package main

import (
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/optimizers/surrogate"
)

func main() {
	surrogate.Serve(plugins.Info{
		Name: "gspo", Version: "1.0.0", Doc: "Group Sequence Policy Optimization: one clipped ratio per completion, the geometric mean over its tokens",
	}, presets)
}
