package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core/run"
)

// Every form of reward in a real run: what is recorded of a completion gives its reward, and the step's line the means.
func TestRewardsInARun(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a real model for four steps; leave out -short")
	}
	dir := t.TempDir()
	one := func(r run.Row, name string) run.Component {
		for _, c := range r.Components {
			if c.Name == name {
				return c
			}
		}
		t.Errorf("sample %s/%d has no part %s: %+v", r.TaskID, r.Sample, name, r.Components)
		return run.Component{}
	}
	for _, c := range []struct {
		name, reward string
		flags        []string
		tests        int // that a starter task has: three or four, and two challenge tests
		want         func(r run.Row) float64
	}{
		{"all", "unit-tests", []string{"--set", "mode=all"}, 0, func(r run.Row) float64 {
			if r.Verdict == "passed" {
				return 1
			}
			return 0
		}},
		{"hidden", "unit-tests", []string{"--set", "count=hidden", "--challenge"}, 5, nil},
		{"count", "ruff", []string{"--set", "by=count", "--set", "form=reciprocal", "--lint-profile", "default"}, 0, func(r run.Row) float64 {
			if r.Program == "" || r.Lint.Fatal > 0 || r.Verdict == "syntax" {
				return 0
			}
			return 1 / (1 + float64(r.Lint.Total()) + 0.1*float64(r.Lint.Suppressions))
		}},
		{"chain", "unit-tests=1.0,ruff=0.2,format=0.1,length=0.5", []string{"--set", "parts=normalize-then-sum", "--set", "rules.F=0.5", "--set", "length.form=target"}, 0, func(r run.Row) float64 {
			sum := 0.0
			for name, weight := range map[string]float64{"unit-tests": 1, "ruff": 0.2, "format": 0.1, "length": 0.5} {
				p := one(r, name)
				if math.Abs(p.Weighted-weight*p.Value) > 1e-12 {
					t.Errorf("%s weighs %v of %v, want the share %v", name, p.Weighted, p.Value, weight)
				}
				sum += p.Weighted
			}
			return sum
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(dir, c.name)
			mustRun(t, append([]string{
				"run", "--optimizer", "grpo", "--reward", c.reward, "--out", out, "--steps", "1", "--prompts", "2", "--group", "4", "--max-tokens", "40", "--seed", "3",
			}, c.flags...)...)
			steps, err := run.ReadSteps(out)
			if err != nil || len(steps) != 1 {
				t.Fatalf("%d steps, %v", len(steps), err)
			}
			sums, weighted, n := map[string]float64{}, map[string]float64{}, 0.0
			for r, err := range run.ReadRows(out) {
				if err != nil {
					t.Fatal(err)
				}
				n++
				if c.want != nil && math.Abs(r.Reward-c.want(r)) > 1e-12 {
					t.Errorf("%s/%d earned %v, want %v: %+v", r.TaskID, r.Sample, r.Reward, c.want(r), r)
				}
				if r.Tests > 0 && r.Tests < c.tests {
					t.Errorf("%s/%d was graded by %d tests, want %d", r.TaskID, r.Sample, r.Tests, c.tests)
				}
				if k := strings.Count(r.Prompt, "=="); k > 1 {
					t.Errorf("the prompt of %s shows %d tests:\n%s", r.TaskID, k, r.Prompt)
				}
				for _, p := range r.Components {
					sums[p.Name] += p.Value
					weighted[p.Name] += p.Weighted
				}
			}
			if n != 8 {
				t.Fatalf("%v completions", n)
			}
			for name := range sums {
				if math.Abs(steps[0].Components[name]-sums[name]/n) > 1e-12 || math.Abs(steps[0].Weighted[name]-weighted[name]/n) > 1e-12 {
					t.Errorf("the step's line says %v and %v of %s", steps[0].Components, steps[0].Weighted, name)
				}
			}
			for _, name := range []string{"visible_minus_hidden", "visible_only", "special_casing", "weak_rate", "duplicate_rate", "suppressions"} {
				if _, ok := steps[0].Diagnostics[name]; !ok {
					t.Errorf("the step's line lacks the diagnostic %s: %v", name, steps[0].Diagnostics)
				}
			}
			events, err := os.ReadFile(filepath.Join(out, "events.out.tfevents.0.run"))
			if err != nil || !strings.Contains(string(events), "diagnostics/special_casing") || !strings.Contains(string(events), "diagnostics/visible_minus_hidden") {
				t.Errorf("the events lack the diagnostics: %v", err)
			}
			if c.name == "chain" {
				m, err := os.ReadFile(filepath.Join(out, "manifest.json"))
				if err != nil || !json.Valid(m) || !strings.Contains(string(m), `"parts": "normalize-then-sum"`) {
					t.Errorf("the manifest does not say how parts are normalised: %v", err)
				}
			}
		})
	}
}
