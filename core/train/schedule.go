package train

import (
	"fmt"
	"math"
)

// Schedule shapes the learning rate over a run.
type Schedule struct {
	// Decay is "constant" (also ""), "linear" or "cosine"; the last two end at 0 after the last step.
	Decay string
	// Warmup is the number of steps over which the rate rises linearly to its peak.
	Warmup int
}

// Decays lists the names that Schedule.Decay may have.
func Decays() []string { return []string{"constant", "linear", "cosine"} }

func (s Schedule) validate() error {
	switch s.Decay {
	case "", "constant", "linear", "cosine":
	default:
		return fmt.Errorf("lr-schedule is %q; it must be one of %v", s.Decay, Decays())
	}
	if s.Warmup < 0 {
		return fmt.Errorf("warmup is %d; it must not be negative", s.Warmup)
	}
	return nil
}

// LR returns the learning rate of a step (from 1) of a run of the given number of steps.
func (s Schedule) LR(peak float64, step, steps int) float64 {
	if step <= s.Warmup {
		return peak * float64(step) / float64(s.Warmup)
	}
	done := float64(step-1-s.Warmup) / float64(max(1, steps-s.Warmup))
	switch s.Decay {
	case "linear":
		return peak * (1 - done)
	case "cosine":
		return peak * (1 + math.Cos(math.Pi*done)) / 2
	}
	return peak
}
