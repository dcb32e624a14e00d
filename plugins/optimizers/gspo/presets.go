package main

import "github.com/rlvr-harness/harness/plugins/optimizers/surrogate"

// sequence is GSPO's objective.
var sequence = surrogate.Plain().Vary(func(s *surrogate.Settings) {
	s.Level, s.EpsilonLow, s.EpsilonHigh = "sequence", 3e-4, 4e-4
})

// presets are named values of every setting.
var presets = map[string]surrogate.Settings{
	surrogate.Paper: sequence,
	"gspo-token":    sequence.Vary(func(s *surrogate.Settings) { s.Level = "sequence-token" }),
	// TRL 1.16.0 with importance_sampling_level sequence, loss_type grpo and the paper's epsilons.
	"trl-1.16": sequence.TRL(),
	// verl's policy loss gspo, which is GSPO-token with seq-mean-token-mean, and the epsilons of its scripts
	// (examples/gspo_trainer).
	"verl": sequence.Vary(func(s *surrogate.Settings) { s.Level = "sequence-token" }),
}
