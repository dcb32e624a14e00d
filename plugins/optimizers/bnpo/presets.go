package main

import "github.com/rlvr-harness/harness/plugins/optimizers/surrogate"

// local is TRL's objective without a penalty.
var local = surrogate.Plain().Vary(func(s *surrogate.Settings) { s.StdEps, s.Aggregation = 1e-4, "micro-token-mean" })

// presets are named values of every setting.
var presets = map[string]surrogate.Settings{
	surrogate.Paper: local,
	// TRL 0.18 had the penalty on; 1.16.0 has it off.
	"trl-0.18": local.Vary(func(s *surrogate.Settings) { s.Beta, s.LogRatioBound = 0.04, 0 }),
	"trl-1.16": local.TRL(),
}
