package ruffwasm

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/rlvr-harness/harness/runtime/assets"
)

// asset returns the path of Ruff's module in the cache.
func asset(t testing.TB) string {
	t.Helper()
	c, err := assets.Open("", nil, assets.Builtin()...)
	if err != nil {
		t.Fatal(err)
	}
	wasm, err := c.Path(context.Background(), Asset)
	if err != nil {
		t.Fatalf("%v\nthese tests run the real Ruff; fetch it with: harness assets fetch %s", err, Asset)
	}
	return wasm
}

// config returns the configuration of a Linter on the real module.
func config(t testing.TB, profile string) Config {
	t.Helper()
	return Config{Wasm: asset(t), Profile: profile}
}

// openLinter returns a Linter of the test's own.
func openLinter(t testing.TB, c Config) *Linter {
	t.Helper()
	l, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

// shared are Linters that tests use together: they are busy with whatever other tests lint, as a Linter in use is.
var shared struct {
	sync.Mutex
	of map[string]*Linter
}

func sharedLinter(t testing.TB, profile string) *Linter {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if l := shared.of[profile]; l != nil {
		return l
	}
	l, err := Open(context.Background(), config(t, profile))
	if err != nil {
		t.Fatal(err)
	}
	if shared.of == nil {
		shared.of = map[string]*Linter{}
	}
	shared.of[profile] = l
	return l
}

// The test binary is also the process in which programs are linted.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == WorkerCommand {
		if err := ServeWorker(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	for profile, l := range shared.of {
		if err := l.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "close the linter of profile %s: %v\n", profile, err)
			code = 1
		}
	}
	os.Exit(code)
}

// native returns the executable to compare with, or skips the test.
func native(t testing.TB, profile string) *nativeRuff {
	t.Helper()
	n, err := openNative(context.Background(), os.Getenv("HARNESS_RUFF"), profile)
	switch {
	case err == nil:
		return n
	case os.Getenv("HARNESS_RUFF") != "":
		t.Fatalf("HARNESS_RUFF names no executable to compare with: %v", err)
	default:
		t.Skipf("no native ruff to compare with: %v (or name one in HARNESS_RUFF)", err)
	}
	return nil
}

// lint is Linter.Diagnostics for programs that must be available.
func lint(t testing.TB, l *Linter, src string) []Diagnostic {
	t.Helper()
	d, err := l.Diagnostics(context.Background(), src)
	if err != nil {
		t.Fatalf("%.80q: %v", src, err)
	}
	return d
}

// codes counts findings by code.
func codes(found []Diagnostic) map[string]int {
	out := map[string]int{}
	for _, d := range found {
		out[d.Code]++
	}
	return out
}
