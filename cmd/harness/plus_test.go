package main

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/rlvr-harness/harness/benchmarks/datatest"
	"github.com/rlvr-harness/harness/benchmarks/evalplus"
	"github.com/rlvr-harness/harness/core"
	pythonwasm "github.com/rlvr-harness/harness/runtime/python-wasm"
)

// TestPlusReferences grades the canonical solutions of MBPP+ and HumanEval+ against EvalPlus's inputs: each passes, and no test is weak.
// All 542 take a quarter of an hour, so that by default only those with something special are run:
// large answers (HumanEval/14 and 100, Mbpp/255 and 630), special comparisons, inputs of other types. HARNESS_SLOW=1 runs all.
func TestPlusReferences(t *testing.T) {
	if testing.Short() {
		t.Skip("tasks with a thousand tests take seconds to compile; run without -short")
	}
	special := []string{
		"HumanEval/14", "HumanEval/32", "HumanEval/100", "Mbpp/2", "Mbpp/63", "Mbpp/115", "Mbpp/124", "Mbpp/164", "Mbpp/252", "Mbpp/255", "Mbpp/295",
		"Mbpp/404", "Mbpp/558", "Mbpp/581", "Mbpp/615", "Mbpp/630", "Mbpp/793",
	}
	slow := os.Getenv("HARNESS_SLOW") != ""
	cache, err := newParts(newConsole(os.Stderr)).cache()
	if err != nil {
		t.Fatal(err)
	}
	image, err := cache.Path(t.Context(), "python-image")
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pythonwasm.Open(t.Context(), pythonwasm.Config{Image: image})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, file := range []string{"MbppPlus.jsonl.gz", "HumanEvalPlus.jsonl.gz"} {
		tasks, bad, err := evalplus.Load(datatest.File(t, file), evalplus.Options{Strict: true})
		if err != nil || bad != nil {
			t.Fatal(err, bad)
		}
		var g errgroup.Group
		g.SetLimit(2)
		for _, task := range tasks {
			if !slow && !slices.Contains(special, task.ID) {
				continue
			}
			g.Go(func() error {
				v, err := pool.Verify(t.Context(), task, task.Code)
				if err != nil || v.Class != core.Passed || v.Weak {
					t.Errorf("%s: %s, weak %v: %s %s (%v)", task.ID, v.Class, v.Weak, v.Exception, v.Message, err)
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}
