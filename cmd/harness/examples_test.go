package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core/checksum"
	"github.com/rlvr-harness/harness/core/run"
)

// The examples are built as a third party would build them, pass the suite, and train two real steps.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("builds plugins, installs grpcio and trains; leave out -short")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	in := func(t *testing.T, dir string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	for _, e := range []struct {
		folder, name string
		check        []string
		build        func(t *testing.T, folder string) string
	}{
		{"complexity", "complexity", nil, func(t *testing.T, folder string) string {
			path := filepath.Join(t.TempDir(), "harness-reward-complexity")
			in(t, folder, "go", "build", "-o", path, ".")
			return path
		}},
		{"stateless", "stateless", []string{"--sandbox"}, func(t *testing.T, folder string) string { // it calls the host's sandbox
			path := filepath.Join(t.TempDir(), "harness-reward-stateless")
			in(t, folder, "go", "build", "-o", path, ".")
			return path
		}},
		{"type_hints", "type-hints", nil, func(t *testing.T, _ string) string {
			// a copy of what its set-up reads, so that the checkout stays as it is
			tmp := t.TempDir()
			for _, from := range []string{"examples/rewards/type_hints", "plugins/scaffold/python", "plugins/wire/harness/v1"} {
				if err := os.MkdirAll(filepath.Join(tmp, from), 0o755); err != nil {
					t.Fatal(err)
				}
				files, err := filepath.Glob(filepath.Join(root, from, "*[a-z]*"))
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range files {
					if st, err := os.Stat(f); err != nil || st.IsDir() {
						continue
					}
					in(t, root, "cp", "-p", f, filepath.Join(tmp, from))
				}
			}
			in(t, filepath.Join(tmp, "examples/rewards/type_hints"), "./setup.sh")
			return filepath.Join(tmp, "examples/rewards/type_hints/harness-reward-type-hints")
		}},
	} {
		t.Run(e.folder, func(t *testing.T) {
			t.Parallel()
			path := e.build(t, filepath.Join(root, "examples", "rewards", e.folder))
			mustRun(t, append(append([]string{"plugin", "check"}, e.check...), path)...)
			dir := filepath.Join(t.TempDir(), "run")
			mustRun(t, "run", "--optimizer", "grpo", "--reward", path, "--out", dir, "--steps", "2", "--prompts", "2", "--group", "4", "--max-tokens", "40", "--seed", "5")
			recorded(t, dir, 2)
			m, err := run.ReadManifest(dir)
			if err != nil {
				t.Fatal(err)
			}
			sum, err := checksum.File(path)
			if err != nil {
				t.Fatal(err)
			}
			if p := m.Plugins[0]; p.Kind != "reward" || p.Name != e.name || p.SHA256 != sum {
				t.Errorf("the manifest has %+v, want %s with sha256 %s", p, e.name, sum)
			}
		})
	}
}
