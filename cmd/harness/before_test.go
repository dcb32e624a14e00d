package main

import (
	"path/filepath"
	"testing"

	"github.com/rlvr-harness/harness/core/run"
)

// A measurement that is taken over from another run is the one that would have been made, and is not taken over from a run
// of another policy.
func TestBeforeFrom(t *testing.T) {
	o := newOddRun(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	measured := []string{"--eval-every", "3", "--eval-tasks", "2"}
	o.must(t, nil, o.args(in("first"), measured...)...)
	args := func(name string, more ...string) []string { // of another reward and optimizer
		a := o.args(in(name), append(append([]string(nil), measured...), more...)...)
		for i := range a {
			switch a[i] {
			case "--optimizer":
				a[i+1] = "gspo"
			case "--reward":
				a[i+1] = "unit-tests"
			case "reward.by=tokens":
				a[i] = "unit-tests.mode=all"
			}
		}
		return a
	}
	o.must(t, nil, args("alone")...)
	hold(t, o.must(t, nil, args("taken", "--before-from", in("first"))...), "as the run in "+in("first")+" measured it")
	if err := run.Equal(in("alone"), in("taken")); err != nil {
		t.Error(err)
	}
	hold(t, o.must(t, nil, args("seed", "--before-from", in("first"), "--max-tokens", "9")...), "is another: config.max_tokens: 8 became 9", "held out after step 0: pass@1")
	o.fails(t, nil, []string{"--before-from: ", "holds no run"}, args("nowhere", "--before-from", in("absent"))...)
}
