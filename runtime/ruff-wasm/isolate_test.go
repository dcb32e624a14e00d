package ruffwasm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/confine"
	"github.com/rlvr-harness/harness/runtime/python-wasm/worker"
)

// openIsolatedLinter returns a Linter whose Ruff is in a process of its own, or skips the test where there is none to be had.
func openIsolatedLinter(t *testing.T, c Config) *Linter {
	t.Helper()
	if err := confine.Available(); err != nil {
		t.Skip(err)
	}
	c.Isolate = true
	return openLinter(t, c)
}

// TestIsolatedFindsTheSame compares findings and errors with those of a Ruff in this process, also while several programs are linted
// at once and with instances that are made after the process was confined.
func TestIsolatedFindsTheSame(t *testing.T) {
	for _, profile := range Profiles() {
		here := sharedLinter(t, profile)
		c := config(t, profile)
		c.Workers = 3
		there := openIsolatedLinter(t, c)
		if here.Version() != there.Version() || here.Select() != there.Select() || here.SHA256() != there.SHA256() {
			t.Errorf("%s: version %s, rules %s, module %s; here %s, %s, %s", profile,
				there.Version(), there.Select(), there.SHA256(), here.Version(), here.Select(), here.SHA256())
		}
		list := []string{"", "\ufeffimport os\n", "\ufeff\ufeffimport os\n", "x = '\xff'", "x\x00", strings.Repeat("#", DefaultMaxSourceBytes+1)}
		for _, p := range programs {
			list = append(list, p.src)
		}
		for _, p := range hostile {
			list = append(list, p.src)
		}
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				for j := i; j < len(list); j += 3 {
					src := list[j]
					a, errA := here.Lint(t.Context(), src)
					b, errB := there.Lint(t.Context(), src)
					if !reflect.DeepEqual(a, b) || fmt.Sprint(errA) != fmt.Sprint(errB) {
						t.Errorf("%s: %.60q: %+v (%v), here %+v (%v)", profile, src, b, errB, a, errA)
					}
					foundA, errA := here.Diagnostics(t.Context(), src)
					foundB, errB := there.Diagnostics(t.Context(), src)
					if fmt.Sprint(foundA) != fmt.Sprint(foundB) || fmt.Sprint(errA) != fmt.Sprint(errB) || errors.Is(errA, ErrUnavailable) != errors.Is(errB, ErrUnavailable) {
						t.Errorf("%s: %.60q: %v (%v), here %v (%v)", profile, src, foundB, errB, foundA, errA)
					}
				}
			})
		}
		all.Wait()
		if n := there.isolated.keeper.Deaths(); n > 0 {
			t.Errorf("%s: %d processes died", profile, n)
		}
	}
}

// TestManyFindings lints programs with many findings, and one whose findings' texts are longer than an answer may be: each of them
// names the module.
func TestManyFindings(t *testing.T) {
	c := config(t, Default)
	c.Workers = 1
	there := openIsolatedLinter(t, c)
	for _, src := range []string{
		strings.Repeat("l;", DefaultMaxSourceBytes/2),
		"from " + strings.Repeat("m", 3000) + " import *\n" + strings.Repeat("l\n", 10_000),
	} {
		want, err := sharedLinter(t, Default).Lint(t.Context(), src)
		if err != nil || want.Unavailable || want.Total() < 10_000 {
			t.Fatalf("%.20q: %d findings, unavailable: %v, %v", src, want.Total(), want.Unavailable, err)
		}
		if got, err := there.Lint(t.Context(), src); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%.20q: %d findings, unavailable: %v, %v; here %d", src, got.Total(), got.Unavailable, err, want.Total())
		}
	}
}

