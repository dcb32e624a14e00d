package main

import "github.com/rlvr-harness/harness/plugins/optimizers/surrogate"

// presets are named values of every setting.
var presets = map[string]surrogate.Settings{
	surrogate.Paper: surrogate.Plain().Vary(func(s *surrogate.Settings) { s.Beta = 0.04 }),
	// TRL 1.16.0 with loss_type grpo; its own default is loss_type dapo.
	"trl-1.16": surrogate.Plain().TRL(),
	// verl's "vanilla" policy loss with its defaults (verl/trainer/config/actor/actor.yaml): dual clip with c = 3, the mean
	// over all tokens; and the penalty that its guide to GRPO turns on (docs/algo/grpo.md): k3 with 0.001.
	"verl": surrogate.Plain().Vary(func(s *surrogate.Settings) { s.Delta, s.Aggregation, s.Beta = 3, "token-mean", 0.001 }),
}
