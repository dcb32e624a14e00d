package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/rollout"
)

func TestCurriculumFromEarlierResults(t *testing.T) {
	questions := []rollout.Question{{Task: core.Task{ID: "11"}}, {Task: core.Task{ID: "HumanEval/0"}}, {Task: core.Task{ID: "13"}}}
	for _, tt := range []struct {
		name, lines, says string
		rates             []float64 // of the three tasks, where says is ""
	}{
		{
			"numbers and texts as ids; what could not be judged is left out",
			`{"task_id":11,"verdict":"passed"}
{"task_id":"11","verdict":"failed","tests":[]}
{"task_id":"HumanEval/0","verdict":"timeout"}
{"task_id":"HumanEval/0","verdict":"infrastructure"}
{"task_id":"99","verdict":"passed"}
`, "",
			[]float64{0.5, 1. / 3, 0.5},
		},
		{"none of this split", `{"task_id":"99","verdict":"passed"}` + "\n", "none is among the 3", nil},
		{"empty", "", "results of 0 tasks", nil},
		{"no verdict", `{"task_id":"11"}` + "\n", "verdict", nil},
		{"an id that is neither", `{"task_id":[1],"verdict":"passed"}` + "\n", "a string or a number", nil},
		{"not JSON", "passed\n", ":1:", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "completions.jsonl"), []byte(tt.lines), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, from := range []string{dir, filepath.Join(dir, "completions.jsonl")} { // a run's folder, or the file itself
				rates, sum, err := openCurriculum(runConfig{Curriculum: "pass-rate", CurrDecay: 0.9, CurrFloor: 0.1, CurrFrom: from}, questions)
				if tt.says != "" {
					if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "--curriculum-from") {
						t.Errorf("got %v, want an error with %q", err, tt.says)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(sum) != 64 {
					t.Errorf("the file's sha256 is %q", sum)
				}
				for i, q := range questions {
					if got := rates.Rate(0, q.Task.ID); got != tt.rates[i] {
						t.Errorf("task %s begins with %v, want %v", q.Task.ID, got, tt.rates[i])
					}
				}
			}
		})
	}
	if _, _, err := openCurriculum(runConfig{Curriculum: "pass-rate", CurrDecay: 0.9, CurrFrom: filepath.Join(t.TempDir(), "no")}, questions); err == nil || !strings.Contains(err.Error(), "folder of an earlier eval") {
		t.Errorf("a folder that is not there: %v", err)
	}
	// runs that were made before there was a curriculum say nothing of it in their manifest
	for _, none := range []string{"none", ""} {
		if rates, sum, err := openCurriculum(runConfig{Curriculum: none}, questions); rates != nil || sum != "" || err != nil {
			t.Errorf("%q: %v %q %v", none, rates, sum, err)
		}
	}
}
