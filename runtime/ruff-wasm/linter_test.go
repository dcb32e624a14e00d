package ruffwasm

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestVersionIsTheModulesOwn(t *testing.T) {
	if got := sharedLinter(t, Default).Version(); got != Release {
		t.Errorf("the module says it is %q, want %q", got, Release)
	}
}

func TestOpenRefuses(t *testing.T) {
	wasm := asset(t)
	good, err := os.ReadFile(wasm)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	changed := slices.Clone(good)
	changed[len(changed)/2] ^= 1
	for _, row := range []struct {
		name string
		c    Config
		want []string
	}{
		{"no path", Config{}, []string{"no path", "harness assets fetch ruff-wasm"}},
		{"a path where nothing is", Config{Wasm: filepath.Join(dir, "absent")}, []string{"absent", "harness assets fetch ruff-wasm"}},
		{"a folder without the module", Config{Wasm: dir}, []string{wasmName, "harness assets fetch ruff-wasm"}},
		{"a truncated module", Config{Wasm: file("short", good[:100])}, []string{"short", "sha256", "harness assets fetch ruff-wasm"}},
		{"a changed module", Config{Wasm: file("changed", changed)}, []string{"changed", "sha256"}},
		{"an unknown profile", Config{Wasm: wasm, Profile: "classical"}, []string{`"classical"`, "classic and default"}},
		{"a negative number of workers", Config{Wasm: wasm, Workers: -1}, []string{"-1 workers"}},
		{"a negative size", Config{Wasm: wasm, MaxSourceBytes: -1}, []string{"-1 bytes"}},
		{"a cache folder that is a file", Config{Wasm: wasm, CompileCache: file("file", nil)}, []string{"folder of compiled code"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			l, err := Open(context.Background(), row.c)
			if err == nil {
				_ = l.Close()
				t.Fatal("no error")
			}
			for _, w := range row.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%v\ndoes not say %q", err, w)
				}
			}
		})
	}
}

