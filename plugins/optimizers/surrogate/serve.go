package surrogate

import (
	"context"
	"fmt"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
)

// Paper is the preset that every rule has: the values of the paper that it is named for. They are its defaults.
const Paper = "paper"

// Serve is the main of a rule's plugin.
func Serve(info plugins.Info, presets map[string]Settings) {
	plugins.ServeOptimizer(info, Defaults(presets), func(_ context.Context, s Settings) (core.Optimizer, error) { return New(s) })
}

// Defaults returns the settings of a rule where the user says nothing: those of its paper, which know the other presets.
func Defaults(presets map[string]Settings) Settings {
	d, ok := presets[Paper]
	if !ok {
		panic(fmt.Sprintf("surrogate: a rule has a preset %q", Paper))
	}
	d.Preset, d.presets = Paper, presets
	return d
}

// TRL returns settings with the arithmetic that all losses of TRL 1.16.0 have in common: 1e-4 added to the deviation, the penalty
// times the ratio (use_bias_correction_kl), no bound on log-ratios.
func (s Settings) TRL() Settings {
	s.StdEps, s.KLRatio, s.LogRatioBound = 1e-4, true, 0
	return s
}

// Vary returns settings with some of them changed.
func (s Settings) Vary(change func(*Settings)) Settings {
	change(&s)
	return s
}
