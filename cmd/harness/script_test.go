package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	pythonwasm "github.com/rlvr-harness/harness/runtime/python-wasm"
)

// The test binary is also the command: scripts run the real thing in processes of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"harness": main})
}

// cacheDir is the cache of artefacts that the tests use: the one that ./task fills.
func cacheDir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("HARNESS_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "harness")
}

// pluginDir is where ./task build puts the plugins.
func pluginDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "harness-policy-torch")); err != nil {
		t.Fatalf("the plugins are not built: %v; run ./task build, or the tests through ./task test", err)
	}
	return dir
}

func TestScripts(t *testing.T) {
	cache, bin := cacheDir(t), pluginDir(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HARNESS_CACHE", cache)
			e.Setenv("HARNESS_PLUGIN_PATH", bin)
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "isolation" {
				return false, fmt.Errorf("there is no condition %q", name)
			}
			if err := pythonwasm.CanIsolate(); err != nil {
				t.Logf("without --isolate: %v", err)
				return false, nil
			}
			return true, nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"code": code},
	})
}

// code runs a command and wants an exact exit code: code 2 harness run.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
