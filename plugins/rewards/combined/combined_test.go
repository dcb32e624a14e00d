package main

import (
	"context"
	"reflect"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/rewards/rule"
)

func sample(passed, failed int, l core.Lint) core.Evidence {
	e := core.Evidence{Program: "def f(): pass", Verdict: core.Verdict{Class: core.Passed}, Lint: l}
	for range passed {
		e.Verdict.Tests = append(e.Verdict.Tests, core.TestResult{Class: core.Passed})
	}
	for range failed {
		e.Verdict.Tests = append(e.Verdict.Tests, core.TestResult{Class: core.Failed})
		e.Verdict.Class = core.Failed
	}
	return e
}

func TestCombined(t *testing.T) {
	half := core.Lint{Error: 2, Warning: 1} // worth 0.5
	for _, c := range []struct {
		name    string
		set     func(*settings)
		e       core.Evidence
		want    float64
		abstain bool
	}{
		{"right and clean", nil, sample(2, 0, core.Lint{}), 1, false},
		{"right", nil, sample(2, 0, half), 0.7 + 0.15, false},
		{"half right and clean", nil, sample(1, 1, core.Lint{}), 0.35 + 0.15, false},
		{"empty and clean", nil, sample(0, 2, core.Lint{}), 0, false},
		{"empty and clean, no gate", func(s *settings) { s.Gate = "none" }, sample(0, 2, core.Lint{}), 0.3, false},
		{"no code", nil, core.Evidence{Verdict: core.Verdict{Class: core.NoCode}}, 0, false},
		{"not verified", nil, core.Evidence{Program: "x", Verdict: core.Verdict{Class: core.Infrastructure}}, 0, true},
		{"not linted", nil, sample(1, 1, core.Lint{Unavailable: true}), 0, true},
		{"not linted, and wrong anyway", nil, sample(0, 1, core.Lint{Unavailable: true}), 0, false},
		{"not linted, and lint has no weight", func(s *settings) { s.Ruff = 0 }, sample(1, 1, core.Lint{Unavailable: true}), 0.35, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := defaults()
			if c.set != nil {
				c.set(&s)
			}
			got, err := reward{s}.Score(context.Background(), core.Group{Samples: []core.Sample{{Evidence: c.e}}})
			if err != nil {
				t.Fatal(err)
			}
			if d := got[0].Value - c.want; d > 1e-12 || d < -1e-12 || got[0].Abstain != c.abstain {
				t.Errorf("got %+v, want %v, abstain %v", got[0], c.want, c.abstain)
			}
			sum := 0.0
			for _, p := range got[0].Components {
				sum += p.Weighted
			}
			if d := sum - got[0].Value; d > 1e-12 || d < -1e-12 {
				t.Errorf("the components add up to %v, the value is %v", sum, got[0].Value)
			}
		})
	}
}

// TestParts: a part of combined is the reward of its name.
func TestParts(t *testing.T) {
	e := sample(1, 2, core.Lint{Warning: 3})
	got := reward{defaults()}.score(e, 1).Components
	want := []core.Component{
		{Name: "unit-tests", Value: rule.DefaultTests().Score(e, 1).Value},
		{Name: "ruff", Value: rule.DefaultLint().Score(e).Value},
	}
	for i := range got {
		got[i].Weight, got[i].Weighted = 0, 0
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
