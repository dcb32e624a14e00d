package main

import "github.com/rlvr-harness/harness/plugins/optimizers/surrogate"

// product is RLOO's objective.
var product = surrogate.Plain().Vary(func(s *surrogate.Settings) {
	s.Baseline, s.Scale, s.Level, s.KL = "leave-one-out", "none", "sequence-sum", "k2"
})

// presets are named values of every setting.
var presets = map[string]surrogate.Settings{
	surrogate.Paper: product,
}
