package main

import "github.com/rlvr-harness/harness/plugins/optimizers/surrogate"

// done is Dr. GRPO's objective.
var done = surrogate.Plain().Vary(func(s *surrogate.Settings) { s.Scale, s.Aggregation = "none", "constant" })

// presets are named values of every setting.
var presets = map[string]surrogate.Settings{
	surrogate.Paper: done,
	// TRL 1.16.0 with loss_type dr_grpo and scale_rewards none.
	"trl-1.16": done.TRL(),
}
