package ruffwasm

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// corpus returns the programs that both Ruffs lint: our own, the references of the starter benchmark, those of MBPP where
// its file is at hand, and from each of these three that a program damaged.
func corpus(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, p := range programs {
		out = append(out, p.src)
	}
	out = append(out, references(t, "../../benchmarks/starter/tasks.jsonl")...)
	if file := mbpp(t); file != "" {
		out = append(out, references(t, file)...)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, p := range slices.Clone(out) {
		for range 3 {
			out = append(out, damage(random, p))
		}
	}
	return out
}

// damage changes a program as a bad completion would: cut short, a letter too many, a line moved, a line twice.
func damage(random *rand.Rand, src string) string {
	runes := []rune(src)
	lines := strings.SplitAfter(src, "\n")
	at, line := random.IntN(len(runes)+1), random.IntN(len(lines))
	switch random.IntN(4) {
	case 0:
		return string(runes[:at])
	case 1:
		const extra = "()[]{}:'\"\\\t@$?;#,. \n\f0é"
		e := []rune(extra)
		return string(runes[:at]) + string(e[random.IntN(len(e))]) + string(runes[at:])
	case 2:
		lines[line] = " " + lines[line]
	default:
		lines = slices.Insert(lines, line, lines[random.IntN(len(lines))])
	}
	return strings.Join(lines, "")
}

// mbpp is the path of MBPP's tasks, or "" where they are not at hand.
func mbpp(t *testing.T) string {
	dir, named := os.LookupEnv("HARNESS_DATA")
	if !named {
		dir = "../../../shared/data"
	}
	file := filepath.Join(dir, "mbpp.jsonl")
	if _, err := os.Stat(file); err != nil {
		if named {
			t.Fatalf("HARNESS_DATA: %v", err)
		}
		t.Logf("without the references of MBPP: %v", err)
		return ""
	}
	return file
}

// references reads the code of each task of a file.
func references(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var task struct{ Code string }
		if err := json.Unmarshal(lines.Bytes(), &task); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, task.Code)
	}
	if err := lines.Err(); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return out
}

// The starter benchmark's reference solutions are examples of clean code: neither profile finds anything in them.
func TestStarterReferencesAreClean(t *testing.T) {
	for _, profile := range Profiles() {
		l := sharedLinter(t, profile)
		for i, src := range references(t, "../../benchmarks/starter/tasks.jsonl") {
			if got := lint(t, l, src); len(got) > 0 {
				t.Errorf("%s: task %d: %v", profile, i+1, got)
			}
		}
	}
}

// In process and as an executable, Ruff finds the same.
func TestAgreesWithNative(t *testing.T) {
	for _, profile := range Profiles() {
		t.Run(profile, func(t *testing.T) {
			n := native(t, profile)
			l := sharedLinter(t, profile)
			sources := corpus(t)
			dir := t.TempDir()
			path := func(i int) string { return filepath.Join(dir, fmt.Sprintf("p%05d.py", i)) }
			for i, src := range sources {
				sources[i], _ = masked(t, src)
				if err := os.WriteFile(path(i), []byte(sources[i]), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			theirs, err := n.lintFiles(context.Background(), dir)
			if err != nil {
				t.Fatal(err)
			}
			findings, differ := 0, 0
			for i, src := range sources {
				got, want := lint(t, l, src), theirs[path(i)]
				findings += len(got)
				if !slices.Equal(got, want) {
					if differ++; differ <= 5 {
						t.Errorf("%q:\nin process %v\nnative     %v", src, got, want)
					}
				}
			}
			t.Logf("%d programs, %d findings, %d programs differ", len(sources), findings, differ)
			if len(sources) < 300 {
				t.Errorf("only %d programs were compared", len(sources))
			}
		})
	}
}

// Masking does what Ruff's own switch against suppressions does, but for lines that are too long because of one.
func TestMaskingAgreesWithIgnoreNoqa(t *testing.T) {
	n := native(t, Default)
	l := sharedLinter(t, Default)
	for _, comment := range []string{"# noqa", "# noqa: F401", "# ruff: noqa", "# flake8: noqa", "# ruff: ignore[F401]", "# ruff: file-ignore[F401]", "# ruff: disable[F401]", "# x # noqa"} {
		for _, src := range []string{"import os  " + comment + "\n", comment + "\nimport os\n\nx = 1\n# ruff: enable[F401]\n"} {
			got := lint(t, l, src)
			want, err := n.lint(context.Background(), src)
			if err != nil {
				t.Fatal(err)
			}
			// Findings about the suppressions themselves need the suppressions.
			want = slices.DeleteFunc(want, func(d Diagnostic) bool { return strings.HasPrefix(d.Code, "RUF10") })
			if !slices.Equal(got, want) {
				t.Errorf("%q:\nmasked %v\nnative %v", src, got, want)
			}
		}
	}
}

func TestSeveritiesAreThoseOfTheRules(t *testing.T) {
	n := native(t, Default)
	out, err := exec.Command(n.path, "rule", "--all", "--output-format", "json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var rules []struct{ Code, Name, Category string }
	if err := json.Unmarshal(out, &rules); err != nil {
		t.Fatal(err)
	}
	if len(rules) < 900 {
		t.Fatalf("ruff lists %d rules only", len(rules))
	}
	want := map[string]core.Severity{
		"correctness": core.Bad,
		"suspicious":  core.Warning, "security": core.Warning,
		"complexity": core.Refactor, "performance": core.Refactor,
		"style": core.Convention, "formatting": core.Convention, "pedantic": core.Convention, "restriction": core.Convention,
	}
	listed := severities()
	for _, r := range rules {
		if code := cmp.Or(r.Code, r.Name); listed[code] != want[r.Category] {
			t.Errorf("%s is of category %s and listed as %q; make severities.txt anew with: go generate ./runtime/ruff-wasm", code, r.Category, listed[code])
		}
	}
	if len(listed) != len(rules)+1 {
		t.Errorf("severities.txt has %d rules, ruff %d", len(listed)-1, len(rules))
	}
}

func TestOpenNativeRefuses(t *testing.T) {
	dir := t.TempDir()
	script := func(name, body string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, row := range []struct{ name, path, profile, want string }{
		{"no executable", filepath.Join(dir, "absent"), Default, "pip install ruff==" + Release},
		{"another release", script("old", "echo ruff 0.1.0"), Default, "version 0.1.0, want " + Release},
		{"an executable that fails", script("broken", "exit 3"), Default, "exit status 3"},
		{"an unknown profile", "", "strict", "classic and default"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := openNative(context.Background(), row.path, row.profile); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v\nwant %q", err, row.want)
			}
		})
	}
	for _, body := range []string{"exit 2", "echo nonsense"} {
		path := script("ruff", `if [ "$1" = --version ]; then echo ruff `+Release+`; else `+body+`; fi`)
		n, err := openNative(context.Background(), path, Default)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := n.lint(context.Background(), "x = 1\n"); err == nil {
			t.Errorf("%s: %v", body, got)
		}
	}
}

// BenchmarkNative is a process for each program of BenchmarkLint: the baseline.
func BenchmarkNative(b *testing.B) {
	n := native(b, Default)
	for i := 0; b.Loop(); i++ {
		if _, err := n.lint(context.Background(), programs[i%len(programs)].src); err != nil {
			b.Fatal(err)
		}
	}
}
