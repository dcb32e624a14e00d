package main

import "github.com/rlvr-harness/harness/plugins/optimizers/surrogate"

// global is REINFORCE++'s objective.
var global = surrogate.Plain().Vary(func(s *surrogate.Settings) {
	s.Baseline, s.Scale, s.StdEps, s.Aggregation = "batch", "batch", 1e-9, "token-mean"
	s.KL, s.Beta = "k2", 0.01
})

// presets are named values of every setting.
var presets = map[string]surrogate.Settings{
	surrogate.Paper: global,
	"baseline":      global.Vary(func(s *surrogate.Settings) { s.Baseline = "group" }),
}
