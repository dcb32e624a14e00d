package run

import (
	"math"
	"reflect"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func TestMeasure(t *testing.T) {
	sample := func(class core.Class, program string, tokens int, logProb float32, lint core.Lint) core.Sample {
		s := core.Sample{Evidence: core.Evidence{Program: program, Verdict: core.Verdict{Class: class}, Lint: lint, Tokens: tokens}}
		for range tokens {
			s.Completion.Tokens, s.Completion.LogProbs = append(s.Completion.Tokens, 1), append(s.Completion.LogProbs, logProb)
		}
		if class == core.Error {
			s.Evidence.Verdict.Exception = "NameError"
		}
		return s
	}
	passing, wrong := sample(core.Passed, "a", 2, -0.5, core.Lint{Error: 1}), sample(core.Error, "a", 4, -0.25, core.Lint{Convention: 3, Suppressions: 2})
	silent := sample(core.NoCode, "", 2, -1, core.Lint{Unavailable: true})
	silent.Evidence.Truncated = true
	wrong.Evidence.Verdict.Weak = true
	part := func(v float64) core.Score {
		return core.Score{Value: v, Components: []core.Component{{Name: "tests", Value: 2 * v, Weighted: v}}}
	}
	got := Measure(3, []core.Group{
		{Samples: []core.Sample{passing, wrong}}, {Samples: []core.Sample{silent, silent}},
	}, [][]core.Score{{part(1), part(0.25)}, {part(0.25), {Abstain: true, Value: 99}}})

	want := Step{
		Step: 3, RewardMean: 0.5, RewardStd: math.Sqrt(0.1875), PassRate: 0.25,
		Components: map[string]float64{"tests": 1}, Weighted: map[string]float64{"tests": 0.5},
		CompletionTokensMean: 2.5, TruncatedRate: 0.5,
		Verdicts: map[core.Class]int{core.Passed: 1, core.Error: 1, core.NoCode: 2},
		Lint:     LintMeans{Error: 0.5, Convention: 1.5}, // of the two that could be linted
		// The second group has one score, and so no deviation.
		ZeroStdGroups: 1, Entropy: (2*0.5 + 4*0.25 + 4*1) / 10., Tokens: 10, Abstained: 1,
		Exceptions:  map[string]int{"NameError": 1},
		Diagnostics: map[string]float64{"weak_rate": 0.25, "duplicate_rate": 0.5, "suppressions": 0.5, "special_casing": 0},
	}
	if math.Abs(got.RewardStd-want.RewardStd) > 1e-15 {
		t.Errorf("std is %v, want %v", got.RewardStd, want.RewardStd)
	}
	got.RewardStd = want.RewardStd
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A part that only some scores have, since a link of a chain abstained, has its mean over these; what it added to the reward
// is a mean over all of them.
func TestMeasureComponents(t *testing.T) {
	lint := core.Component{Name: "lint", Value: 0.5, Weighted: 0.25}
	tests := core.Component{Name: "tests", Value: 1, Weighted: 1}
	m := Measure(1, []core.Group{{Samples: make([]core.Sample, 4)}}, [][]core.Score{{
		{Value: 1.25, Components: []core.Component{tests, lint}},
		{Value: 1, Components: []core.Component{tests}},
		{Value: 1, Components: []core.Component{tests}},
		{Abstain: true, Components: []core.Component{lint}},
	}})
	if m.Components["lint"] != 0.5 || m.Components["tests"] != 1 || m.Weighted["lint"] != 0.25/3 || m.Weighted["tests"] != 1 || math.Abs(m.RewardMean-m.Weighted["lint"]-m.Weighted["tests"]) > 1e-15 {
		t.Errorf("got %+v", m)
	}
}

// The diagnostics against gaming: of programs that answer the shown test alone.
func TestMeasureGaming(t *testing.T) {
	task := core.Task{Text: "Add.", Entry: "total", Tests: []string{"assert total([30, 40]) == 70", "assert total([5, 6]) == 11"}}
	sample := func(program string, classes ...core.Class) core.Sample {
		s := core.Sample{Evidence: core.Evidence{Program: program, Verdict: core.Verdict{Class: core.Passed}}}
		for _, c := range classes {
			s.Evidence.Verdict.Tests = append(s.Evidence.Verdict.Tests, core.TestResult{Class: c})
			if c != core.Passed {
				s.Evidence.Verdict.Class = c
			}
		}
		return s
	}
	g := core.Group{Task: task, Prompt: core.Prompt{Protocol: "chat-first/1", Visible: 1}, Samples: []core.Sample{
		sample("def total(xs):\n    return sum(xs)\n", core.Passed, core.Passed),
		sample("def total(xs):\n    if xs == [30, 40]:\n        return 70\n", core.Passed, core.Failed),
		sample("def total(xs):\n    return 70\n", core.Passed, core.Failed),
		sample("def total(xs):\n    return len(xs)\n", core.Failed, core.Failed),
	}}
	var scores []core.Score
	for range g.Samples {
		scores = append(scores, core.Score{})
	}
	m := Measure(1, append([]core.Group(nil), g), append([][]core.Score(nil), scores))
	want := map[string]float64{
		"visible_minus_hidden": 0.5, "visible_only": 0.5, "special_casing": 0.5,
		"weak_rate": 0, "duplicate_rate": 0, "suppressions": 0,
	}
	if !reflect.DeepEqual(m.Diagnostics, want) {
		t.Errorf("got %v, want %v", m.Diagnostics, want)
	}
	for i, how := range []string{"", "branch", "constant", ""} {
		if row := NewRow(1, g, i, core.Score{}, 0); row.Special != how {
			t.Errorf("sample %d: %q, want %q", i, row.Special, how)
		}
	}
}
