package scaffold

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/plugintest"
)

func run(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// check holds a plugin to the suite.
func check(t *testing.T, path string) {
	t.Helper()
	r := plugintest.Check(context.Background(), path, plugintest.Options{})
	for _, x := range r.Results {
		if x.Outcome == plugintest.Fail {
			t.Errorf("%s: %s", x.Name, x.Detail)
		}
	}
	if len(r.Results) < 10 {
		t.Errorf("only %d demands were made: %+v", len(r.Results), r.Results)
	}
}

// TestGo writes a plugin of each kind, builds it as its author would, and holds it to the suite.
func TestGo(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []plugins.Kind{plugins.KindReward, plugins.KindOptimizer} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "mine")
			files, err := New(Options{Kind: kind, Name: "my-own", Lang: "go", Dir: dir, Module: root})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(files, " "); got != ".gitignore README.md go.mod main.go main_test.go" {
				t.Errorf("wrote %s", got)
			}
			// The checksums of the modules that it shares with harness, so that the test needs no network.
			sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, plugins.FileName(kind, "my-own"))
			if out, err := run(t, dir, "go", "build", "-mod=mod", "-ldflags=-s -w", "-o", path, "."); err != nil {
				t.Fatalf("go build: %v\n%s", err, out)
			}
			if out, err := run(t, dir, "go", "vet", "-mod=mod", "."); err != nil {
				t.Errorf("go vet: %v\n%s", err, out)
			}
			if out, err := run(t, dir, "gofmt", "-l", "."); err != nil || out != "" {
				t.Errorf("gofmt: %v\n%s", err, out)
			}
			check(t, path)
			if lines := strings.Count(strings.TrimSpace(read(t, filepath.Join(dir, "main.go"))), "\n") + 1; kind == plugins.KindReward && lines > 45 {
				t.Errorf("the reward has %d lines", lines)
			}
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPython does the same in Python, with grpcio from the package index in a virtual environment.
func TestPython(t *testing.T) {
	if testing.Short() {
		t.Skip("it installs grpcio into a virtual environment; run without -short")
	}
	parent := t.TempDir()
	for i, kind := range []plugins.Kind{plugins.KindReward, plugins.KindOptimizer} {
		dir := filepath.Join(parent, string(kind))
		if _, err := New(Options{Kind: kind, Name: "my-own", Lang: "python", Dir: dir}); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if out, err := run(t, dir, "./setup.sh"); err != nil {
				t.Fatalf("setup.sh (python3 with venv, and a package index): %v\n%s", err, out)
			}
		} else { // it shares what the first has installed and generated
			for _, name := range []string{".venv", "harness"} {
				if err := os.Symlink(filepath.Join(parent, "reward", name), filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Run(string(kind), func(t *testing.T) { check(t, filepath.Join(dir, plugins.FileName(kind, "my-own"))) })
	}
}

func TestRefusals(t *testing.T) {
	there := t.TempDir()
	for _, c := range []struct {
		o    Options
		says string
	}{
		{Options{Kind: plugins.KindPolicy, Name: "a", Lang: "go", Dir: "x"}, "want reward or optimizer"},
		{Options{Kind: plugins.KindReward, Name: "../a", Lang: "go", Dir: "x"}, "plugin name"},
		{Options{Kind: plugins.KindReward, Name: "a", Lang: "perl", Dir: "x"}, "want one of go, python"},
		{Options{Kind: plugins.KindReward, Name: "a", Lang: "go", Dir: there}, "exists"},
	} {
		if _, err := New(c.o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.says)
		}
	}
}
