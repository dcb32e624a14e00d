package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rlvr-harness/harness/core/run"
)

// A study trains its runs, measures each seed's first policy once, and compares what came of it task by task. Done again, it
// finds everything done.
func TestStudy(t *testing.T) {
	o := newOddRun(t)
	dir := t.TempDir()
	args := []string{
		"study", "--rewards", "unit-tests,length", "--optimizers", "gspo", "--seeds", "3", "--out", dir, "--", "--model", o.model, "--steps", "1",
		"--prompts", "1", "--group", "2", "--max-tokens", "8", "--lora-rank", "2", "--tasks", "4", "--threads", "1", "--eval-every", "1", "--eval-tasks", "3",
	}
	first := filepath.Join(dir, "unit-tests-gspo-3")
	hold(t, o.must(t, nil, args...), "run 2/2: harness run --reward length", "--before-from "+first, "as the run in "+first+" measured it", "2 of 2 runs finished")
	text, err := os.ReadFile(filepath.Join(dir, "results.md"))
	if err != nil {
		t.Fatal(err)
	}
	hold(t, string(text), "2 of 2 runs are finished", "| unit-tests × gspo → length × gspo | 3 |", "| length × gspo, before → length × gspo, after | 3 |")
	for _, name := range []string{"unit-tests-gspo-3", "length-gspo-3"} {
		evaluations, err := run.ReadEvaluations(filepath.Join(dir, name))
		if err != nil || len(evaluations) != 2 || len(evaluations[0].PerTask) != 3 || len(evaluations[1].PerTask) != 3 {
			t.Errorf("%s: %+v, %v", name, evaluations, err)
		}
	}
	hold(t, o.must(t, nil, args...), "run 1/2 unit-tests-gspo-3: finished before", "run 2/2 length-gspo-3: finished before")
}
