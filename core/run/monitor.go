package run

import (
	"fmt"

	"github.com/rlvr-harness/harness/core/gaming"
)

// Diagnostics of a step that look back over the steps before it: the changes over a window of the straight lines through
// length and lint findings, each as a share of its mean, and through the pass rate, in points; and 1 where lint improves
// while the pass rate falls, else 0.
const (
	lengthDrift   = "length_drift"
	lintDrift     = "lint_drift"
	passRateDrift = "pass_rate_drift"
	degenerating  = "degenerating"
)

// Monitor watches where a run drifts. It is a function of the steps so far, so that a resumed run records the same bytes.
type Monitor struct {
	points []gaming.Point
	warned bool
}

// NewMonitor returns a monitor of a run that has made the given steps.
func NewMonitor(steps []Step) *Monitor {
	m := &Monitor{}
	for _, s := range steps {
		m.points = append(m.points, gaming.Point{Tokens: s.CompletionTokensMean, Lint: s.Lint.Total(), PassRate: s.PassRate})
		m.warned = s.Diagnostics[degenerating] > 0
	}
	return m
}

// Watch adds a step's drift to its diagnostics and returns a warning where lint begins to improve while the pass rate
// falls; "" else, also while that goes on.
func (m *Monitor) Watch(s *Step) string {
	m.points = append(m.points, gaming.Point{Tokens: s.CompletionTokensMean, Lint: s.Lint.Total(), PassRate: s.PassRate})
	d, ok := gaming.DriftOf(m.points)
	if !ok {
		return ""
	}
	if s.Diagnostics == nil {
		s.Diagnostics = map[string]float64{}
	}
	s.Diagnostics[lengthDrift], s.Diagnostics[lintDrift] = d.Tokens.Relative(), d.Lint.Relative()
	s.Diagnostics[passRateDrift], s.Diagnostics[degenerating] = d.PassRate.Change, 0
	was := m.warned
	if m.warned = d.Degenerates(); !m.warned {
		return ""
	}
	s.Diagnostics[degenerating] = 1
	if was {
		return ""
	}
	return fmt.Sprintf("over the last %d steps lint improves (findings %+.0f%%) while the pass rate falls (%+.0f points; length %+.0f%%): the reward may be paying for programs that are clean and wrong",
		d.Steps, 100*d.Lint.Relative(), 100*d.PassRate.Change, 100*d.Tokens.Relative())
}