func TestOpenTakesTheFolderToo(t *testing.T) {
	wasm := asset(t)
	for _, path := range []string{wasm, filepath.Dir(wasm), npmFolder(t, wasm)} {
		l := openLinter(t, Config{Wasm: path, CompileCache: compiledBeside(wasm)})
		if got := lint(t, l, "import os\n"); len(got) != 1 {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestMachineCodeIsKeptBesideTheModule(t *testing.T) {
	wasm := asset(t)
	dir := filepath.Join(t.TempDir(), "store", "1")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(wasm, filepath.Join(dir, wasmName)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, wasmName), dir} {
		if got, want := compiledBeside(path), dir+".compiled"; got != want {
			t.Errorf("machine code of %s is kept in %s, want %s", path, got, want)
		}
	}
	sharedLinter(t, Default) // makes it beside the real module, where it is not there yet
	if err := os.CopyFS(dir+".compiled", os.DirFS(compiledBeside(wasm))); err != nil {
		t.Fatal(err)
	}
	before := files(t, dir+".compiled")
	openLinter(t, Config{Wasm: dir})
	if after := files(t, dir+".compiled"); !slices.Equal(before, after) || len(after) == 0 {
		t.Errorf("machine code was made anew: %v, then %v", before, after)
	}
	if got := files(t, dir); !slices.Equal(got, []string{wasmName}) {
		t.Errorf("the module's own folder has %v now", got)
	}
}

// files lists the files below dir.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// npmFolder is the folder that npm's archive unpacks to.
func npmFolder(t *testing.T, wasm string) string {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "package"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(wasm, filepath.Join(dir, "package", wasmName)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestProfilesAskDifferentRules(t *testing.T) {
	const src = "import os\nassert 1 == 1\n"
	classic, all := codes(lint(t, sharedLinter(t, Classic), src)), codes(lint(t, sharedLinter(t, Default), src))
	if classic["F401"] != 1 || classic["S101"] != 0 {
		t.Errorf("classic finds %v, want F401 and no S101", classic)
	}
	if all["F401"] != 1 || all["S101"] != 1 {
		t.Errorf("default finds %v, want F401 and S101", all)
	}
	zero := openLinter(t, config(t, ""))
	if got := lint(t, zero, src); !slices.Equal(got, lint(t, sharedLinter(t, Default), src)) {
		t.Errorf("no profile finds %v, want what default finds", got)
	}
}

// Nothing that a program says of itself changes how it is linted.
func TestProgramsCannotChangeTheSettings(t *testing.T) {
	l := sharedLinter(t, Default)
	const body = "import os\n\nmatch 1:\n    case _:\n        x = eval(\"1\")\n"
	want := codes(lint(t, l, body))
	for _, head := range []string{
		"# /// script\n# requires-python = \">=3.7\"\n# ///\n",
		"# /// script\n# [tool.ruff]\n# lint.select = []\n# ///\n",
		"# target-version: py37\n",
		"# isort: skip_file\n# fmt: off\n# mypy: ignore-errors\n# pylint: skip-file\n# type: ignore\n",
	} {
		if got := codes(lint(t, l, head+body)); !maps.Equal(got, want) {
			t.Errorf("%q in front: %v, want %v", head, got, want)
		}
	}
}

// What an instance saw before changes nothing: a used one, a fresh one and one that has served programs in another order
// find the same.
func TestFindingsDoNotDependOnHistory(t *testing.T) {
	c := config(t, Default)
	c.Workers = 1
	forth, back := openLinter(t, c), openLinter(t, c)
	results := map[string][]Diagnostic{}
	for _, p := range programs {
		results[p.name] = lint(t, forth, p.src)
	}
	for _, p := range slices.Backward(programs) {
		if got := lint(t, back, p.src); !slices.Equal(got, results[p.name]) {
			t.Errorf("%s: in the other order %v, want %v", p.name, got, results[p.name])
		}
		in := <-back.workers
		if err := in.close(context.Background()); err != nil {
			t.Fatal(err)
		}
		back.workers <- nil
		if got := lint(t, back, p.src); !slices.Equal(got, results[p.name]) {
			t.Errorf("%s: fresh %v, want %v", p.name, got, results[p.name])
		}
	}
}

func TestHammer(t *testing.T) {
	c := config(t, Default)
	c.Workers = 3
	l := openLinter(t, c)
	want := make([][]Diagnostic, len(programs))
	for i, p := range programs {
		want[i] = lint(t, l, p.src)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for k := range 25 {
				if k == g {
					p := hostile[g%3]
					if got, err := l.Lint(context.Background(), p.src); err != nil || !got.Unavailable {
						t.Errorf("%s: %+v, %v", p.name, got, err)
					}
				}
				i := (g*7 + k) % len(programs)
				got, err := l.Diagnostics(context.Background(), programs[i].src)
				if err != nil || !slices.Equal(got, want[i]) {
					t.Errorf("%s: %v, %v; want %v", programs[i].name, got, err, want[i])
				}
			}
		})
	}
	wg.Wait()
	if n := len(l.workers); n != 3 {
		t.Errorf("%d of 3 workers came back", n)
	}
}

// An instance that grew large is not kept.
func TestMemoryIsGivenBack(t *testing.T) {
	c := config(t, Default)
	c.Workers = 1
	l := openLinter(t, c)
	if _, err := l.Lint(context.Background(), strings.Repeat("a;", DefaultMaxSourceBytes/2)); err != nil {
		t.Fatal(err)
	}
	in := <-l.workers
	l.workers <- in
	if in != nil {
		t.Errorf("an instance of %d bytes was kept", in.memory.Size())
	}
	if got := lint(t, l, "import os\n"); len(got) != 1 {
		t.Errorf("after it: %v", got)
	}
}

// Thousands of lints hold no more than a few: neither the module's memory nor the host's values grow.
func TestNothingAccumulates(t *testing.T) {
	c := config(t, Default)
	c.Workers = 1
	l := openLinter(t, c)
	round := func() (memory uint32, lasting int) {
		for range 20 {
			for _, p := range programs {
				lint(t, l, p.src)
			}
		}
		in := <-l.workers
		defer func() { l.workers <- in }()
		return in.memory.Size(), len(in.heap.lasting)
	}
	memory, lasting := round()
	for range 3 {
		m, n := round()
		if m != memory || n != lasting {
			t.Errorf("memory %d → %d, lasting values %d → %d", memory, m, lasting, n)
		}
	}
}

func TestContextThatEnds(t *testing.T) {
	c := config(t, Default)
	c.Workers = 1
	l := openLinter(t, c)
	in := <-l.workers // the only worker is busy
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		_, err := l.Lint(ctx, "x = 1\n")
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
	l.workers <- in
	if got := lint(t, l, "import os\n"); len(got) != 1 {
		t.Errorf("the next lint finds %v", got)
	}
}

func TestClose(t *testing.T) {
	c := config(t, Default)
	c.Workers = 2
	l, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := l.Lint(context.Background(), programs[4].src); err != nil && !errors.Is(err, ErrClosed) {
				t.Errorf("a lint while the linter closes: %v", err)
			}
		})
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, err := l.Lint(context.Background(), "x = 1\n"); !errors.Is(err, ErrClosed) {
		t.Errorf("a lint after close: %v", err)
	}
	if _, err := l.Diagnostics(context.Background(), "x = 1\n"); !errors.Is(err, ErrClosed) {
		t.Errorf("diagnostics after close: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// FuzzLint: any bytes have a defined answer, the same from an instance that has seen much and from one that has seen little.
func FuzzLint(f *testing.F) {
	for _, p := range programs {
		f.Add(p.src)
	}
	f.Add("x = '\xff'  # noqa\n")
	f.Add("f'{f\"{'")
	c := config(f, Default)
	c.Workers = 1
	other, err := Open(context.Background(), c)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := other.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, src string) {
		found, err := sharedLinter(t, Default).Diagnostics(context.Background(), src)
		again, err2 := other.Diagnostics(context.Background(), src)
		if errors.Is(err, ErrUnavailable) && errors.Is(err2, ErrUnavailable) {
			return
		}
		if err != nil || err2 != nil {
			t.Fatalf("%q: %v, %v", src, err, err2)
		}
		if !slices.Equal(found, again) {
			t.Fatalf("%q: %v and %v", src, found, again)
		}
		for _, d := range found {
			if d.Row < 1 || d.Column < 1 || d.EndRow < d.Row || d.Code == "" || d.Severity == "" {
				t.Fatalf("%q: %+v", src, d)
			}
		}
	})
}

func BenchmarkLint(b *testing.B) {
	l := sharedLinter(b, Default)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := l.Lint(context.Background(), programs[i%len(programs)].src); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewInstance(b *testing.B) {
	l := sharedLinter(b, Default)
	for b.Loop() {
		in, err := l.module.newInstance(context.Background(), l.selection)
		if err != nil {
			b.Fatal(err)
		}
		if err := in.close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMask(b *testing.B) {
	l := sharedLinter(b, Default)
	for b.Loop() {
		if _, err := l.Lint(context.Background(), "import os  # noqa\n"); err != nil {
			b.Fatal(err)
		}
	}
}
