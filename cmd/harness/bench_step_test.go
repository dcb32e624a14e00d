package main

import (
	"encoding/json"
	"testing"
)

// The step that is measured is one of a run without further flags, whatever flags come to be.
func TestBenchStep(t *testing.T) {
	if testing.Short() {
		t.Skip("trains; leave out -short")
	}
	out := mustRun(t, "bench", "step", "--model", tinyModel(t), "--rounds", "2", "--prompts", "1", "--group", "2", "--max-tokens", "8", "--threads", "1", "--json")
	var r benchResult
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if !(r.Ours > 0) || r.Runs != 2 || !(r.More["tokens"] >= 2) {
		t.Errorf("%+v", r)
	}
}
