package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rlvr-harness/harness/plugins/plugintest"
)

func TestDecisions(t *testing.T) {
	for program, want := range map[string]int{
		"":                                    0,
		"return x":                            0,
		"if a and b:\n    pass\nelif c: pass": 3,
		"s = 'if' # if\nt = \"\"\"while\n'for'\"\"\"\n": 0,
		"xs = [x for x in y if x or z]":                 3,
		"iffy = android":                                0,
		"s = 'it\\'s if'\nif s: pass":                   1,
		"s = 'not closed\nif s: pass":                   1,
		"é = 1 if ü else 2":                             1,
	} {
		if got := decisions(program); got != want {
			t.Errorf("%q: %d, want %d", program, got, want)
		}
	}
}

func FuzzDecisions(f *testing.F) {
	f.Add("if x: '''\\")
	f.Fuzz(func(_ *testing.T, program string) { decisions(program) })
}

// TestPlugin holds the built plugin to harness's suite.
func TestPlugin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "harness-reward-complexity")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	plugintest.Run(t, path, plugintest.Options{})
}
