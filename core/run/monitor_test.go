package run

import (
	"reflect"
	"strings"
	"testing"
)

// A run in which lint improves while the pass rate falls is warned of once; so is it when it was resumed on the way.
func TestMonitor(t *testing.T) {
	made := func(fall bool) []Step {
		var steps []Step
		for i := range 30 {
			x := float64(i) / 30
			s := Step{Step: i + 1, CompletionTokensMean: 80 - 50*x + float64(i%3), PassRate: 0.3 + 0.3*x + 0.03*float64(i%2), Lint: LintMeans{Convention: 1 - 0.8*x + 0.1*float64(i%4)}}
			if fall {
				s.PassRate = 0.6 - 0.5*x + 0.03*float64(i%2)
			}
			steps = append(steps, s)
		}
		return steps
	}
	watch := func(m *Monitor, steps []Step) (warned []string) {
		for i := range steps {
			if w := m.Watch(&steps[i]); w != "" {
				warned = append(warned, w)
			}
		}
		return warned
	}
	if w := watch(NewMonitor(nil), made(false)); len(w) > 0 {
		t.Errorf("a run that learns is warned of: %q", w)
	}
	steps := made(true)
	w := watch(NewMonitor(nil), steps)
	if len(w) != 1 || !strings.Contains(w[0], "lint improves (findings -") || !strings.Contains(w[0], "pass rate falls (-") {
		t.Errorf("a run that degenerates: %q", w)
	}
	if d := steps[5].Diagnostics; d != nil {
		t.Errorf("after 6 steps the drift is %v", d)
	}
	last := steps[29].Diagnostics
	if last[degenerating] != 1 || !(last[lintDrift] < -0.5) || !(last[passRateDrift] < -0.3) || !(last[lengthDrift] < -0.5) {
		t.Errorf("the last step's drift is %v", last)
	}
	sections, err := trainingSections(steps, nil)
	if err != nil {
		t.Fatal(err)
	}
	drawn := ""
	for _, s := range sections {
		for _, f := range s.Figures {
			if strings.Contains(string(f), "Drift over a window") {
				drawn = string(f)
			}
		}
	}
	if !strings.Contains(drawn, "lint findings") || strings.Contains(drawn, degenerating) {
		t.Errorf("the report draws the drift as %.300q", drawn)
	}
	if w := warnings(steps, newCounter(steps)); !strings.Contains(strings.Join(w, "\n"), "Lint improved while the pass rate fell") {
		t.Errorf("the report warns of %q", w)
	}

	resumed := made(true)
	copy(resumed, steps[:20])
	if w := watch(NewMonitor(resumed[:20]), resumed[20:]); len(w) > 0 {
		t.Errorf("the resumed run is warned of again: %q", w)
	}
	if !reflect.DeepEqual(resumed, steps) {
		t.Error("a resumed run measures another drift")
	}
}
