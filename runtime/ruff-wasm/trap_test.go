package ruffwasm

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// hostile are programs that fit the default size and that Ruff's recursion cannot stand.
var hostile = []struct{ name, src string }{
	{"operators", "x = 1" + strings.Repeat("+1", 30_000) + "\n"},
	{"attributes", "x" + strings.Repeat(".a", 30_000) + "\n"},
	{"calls", "x" + strings.Repeat("()", 30_000) + "\n"},
	{"signs", strings.Repeat("-", 60_000) + "1\n"},
	{"negations", strings.Repeat("not ", 16_000) + "1\n"},
	{"conditional expressions", strings.Repeat("1 if 1 else ", 5_000) + "1\n"},
	{"union types", "x:" + strings.Repeat("int|", 16_000) + "int\n"},
}

func TestProgramsThatTrapRuffAreUnavailable(t *testing.T) {
	l := openLinter(t, func() Config { c := config(t, Default); c.Workers = 1; return c }())
	const plain = "import os\n"
	want := lint(t, l, plain)
	for _, p := range hostile {
		t.Run(p.name, func(t *testing.T) {
			got, err := l.Lint(context.Background(), p.src)
			if err != nil || !got.Unavailable || got.Total() != 0 || got.Codes != nil {
				t.Errorf("Lint: %+v, %v; want it unavailable", got, err)
			}
			if found, err := l.Diagnostics(context.Background(), p.src); !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Diagnostics: %d findings, %v; want ErrUnavailable in a line", len(found), err)
			}
			if got := lint(t, l, plain); len(got) != 1 || got[0] != want[0] {
				t.Errorf("after it, a plain program gives %v, want %v", got, want)
			}
		})
	}
}

// A program that traps where its comments are listed is as unavailable as one that traps where it is linted.
func TestTrapWhileMasking(t *testing.T) {
	src := strings.Repeat("-", 60_000) + "1  # noqa\n"
	got, err := sharedLinter(t, Default).Lint(context.Background(), src)
	if err != nil || !got.Unavailable {
		t.Errorf("%+v, %v", got, err)
	}
}

// A trap of an instance that served others is no verdict: a fresh one decides.
func TestTrapOfAUsedInstanceIsRetried(t *testing.T) {
	l := openLinter(t, func() Config { c := config(t, Default); c.Workers = 1; return c }())
	in := <-l.workers
	// What a stray write of an earlier lint could do: the settings are gone, so that the next check reads nonsense.
	in.workspace = 0xffff_fff0
	l.workers <- in
	if _, err := in.lint(context.Background(), "import os\n"); !errors.As(err, new(*trap)) {
		t.Fatalf("the broken instance answers %v, want a trap", err)
	}
	if got := lint(t, l, "import os\n"); len(got) != 1 || got[0].Code != "F401" {
		t.Errorf("%v, want one F401", got)
	}
}

func TestLimits(t *testing.T) {
	c := config(t, Classic)
	c.MaxSourceBytes = 40
	small := openLinter(t, c)
	usual := sharedLinter(t, Classic)
	bracket := func(n int) string { return "x = " + strings.Repeat("[", n) + strings.Repeat("]", n) + "\n" }
	for _, row := range []struct {
		name        string
		l           *Linter
		src         string
		unavailable bool
	}{
		{"of the largest size", small, "x = '" + strings.Repeat("a", 33) + "'\n", false},
		{"a byte larger", small, "x = '" + strings.Repeat("a", 34) + "'\n", true},
		{"of the largest default size", usual, strings.Repeat("x = 1 \n", DefaultMaxSourceBytes/7), false},
		{"larger than the default", usual, strings.Repeat("#", DefaultMaxSourceBytes+1), true},
		{"as deep as can be", usual, bracket(maxNesting), false},
		{"a bracket deeper", usual, bracket(maxNesting + 1), true},
		{"many brackets, none deep", usual, "x = [" + strings.Repeat("(1,), ", 9_000) + "]\n", false},
		{"f-strings in one another", usual, strings.Repeat("f'{", 2_000) + "1" + strings.Repeat("}'", 2_000), true},
		{"closing brackets first", usual, strings.Repeat(")", 2_000) + strings.Repeat("(", 900), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := row.l.Lint(context.Background(), row.src)
			if err != nil || got.Unavailable != row.unavailable {
				t.Errorf("unavailable: %v, %v; want %v", got.Unavailable, err, row.unavailable)
			}
			if got.Unavailable && (got.Total() != 0 || got.Codes != nil || got.Suppressions != 0) {
				t.Errorf("an unavailable profile with counts: %+v", got)
			}
		})
	}
}

func TestWhatIsNoText(t *testing.T) {
	for _, row := range []struct {
		name, src   string
		row, column int
		message     string
	}{
		{"NUL at the start", "\x00", 1, 1, "source code cannot contain null bytes"},
		{"NUL in a string", "x = 1\ny = 'a\x00b'\n", 2, 7, "source code cannot contain null bytes"},
		{"NUL in a comment", "# \x00\n", 1, 3, "source code cannot contain null bytes"},
		{"not UTF-8", "x = 1\ny = 'é\xff'\n", 2, 7, "byte 0xff is not UTF-8"},
		{"a surrogate", "x = '\xed\xa0\x80'\n", 1, 6, "byte 0xed is not UTF-8"},
		{"cut in a character", "x = '\xf0\x9f\x98", 1, 6, "byte 0xf0 is not UTF-8"},
		{"U+FFFD and then a bad byte", "'\ufffd' \x80", 1, 5, "byte 0x80 is not UTF-8"},
		{"the first of both", "\xff\x00", 1, 1, "byte 0xff is not UTF-8"},
		{"NUL before a bad byte", "\x00\xff", 1, 1, "source code cannot contain null bytes"},
		{"UTF-16", "\xff\xfex\x00", 1, 1, "byte 0xff is not UTF-8"},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := sharedLinter(t, Default)
			want := Diagnostic{
				Code: InvalidSyntax, Message: row.message, Severity: core.Fatal,
				Row: row.row, Column: row.column, EndRow: row.row, EndColumn: row.column + 1,
			}
			if got := lint(t, l, row.src); len(got) != 1 || got[0] != want {
				t.Errorf("%+v\nwant %+v", got, want)
			}
			if got, err := l.Lint(context.Background(), row.src); err != nil || got.Fatal != 1 || got.Total() != 1 || got.Codes[InvalidSyntax] != 1 {
				t.Errorf("%+v, %v; want one fatal finding", got, err)
			}
		})
	}
	if got := lint(t, sharedLinter(t, Default), "x = '\ufffd'\n"); len(got) != 0 {
		t.Errorf("U+FFFD itself is text, but: %v", got)
	}
}
