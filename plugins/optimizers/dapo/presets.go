package main

import "github.com/rlvr-harness/harness/plugins/optimizers/surrogate"

// tokens is DAPO's objective.
var tokens = surrogate.Plain().Vary(func(s *surrogate.Settings) {
	s.Aggregation, s.EpsilonHigh, s.MaskTruncated = "token-mean", 0.28, true
})

// presets are named values of every setting.
var presets = map[string]surrogate.Settings{
	surrogate.Paper: tokens,
	// TRL 1.16.0's default objective: loss_type dapo, symmetric clip, truncated completions kept.
	"trl-1.16": tokens.TRL().Vary(func(s *surrogate.Settings) { s.EpsilonHigh, s.MaskTruncated = 0.2, false }),
	// The settings of verl's DAPO scripts: dual clip with c = 10, and no overlong filtering (docs/algo/dapo.md).
	"verl": tokens.Vary(func(s *surrogate.Settings) { s.Delta, s.MaskTruncated = 10, false }),
}
