package main

import "github.com/rlvr-harness/harness/plugins/optimizers/surrogate"

// weighted is CISPO's objective.
var weighted = surrogate.Plain().Vary(func(s *surrogate.Settings) {
	s.Shape, s.EpsilonHigh, s.Aggregation = "cispo", 5, "token-mean"
})

// presets are named values of every setting.
var presets = map[string]surrogate.Settings{
	surrogate.Paper: weighted,
	"trl-1.16":      weighted.Vary(func(s *surrogate.Settings) { s.StdEps, s.KLRatio = 1e-4, true }),
}