// TestLintWorkerIsConfined reads in /proc what the process has given up, in every thread, and what it has open.
func TestLintWorkerIsConfined(t *testing.T) {
	l := openIsolatedLinter(t, config(t, Classic))
	proc := fmt.Sprintf("/proc/%d", l.isolated.keeper.PID())
	threads, err := os.ReadDir(proc + "/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		b, err := os.ReadFile(filepath.Join(proc, "task", thread.Name(), "status"))
		if err != nil {
			continue // it has ended
		}
		for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2"} {
			if !strings.Contains(string(b), want+"\n") {
				t.Errorf("thread %s lacks %q", thread.Name(), want)
			}
		}
	}
	if b, err := os.ReadFile(proc + "/environ"); err != nil || len(b) > 0 {
		t.Errorf("the environment is %q (%v)", b, err)
	}
	entries, err := os.ReadDir(proc + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, err := os.Readlink(filepath.Join(proc, "fd", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		allowed := false
		for _, want := range []string{"pipe:", "anon_inode:[eventpoll]", "anon_inode:[eventfd]", "/sys/fs/cgroup/"} {
			allowed = allowed || strings.HasPrefix(name, want)
		}
		if !allowed {
			t.Errorf("it has %s open", name)
		}
	}
}

// TestLintWorkerDies kills the process: a program is linted again in a new one, and one under which it dies again and again is
// unavailable.
func TestLintWorkerDies(t *testing.T) {
	c := config(t, Default)
	c.Workers = 1
	l := openIsolatedLinter(t, c)
	want := lint(t, l, "import os\n")
	l.isolated.keeper.Kill()
	if got := lint(t, l, "import os\n"); !reflect.DeepEqual(got, want) {
		t.Errorf("after a death: %v, want %v", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var killer sync.WaitGroup
	killer.Go(func() {
		for ctx.Err() == nil {
			l.isolated.keeper.Kill()
			time.Sleep(time.Millisecond)
		}
	})
	slow := strings.Repeat("l;", DefaultMaxSourceBytes/2) // takes long enough to be killed, however slow the killer is
	if got, err := l.Lint(t.Context(), slow); err != nil || !got.Unavailable {
		t.Errorf("a program under which the process dies: %d findings, unavailable: %v, %v", got.Total(), got.Unavailable, err)
	}
	if _, err := l.Diagnostics(t.Context(), slow); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("its findings: %v, want ErrUnavailable and why", err)
	}
	cancel()
	killer.Wait()
	if got := lint(t, l, "import os\n"); !reflect.DeepEqual(got, want) {
		t.Errorf("afterwards: %v, want %v", got, want)
	}
}

// TestIsolatedEnds is of closing, cancelling and what cannot be opened.
func TestIsolatedEnds(t *testing.T) {
	l := openIsolatedLinter(t, config(t, Default))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Lint(ctx, "x = 1\n"); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := l.Lint(t.Context(), "x = 1\n"); !errors.Is(err, ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
	for _, c := range []Config{{Wasm: filepath.Join(t.TempDir(), "none.wasm")}, {Wasm: asset(t), Profile: "strict"}} {
		_, want := Open(t.Context(), c)
		c.Isolate = true
		if l, err := Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), errors.Unwrap(want).Error()) {
			t.Errorf("%+v: %v, %v; without a process %v", c, l, err, want)
		}
	}
}

// TestLintMessagesCarryEverything fills every field of what crosses the pipe; what Encode cannot send panics here.
func TestLintMessagesCarryEverything(t *testing.T) {
	for _, v := range []any{
		&Config{Wasm: "w", Profile: "p", Workers: 1, MaxSourceBytes: 2, CompileCache: "c", Isolate: true},
		&request{Program: "\xff\x00", Findings: true},
		&reply{Found: []Diagnostic{{Code: "c", Message: "m", Severity: core.Bad, Row: 1, Column: 2, EndRow: 3, EndColumn: 4}}, Codes: []codeCount{{Code: "c", N: 1}}, Silenced: 1, Unavailable: "u", Error: "e"},
		&introduction{Version: "v"},
	} {
		for i := range reflect.ValueOf(v).Elem().NumField() {
			if reflect.ValueOf(v).Elem().Field(i).IsZero() {
				t.Errorf("%T: field %d is empty: one that was added must be in the list above", v, i)
			}
		}
		got := reflect.New(reflect.TypeOf(v).Elem())
		if err := worker.Decode(worker.Encode(reflect.ValueOf(v).Elem().Interface()), got.Interface()); err != nil || !reflect.DeepEqual(got.Interface(), v) {
			t.Errorf("%+v became %+v: %v", v, got, err)
		}
	}
}
