package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/plugintest"
)

// sandbox stands for the harness's: a program that says "global" fails what is asked twice, one that is broken everything.
type sandbox struct{}

func (sandbox) Verify(_ context.Context, t core.Task, program string) (core.Verdict, error) {
	v := core.Verdict{Class: core.Passed}
	for i := range t.Tests {
		r := core.TestResult{Class: core.Passed}
		if strings.Contains(program, "global") && i >= len(t.Tests)/2 || strings.Contains(program, "(x:") {
			r.Class = core.Failed
		}
		v.Tests = append(v.Tests, r)
	}
	return v, nil
}

func (sandbox) Lint(context.Context, string) (core.Lint, error) { return core.Lint{}, nil }

func TestScore(t *testing.T) {
	r := &reward{}
	if r.UseHost(nil) == nil {
		t.Error("it does without a sandbox")
	}
	if err := r.UseHost(sandbox{}); err != nil {
		t.Fatal(err)
	}
	got, err := r.Score(context.Background(), core.Group{Task: core.Task{Tests: []string{"a", "b"}}, Samples: []core.Sample{
		{Evidence: core.Evidence{Program: "x = 1"}}, {Evidence: core.Evidence{Program: "global x"}}, {},
	}})
	if err != nil || got[0].Value != 1 || got[1].Value != 0 || got[2].Value != 0 || got[2].Abstain {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestPlugin holds the built plugin to harness's suite.
func TestPlugin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "harness-reward-stateless")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	plugintest.Run(t, path, plugintest.Options{Host: sandbox{}})
}
