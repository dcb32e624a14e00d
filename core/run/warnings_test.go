package run

import (
	"math"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// sound is a run of which nothing is to be said.
func sound() []Step {
	var steps []Step
	for i := range 40 {
		x := float64(i) / 40
		steps = append(steps, Step{
			Step: i + 1, RewardMean: 0.3 + 0.3*x, RewardStd: 0.3, PassRate: 0.3 + 0.3*x + 0.02*float64(i%3), CompletionTokensMean: 100 - 10*x,
			Verdicts: map[core.Class]int{core.Passed: 8, core.Failed: 8}, Lint: LintMeans{Error: 0.5}, ZeroStdGroups: 1, Entropy: 0.5 - 0.2*x,
		})
	}
	return steps
}

func TestWarnings(t *testing.T) {
	groups := func(c *counter) {
		for i := range 40 {
			c.groups[i+1] = 4
		}
	}
	each := func(change func(x float64, s *Step)) func([]Step, *counter) []Step {
		return func(steps []Step, _ *counter) []Step {
			for i := range steps {
				change(float64(i)/float64(len(steps)), &steps[i])
			}
			return steps
		}
	}
	for _, c := range []struct {
		name, want string
		change     func([]Step, *counter) []Step
	}{
		{"a sound run", "", func(s []Step, _ *counter) []Step { return s }},
		{"no steps", "No step", func([]Step, *counter) []Step { return nil }},
		{"few steps", "8 steps are few", func(s []Step, _ *counter) []Step { return s[:8] }},
		{"lint improves while the pass rate falls", "Lint improves (0.45 to 0.11", each(func(x float64, s *Step) {
			s.Lint.Error, s.PassRate = 0.5-0.45*x, 0.6-0.4*x
		})},
		{"lint improved while the pass rate fell, for a while", "up to step 20, 33:", func(s []Step, _ *counter) []Step {
			for i := range s {
				s[i].Diagnostics = map[string]float64{degenerating: 0}
			}
			for _, i := range []int{19, 20, 21, 32} {
				s[i].Diagnostics[degenerating] = 1
			}
			return s
		}},
		{"completions collapse", "much shorter (90 to 23 tokens)", each(func(x float64, s *Step) {
			s.CompletionTokensMean, s.PassRate = 100-math.Min(85, 90*x), 0.3
		})},
		{"truncation", "cut by the token limit", each(func(_ float64, s *Step) { s.TruncatedRate = 0.6 })},
		{"groups without a signal", "30 of 40 groups", each(func(_ float64, s *Step) { s.ZeroStdGroups = 3 })},
		{"rewards all equal", "All rewards are equal", each(func(_ float64, s *Step) { s.RewardStd = 0 })},
		{"a reward that abstains", "abstained for 40 of 640", each(func(_ float64, s *Step) { s.Abstained = 1 })},
		{"infrastructure", "could not be judged", each(func(_ float64, s *Step) { s.Verdicts[core.Infrastructure] = 1 })},
		{"no programs", "hold no program that compiles", each(func(_ float64, s *Step) { s.Verdicts[core.Syntax] = 30 })},
		{"weak tests", "20 of 100 passing completions passed a weak test", func(s []Step, c *counter) []Step {
			c.passed, c.weakPassed = 100, 20
			return s
		}},
		{"suppressed findings", "silence the linter", func(s []Step, c *counter) []Step { c.suppressed = 3; return s }},
		{"duplicates", "repeat another one of their group", each(func(x float64, s *Step) {
			s.Diagnostics = map[string]float64{"duplicate_rate": x}
		})},
		{"a gap to hidden tests", "by 34.5 % in the last quarter (first: 4.5 %)", each(func(x float64, s *Step) {
			s.Diagnostics = map[string]float64{"visible_minus_hidden": 0.4 * x}
		})},
		{"special cases", "hold the inputs of tests", each(func(x float64, s *Step) {
			s.Diagnostics = map[string]float64{"special_casing": 0.4 * x}
		})},
		{"no entropy left", "entropy fell", each(func(x float64, s *Step) { s.Entropy = math.Max(0.001, 0.5-x) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			count := newCounter(nil)
			groups(count)
			got := warnings(c.change(sound(), count), count)
			if c.want == "" {
				if len(got) > 0 {
					t.Errorf("%q", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got  %q\nwant %q alone", got, c.want)
			}
		})
	}
}

func TestEvaluationWarnings(t *testing.T) {
	for _, c := range []struct {
		name, want string
		e          Evaluation
	}{
		{"a sound evaluation", "", Evaluation{Tasks: 10, Verdicts: map[core.Class]int{core.Passed: 6, core.Failed: 4}}},
		{"tasks without a completion", "2 of 10 tasks have no completion", Evaluation{Tasks: 10, Unanswered: 2}},
		{"tasks that could not be judged", "3 of 10 tasks have no completion that could be judged", Evaluation{Tasks: 10, Unscored: 3}},
		{"infrastructure", "1 of 2 completions could not be judged", Evaluation{Verdicts: map[core.Class]int{core.Infrastructure: 1, core.Passed: 1}}},
		{"no programs", "3 of 4 completions hold no program", Evaluation{Verdicts: map[core.Class]int{core.NoCode: 1, core.Syntax: 2, core.Passed: 1}}},
		{"truncation", "75.0 % of the completions are cut", Evaluation{TruncatedRate: 0.75}},
		{"special cases", "5.0 % of the programs hold the input", Evaluation{Diagnostics: map[string]float64{"special_casing": 0.05}}},
		{"few special cases", "", Evaluation{Diagnostics: map[string]float64{"special_casing": 0.01}}},
		{"a gap", "by 25.0 %", Evaluation{Diagnostics: map[string]float64{"visible_minus_hidden": 0.25}}},
	} {
		got := evaluationWarnings(c.e, newCounter(nil))
		if c.want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: got %q, want %q alone", c.name, got, c.want)
		}
	}
}
