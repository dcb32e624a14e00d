package main

import "github.com/rlvr-harness/harness/plugins/optimizers/surrogate"

// weighted is CISPO's objective.
var weighted = surrogate.Plain().Vary(func(s *surrogate.Settings) {
	s.Shape, s.EpsilonHigh, s.Aggregation = "cispo", 5, "token-mean"
})

// presets are named values of every setting.
var presets = map[string]surrogate.Settings{
	surrogate.Paper: weighted,
	"trl-1.16":      weighted.TRL(),
	// verl's script (examples/cispo_trainer): the weight is clipped to 1+0.2 from above and in effect not from below; k3 with
	// 0.001.
	"verl": weighted.Vary(func(s *surrogate.Settings) { s.EpsilonHigh, s.Beta = 1.2, 0.001 }),
}
