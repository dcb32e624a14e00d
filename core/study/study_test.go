package study

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/run"
)

var plan = Plan{Rewards: []string{"unit-tests", "ruff"}, Optimizers: []string{"grpo", "gspo"}, Seeds: []uint64{1, 2}, Settings: []string{"--steps", "6"}}

// made writes the folder of a run whose numbers follow from its name.
func made(t *testing.T, dir string, r Run, finish bool) {
	t.Helper()
	f, err := run.Create(filepath.Join(dir, r.Name()), run.Manifest{
		Kind: run.Train, Config: map[string]any{"model": "tiny", "optimizer": r.Optimizer, "reward": r.Reward, "steps": 6, "seed": r.Seed},
		Seeds:    map[string]uint64{"run": r.Seed},
		Versions: map[string]string{"harness": "0.1.0"}, SHA256: map[string]string{"binary": strings.Repeat("01", 32)},
		Plugins: []run.Plugin{{Kind: "optimizer", Name: r.Optimizer, Version: "1.0.0", SHA256: strings.Repeat("ab", 32), Settings: map[string]any{"beta": 0}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	evaluate := func(step int, pass float64, perTask ...run.TaskOutcome) {
		if err := f.AppendEvaluation(step, run.Evaluation{
			Benchmark: "starter", Split: "test", Tasks: 4, Samples: 2, PassAtK: map[string]run.Interval{"1": {Value: pass, Low: pass - 0.1, High: pass + 0.1}},
			CompletionTokens: &run.Length{Mean: 50}, Lint: run.LintMeans{Error: 0.5}, PerTask: perTask, Verdicts: map[core.Class]int{core.Passed: 8}, Protocol: map[string]any{},
		}); err != nil {
			t.Fatal(err)
		}
	}
	of := func(task string, passed int) run.TaskOutcome {
		return run.TaskOutcome{Task: task, Passed: passed, Scored: 2}
	}
	evaluate(0, 0.25, of("1", 2), of("2", 0), of("3", 0), of("4", 0))
	for i := range 6 {
		x := float64(i) / 5
		s := run.Step{
			Step: i + 1, RewardMean: x, PassRate: 0.2 + 0.1*x*float64(r.Seed), CompletionTokensMean: 60 - 20*x, Lint: run.LintMeans{Error: 1 - x, Convention: 0.25},
			Verdicts: map[core.Class]int{core.Passed: 2, core.Failed: 6}, Exceptions: map[string]int{"AssertionError": 6},
			Diagnostics: map[string]float64{"visible_minus_hidden": 0.125, "special_casing": 0.25}, Optimizer: map[string]float64{"updates": 4},
		}
		if err := f.AppendStep(s, nil); err != nil {
			t.Fatal(err)
		}
	}
	evaluate(6, 0.25+0.125*float64(r.Seed), of("1", 2), of("2", int(r.Seed)), of("3", 0), of("4", 0))
	if finish {
		err = f.Finish()
	} else {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWrite(t *testing.T) {
	dir, docs := t.TempDir(), filepath.Join(t.TempDir(), "docs", "study")
	if missing, err := Write(dir, docs, "make it", plan); err != nil || len(missing) != 8 {
		t.Fatalf("without runs: %v, %v", missing, err)
	}
	if _, err := os.Stat(docs); err == nil {
		t.Error("results were written of no run")
	}
	runs := plan.Runs()
	for i, r := range runs {
		if r.Name() != "ruff-gspo-2" {
			made(t, dir, r, i != 2)
		}
	}
	if err := os.MkdirAll(docs, 0o755); err != nil {
		t.Fatal(err)
	}
	reading := filepath.Join(docs, "README.md")
	if err := os.WriteFile(reading, []byte("what I read\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing, err := Write(dir, docs, "make it", plan)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ruff-grpo-1", "ruff-gspo-2"}; !slices.Equal(missing, want) {
		t.Errorf("missing %v, want %v", missing, want)
	}
	if text, err := os.ReadFile(reading); err != nil || string(text) != "what I read\n" {
		t.Errorf("the reading was changed: %q, %v", text, err)
	}
	text, err := os.ReadFile(filepath.Join(docs, ResultsName))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"6 of 8 runs are finished",
		"**Missing: ruff-grpo-1, ruff-gspo-2.**",
		// held out: seeds 1 and 2 end at 0.375 and 0.5
		"| unit-tests × grpo | 25.0 (25.0, 25.0) | 43.8 (37.5, 50.0) | +18.8 (+12.5, +25.0) | 50.0 | 50.0 (50.0, 50.0) | 0.50 | 0.50 (0.50, 0.50) |",
		"| ruff-gspo-1 | 25.0 | 15.0–35.0 | 37.5 | 27.5–47.5 | +12.5 |",
		// by task: of task 2 no completion passed before, and three of four after: 0.75/6 ± 1.96·√(((0.75²+2)/6 − (0.75/6)²)/6)
		"| unit-tests × grpo, before → unit-tests × grpo, after | 4 | +18.8 | -38.8 to +63.8 | 0 | 1 | 3 | 1.00 |",
		"| unit-tests × grpo → unit-tests × gspo | 4 | +0.0 | -46.2 to +46.2 | 0 | 0 | 4 | 1.00 |",
		// one seed alone: of task 2 one of two passed, and in the other cell's run of that seed as well
		"| unit-tests × gspo → ruff × gspo | 4 | +0.0 |",
		"by Bonferroni's bound a p below 0.017 is needed",
		// training: means of steps 1, 2 and of steps 5, 6
		"| unit-tests × gspo | 0.100 → 0.900 (0.900, 0.900) | 21.5 → 33.5 (29.0, 38.0) | 58.0 → 42.0 (42.0, 42.0) | 1.15 → 0.35 (0.35, 0.35)",
		"| ruff × gspo | 0.00 → 0.00 | 0.90 → 0.10 |", // severity: fatal, error
		"| reward × optimizer | passed | failed |\n",
		"| unit-tests × grpo | 25.0 → 25.0 | 75.0 → 75.0 |",
		"| unit-tests × grpo | +12.5 (+12.5, +12.5) | – (–, –) | 25.0 (25.0, 25.0) |",
		"- unit-tests-grpo-1: 6 steps are few",
		"![Pass rate in training",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the results lack %q\n%s", want, text)
		}
	}
	for _, name := range []string{"pass-rate.svg", "length.svg", "lint.svg", "severity.svg", "verdicts.svg", "exceptions.svg"} {
		if svg, err := os.ReadFile(filepath.Join(docs, name)); err != nil || !strings.HasPrefix(string(svg), "<svg ") {
			t.Errorf("%s: %.40q, %v", name, svg, err)
		}
		if !strings.Contains(string(text), "]("+name+")") {
			t.Errorf("the results do not show %s", name)
		}
	}
	var all struct {
		Runs []struct {
			Run         string
			Steps       []map[string]any
			Evaluations []struct {
				PerTask []run.TaskOutcome `json:"per_task"`
			}
		}
		Comparisons []pair
	}
	if text, err = os.ReadFile(filepath.Join(docs, NumbersName)); err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil || len(all.Runs) != 6 || len(all.Runs[0].Steps) != 6 || all.Runs[0].Steps[5]["pass_rate"] != 0.30000000000000004 {
		t.Fatalf("%s: %v, %+v", NumbersName, err, all)
	}
	if e := all.Runs[0].Evaluations; len(e) != 2 || len(e[1].PerTask) != 4 || e[1].PerTask[1] != (run.TaskOutcome{Task: "2", Passed: 1, Scored: 2}) {
		t.Errorf("%s: the evaluations of %s are %+v", NumbersName, all.Runs[0].Run, e)
	}
	if len(all.Comparisons) != 4+3 || all.Comparisons[0].Second != "unit-tests × grpo, after" || all.Comparisons[0].B.Value != 0.4375 {
		t.Errorf("%s: the comparisons are %+v", NumbersName, all.Comparisons)
	}
	again := filepath.Join(t.TempDir(), "again")
	if _, err := Write(dir, again, "make it", plan); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{ResultsName, NumbersName, "severity.svg"} {
		a, _ := os.ReadFile(filepath.Join(docs, name))
		b, err := os.ReadFile(filepath.Join(again, name))
		if err != nil || string(a) != string(b) {
			t.Errorf("%s differs the second time: %v", name, err)
		}
	}
}

func TestFinished(t *testing.T) {
	dir := t.TempDir()
	for i, finish := range []bool{true, false} {
		made(t, dir, Run{"r", "o", uint64(i)}, finish)
	}
	if err := os.MkdirAll(filepath.Join(dir, "broken"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken", "manifest.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"r-o-0": "true true <nil>", "r-o-1": "true false <nil>", "nothing": "false false <nil>"} {
		begun, finished, err := Finished(filepath.Join(dir, name))
		if got := fmt.Sprint(begun, finished, err); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if _, _, err := Finished(filepath.Join(dir, "broken")); err == nil {
		t.Error("a broken manifest passes for no run")
	}
}

func TestRuns(t *testing.T) {
	var names []string
	for _, r := range plan.Runs() {
		names = append(names, r.Name())
	}
	want := "unit-tests-grpo-1 unit-tests-gspo-1 ruff-grpo-1 ruff-gspo-1 unit-tests-grpo-2 unit-tests-gspo-2 ruff-grpo-2 ruff-gspo-2"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got %s", got)
	}
}
