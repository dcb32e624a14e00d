package rule

import (
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func tests(classes ...core.Class) core.Evidence {
	e := core.Evidence{Program: "def f(): pass", Verdict: core.Verdict{Class: core.Passed}}
	for _, c := range classes {
		e.Verdict.Tests = append(e.Verdict.Tests, core.TestResult{Class: c})
		if c != core.Passed && e.Verdict.Class == core.Passed {
			e.Verdict.Class = c
		}
	}
	return e
}

func TestTests(t *testing.T) {
	weak := tests(core.Passed, core.Passed)
	weak.Verdict.Tests[1].Weak = true
	noCode := core.Evidence{Verdict: core.Verdict{Class: core.NoCode}}
	for _, c := range []struct {
		name    string
		set     func(*Tests)
		e       core.Evidence
		want    float64
		abstain bool
	}{
		{"all pass", nil, tests(core.Passed, core.Passed), 1, false},
		{"a share passes", nil, tests(core.Passed, core.Failed, core.Error, core.Timeout), 0.25, false},
		{"all or nothing", func(s *Tests) { s.Mode = "all" }, tests(core.Passed, core.Failed), 0, false},
		{"all and all", func(s *Tests) { s.Mode = "all" }, tests(core.Passed), 1, false},
		{"no code", nil, noCode, 0, false},
		{"an empty program", nil, core.Evidence{Verdict: core.Verdict{Class: core.Passed, Tests: []core.TestResult{{Class: core.Passed}}}}, 0, false},
		{"does not compile", nil, core.Evidence{Program: "def", Verdict: core.Verdict{Class: core.Syntax}}, 0, false},
		{"not verified", nil, core.Evidence{Program: "x", Verdict: core.Verdict{Class: core.Infrastructure}}, 0, true},
		{"not verified without a program", nil, core.Evidence{Verdict: core.Verdict{Class: core.Infrastructure}}, 0, true},
		{"one test not verified", nil, tests(core.Passed, core.Infrastructure), 0, true},
		{"a task without tests", nil, tests(), 0, true},
		{"weak allowed", nil, weak, 1, false},
		{"weak fails", func(s *Tests) { s.Weak = "fail" }, weak, 0.5, false},
		{"the shown one too", nil, tests(core.Passed, core.Failed), 0.5, false},
		{"hidden only, as the prompt says", func(s *Tests) { s.Count = "hidden" }, tests(core.Passed, core.Failed, core.Passed, core.Passed, core.Passed), 0.75, false},
		{"hidden only, and more", func(s *Tests) { s.Count, s.Shown = "hidden", 2 }, tests(core.Passed, core.Passed, core.Failed), 0, false},
		{"hidden only, all shown", func(s *Tests) { s.Count = "hidden" }, tests(core.Passed), 0, true},
		{"hidden only", func(s *Tests) { s.Shown = 1 }, tests(core.Passed, core.Failed, core.Failed), 0, false},
		{"hidden only, nothing hidden", func(s *Tests) { s.Shown = 3 }, tests(core.Passed), 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := DefaultTests()
			if c.set != nil {
				c.set(&s)
			}
			if got := s.Score(c.e, 1); got.Value != c.want || got.Abstain != c.abstain {
				t.Errorf("got %+v, want %v, abstain %v", got, c.want, c.abstain)
			}
		})
	}
}

func TestLint(t *testing.T) {
	program := func(l core.Lint) core.Evidence {
		return core.Evidence{Program: "x = 1", Verdict: core.Verdict{Class: core.Passed}, Lint: l}
	}
	syntax := program(core.Lint{})
	syntax.Verdict.Class = core.Syntax
	for _, c := range []struct {
		name    string
		set     func(*Lint)
		e       core.Evidence
		want    float64
		abstain bool
	}{
		{"clean", nil, program(core.Lint{}), 1, false},
		{"one of each", nil, program(core.Lint{Error: 1, Warning: 1, Refactor: 1, Convention: 1}), 1 - 0.37, false},
		{"capped at nothing", nil, program(core.Lint{Error: 100}), 0, false},
		{"capped at half", func(s *Lint) { s.Cap = 0.5 }, program(core.Lint{Error: 100}), 0.5, false},
		{"a cap beyond the whole", func(s *Lint) { s.Cap = 9 }, program(core.Lint{Error: 100}), 0, false},
		{"does not parse", nil, program(core.Lint{Fatal: 1}), 0, false},
		{"does not compile", nil, syntax, 0, false},
		{"no code", nil, core.Evidence{}, 0, false},
		{"not linted", nil, program(core.Lint{Unavailable: true}), 0, true},
		{"suppressions cost", nil, program(core.Lint{Suppressions: 2}), 0.8, false},
		{"reciprocal", func(s *Lint) { s.Form = "reciprocal" }, program(core.Lint{Error: 15}), 0.25, false},
		{
			"reciprocal of the count", func(s *Lint) { s.Form, s.By = "reciprocal", "count" },
			program(core.Lint{Error: 1, Convention: 2}), 0.25, false,
		},
		{"linear in the count", func(s *Lint) { s.By, s.Cap = "count", 10 }, program(core.Lint{Error: 1}), 0, false},
		{"by rules alone", func(s *Lint) { s.By, s.Rules = "rules", map[string]float64{"F401": 0.25} }, program(core.Lint{Error: 2, Convention: 7, Codes: map[string]int{"F401": 1, "F841": 1, "E501": 7}}), 0.75, false},
		{"by rule", func(s *Lint) { s.Rules = map[string]float64{"F": 0.1, "F4": 0.25} }, program(core.Lint{Error: 2, Codes: map[string]int{"F401": 1, "F841": 1}}), 1 - 0.4 - 0.35, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := DefaultLint()
			if c.set != nil {
				c.set(&s)
			}
			got := s.Score(c.e)
			if d := got.Value - c.want; d > 1e-12 || d < -1e-12 || got.Abstain != c.abstain {
				t.Errorf("got %+v, want %v, abstain %v", got, c.want, c.abstain)
			}
		})
	}
}

func TestLintCheck(t *testing.T) {
	s := DefaultLint()
	if name, err := s.Check(); name != "" || err != nil {
		t.Errorf("the defaults: %s, %v", name, err)
	}
	s.By = "rules"
	if name, err := s.Check(); name != "by" || err == nil {
		t.Errorf("no rules: %q, %v", name, err)
	}
	s.Rules = map[string]float64{"F": 1}
	if name, err := s.Check(); name != "" || err != nil {
		t.Errorf("a rule: %s, %v", name, err)
	}
}

// FuzzLint: whatever the linter counts, a value stays in 0..1.
func FuzzLint(f *testing.F) {
	f.Add(1, 2, 3, 4, "F401", 5)
	f.Fuzz(func(t *testing.T, a, b, c, d int, code string, n int) {
		e := core.Evidence{Program: "x", Lint: core.Lint{Error: abs(a), Warning: abs(b), Refactor: abs(c), Convention: abs(d), Codes: map[string]int{code: abs(n)}}}
		for _, form := range []string{"linear", "reciprocal"} {
			s := DefaultLint()
			s.Form, s.Rules = form, map[string]float64{"F": 1}
			for _, by := range []string{"severity", "rules", "count"} {
				s.By = by
				if got := s.Score(e); !(got.Value >= 0 && got.Value <= 1) {
					t.Errorf("%+v is worth %v by %s", e.Lint, got.Value, by)
				}
			}
		}
	})
}

func abs(x int) int {
	if x < 0 {
		return -(x + 1)
	}
	return x
}
