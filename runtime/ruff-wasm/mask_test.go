package ruffwasm

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"
)

// masked masks src with Ruff's own idea of what a comment is.
func masked(t testing.TB, src string) (string, int) {
	t.Helper()
	l := sharedLinter(t, Default)
	in, err := l.acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { l.workers <- in }()
	if in == nil {
		if in, err = l.module.newInstance(context.Background(), l.selection); err != nil {
			t.Fatal(err)
		}
	}
	listing, err := in.listTokens(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	comments, err := commentsIn(listing, len(src))
	if err != nil {
		t.Fatal(err)
	}
	return mask(src, comments)
}

func TestMask(t *testing.T) {
	for _, row := range []struct {
		name, src, want string
		silencing       int
	}{
		{"blanket", "import os  # noqa\n", "import os  # xoqa\n", 1},
		{"with codes", "import os  # noqa: F401, E501\n", "import os  # xoqa: F401, E501\n", 1},
		{"any case", "import os  #NoQA:F401\n", "import os  #xoQA:F401\n", 1},
		{"after another comment", "import os  # why not # noqa\n", "import os  # why not # xoqa\n", 1},
		{"two in one comment count once", "import os  # noqa # noqa\n", "import os  # xoqa # xoqa\n", 1},
		{"doubled hash", "import os  ## noqa\n", "import os  ## xoqa\n", 1},
		{"wide space", "import os  #\u00a0noqa\n", "import os  #\u00a0xoqa\n", 1},
		{"file", "# ruff: noqa\nimport os\n", "# xuff: noqa\nimport os\n", 1},
		{"file in the words of flake8", "# flake8:noqa: F401\nimport os\n", "# xlake8:noqa: F401\nimport os\n", 1},
		{"range", "# ruff: disable[F401]\nimport os\n# ruff: enable[F401]\n", "# xuff: disable[F401]\nimport os\n# xuff: enable[F401]\n", 1},
		{"next line", "# ruff: ignore[F401]\nimport os\n", "# xuff: ignore[F401]\nimport os\n", 1},
		{"file-ignore", "#ruff:file-ignore[F401]\nimport os\n", "#xuff:file-ignore[F401]\nimport os\n", 1},
		{"inside a function", "def f():\n    import os  # noqa\n", "def f():\n    import os  # xoqa\n", 1},
		{"each comment counts", "import os  # noqa\nimport re  # noqa\n", "import os  # xoqa\nimport re  # xoqa\n", 2},
		{"after a form feed", "\x0cimport os\x0c# noqa\n", "\x0cimport os\x0c# xoqa\n", 1},
		{"with carriage returns", "import os  # noqa\r\nimport re  # noqa\rx = 1\n", "import os  # xoqa\r\nimport re  # xoqa\rx = 1\n", 2},
		{"after letters beyond ASCII", "x = 'ü😀'; import os  # noqa\n", "x = 'ü😀'; import os  # xoqa\n", 1},
		{"after a byte order mark", "\ufeffimport os  # noqa\n", "\ufeffimport os  # xoqa\n", 1},
		{"in a bracket", "f(1,  # noqa\n  2)\n", "f(1,  # xoqa\n  2)\n", 1},
		{"in the expression of an f-string", "f'''{x  # noqa\n}'''\n", "f'''{x  # xoqa\n}'''\n", 1},
		{"after a string with a hash", "x = '#'  # noqa\n", "x = '#'  # xoqa\n", 1},
		{"in code that does not parse", "def f(:  # noqa\n", "def f(:  # xoqa\n", 1},
		{"at the end of an unterminated line", "x = 'abc\ny = 1  # noqa", "x = 'abc\ny = 1  # xoqa", 1},

		{"in a string", "x = 'import os  # noqa'\n", "", 0},
		{"in a triple string", "x = '''\n# noqa\n# ruff: noqa\n'''\n", "", 0},
		{"in the text of an f-string", "x = f'# noqa {y} # noqa'\n", "", 0},
		{"in a string of an f-string's expression", "x = f\"{'# noqa'}\"\n", "", 0},
		{"in an unterminated string", "x = '# noqa\n", "", 0},
		{"after a quote in a raw string", "x = r'\\' # noqa'\n", "", 0},
		{"a word that begins so", "import os  # noqax\nimport re  # noqa_1\n", "", 0},
		{"a word in a sentence", "import os  # no noqa here\n", "", 0},
		{"of other tools", "import os  # type: ignore\nimport re  # pylint: disable=all\nimport io  # nosec\n", "", 0},
		{"another order to ruff", "# ruff: isort: skip_file\n# ruff: noqoa\n", "", 0},
		{"no comment at all", "noqa = ruff = 1\n", "", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			want := row.want
			if want == "" {
				want = row.src
			}
			got, n := masked(t, row.src)
			if got != want || n != row.silencing {
				t.Errorf("mask(%q)\n= %q, %d\nwant %q, %d", row.src, got, n, want, row.silencing)
			}
			if again, n := masked(t, got); again != got || n != 0 {
				t.Errorf("masked twice: %q, %d", again, n)
			}
			if may := mayHoldDirective(row.src); !may && got != row.src {
				t.Error("the quick look found nothing to mask")
			}
			out, err := sharedLinter(t, Default).Lint(context.Background(), row.src)
			if err != nil || out.Suppressions != row.silencing {
				t.Errorf("Lint counts %d suppressions, %v; want %d", out.Suppressions, err, row.silencing)
			}
		})
	}
}

// raw lints src as it is, with its suppressions in force.
func raw(t testing.TB, src string) []Diagnostic {
	t.Helper()
	l := sharedLinter(t, Default)
	in, err := l.acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { l.workers <- in }()
	if in == nil {
		if in, err = l.module.newInstance(context.Background(), l.selection); err != nil {
			t.Fatal(err)
		}
	}
	found, err := in.lint(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Ruff itself says which comments silence a finding: each of those must be masked and counted, in every spelling.
func TestEveryCommentThatRuffObeysIsMasked(t *testing.T) {
	heads := []string{"#", "# ", "#\t", "#  ", "## ", "#: ", "#! ", "# x ", "# x # ", "# type: ignore # ", "# type: ignore, ", "#\u00a0", "#\u2003", "#\u0085", "#\x0c", "#\u200b", "#\ufeff", "#\u1680", "#\u3000", "#\x1c"}
	bodies := []string{
		"noqa", "NOQA", "nOqA", "noqa:F401", "noqa: F401", "noqa : F401", "noqa F401", "noqa:E501,F401", "noqa;F401", "noqa.", "noqa-x", "noqax", "noqa_", "noqa1", "noqaé", "noqaʰ", "noqa\u0301", "noqaⅷ", "noqa²", "noqa\u200d", "noqa:x", "noqa: unused-import",
		"ruff: noqa", "ruff:noqa", "ruff : noqa", "ruff:  noqa", "Ruff: noqa", "ruff: NOQA", "ruff: noqa: F401", "ruff: noqa F401", "ruff: noqax", "ruff: noqaé", "ruff\u00a0: noqa", "flake8: noqa", "flake8:NoQA", "flake8=noqa", "flake8: noqa: F401",
		"ruff: ignore[F401]", "ruff:ignore [F401]", "ruff: Ignore[F401]", "ruff: ignore[F401, E501] because", "ruff: ignore[unused-import]", "ruff: ignore", "ruff: file-ignore[F401]", "ruff: File-Ignore[F401]", "ruff: file-ignore [F401]", "ruff: disable[F401]", "ruff:disable[F401]", "ruff: Disable[F401]", "ruff: disable [F401]", "ruff: disable[F401",
		"isort: skip_file", "fmt: off", "pylint: disable=all", "nosec", "mypy: ignore-errors", "ty: ignore[F401]", "pragma: no cover",
	}
	obeyed := 0
	for _, head := range heads {
		for _, body := range bodies {
			comment := head + body
			for _, src := range []string{
				"import os  " + comment + "\n",
				comment + "\nimport os\n",
				"import re\n\nprint(re)\n" + comment + "\nimport os\n# ruff: enable[F401]\n",
				"def f():\n    " + comment + "\n    import os\n    return 1\n",
			} {
				before, _ := masked(t, src)
				got, err := sharedLinter(t, Default).Lint(context.Background(), src)
				if err != nil {
					t.Fatal(err)
				}
				if got.Codes["F401"] != 1 {
					t.Errorf("%q: the unused import was silenced; masked: %q", src, before)
				}
				if codes(raw(t, src))["F401"] == 0 {
					obeyed++
					if got.Suppressions == 0 {
						t.Errorf("%q silences the unused import and was not counted", src)
					}
				}
			}
		}
	}
	t.Logf("ruff obeyed %d of %d", obeyed, 4*len(heads)*len(bodies))
	if obeyed < 500 {
		t.Errorf("ruff obeyed %d of the comments: the test does not test what it should", obeyed)
	}
}

// Where a word of a suppression is changed, no other place moves: the findings of the rest stay where they were.
func TestMaskMovesNothing(t *testing.T) {
	l := sharedLinter(t, Default)
	for _, p := range programs {
		for _, comment := range []string{"  # noqa", "  # ruff: ignore[F401]", "  # x # noqa: E711"} {
			src, plain := "", ""
			for line := range strings.Lines(p.src) {
				body := strings.TrimRight(line, "\r\n")
				if strings.Contains(body, "#") || strings.ContainsAny(body, "\r'\"\\") || strings.TrimSpace(body) == "" {
					src, plain = src+line, plain+line
					continue
				}
				src += body + comment + line[len(body):]
				plain += body + "  # " + strings.Repeat("-", utf8.RuneCountInString(comment)-4) + line[len(body):]
			}
			got, want := lint(t, l, src), lint(t, l, plain)
			if len(got) != len(want) {
				t.Errorf("%s with %q: %d findings, want %d", p.name, comment, len(got), len(want))
				continue
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("%s with %q: %+v, want %+v", p.name, comment, got[i], want[i])
				}
			}
		}
	}
}

func TestCommentsInRefusesPlacesOutsideTheSource(t *testing.T) {
	for _, listing := range []string{"Comment 5..3,", "Comment 0..11,", "Comment x..3,", "Comment 1,", "Comment -1..2,"} {
		if got, err := commentsIn("[\n    "+listing+"\n]", 10); err == nil {
			t.Errorf("%q: %v", listing, got)
		}
	}
	got, err := commentsIn("[\n    Import 0..6,\n    Comment 7..10,\n]", 10)
	if err != nil || len(got) != 1 || got[0] != (span{7, 10}) {
		t.Errorf("%v, %v", got, err)
	}
}

// FuzzMask: masking changes only letters inside the given comments, and leaves nothing to mask.
func FuzzMask(f *testing.F) {
	for _, p := range programs {
		f.Add(p.src, 0, len(p.src))
	}
	f.Add("x # noqa # ruff: noqa\n", 2, 21)
	f.Add("a # noqAB", 2, 8)
	f.Add("# \xffnoqa \xc3# noqa\xa9", 0, 16)
	f.Fuzz(func(t *testing.T, src string, from, to int) {
		if from < 0 || to > len(src) || from > to {
			return
		}
		c := []span{{from, to}}
		got, n := mask(src, c)
		if len(got) != len(src) {
			t.Fatalf("mask(%q) has another length: %q", src, got)
		}
		for i := range got {
			if got[i] != src[i] && (i < from || i >= to || got[i] != 'x' || src[i] >= utf8.RuneSelf) {
				t.Fatalf("mask(%q) changed byte %d: %q", src, i, got)
			}
		}
		if utf8.ValidString(src) != utf8.ValidString(got) {
			t.Fatalf("mask(%q) broke its encoding: %q", src, got)
		}
		if n > 0 && got == src {
			t.Fatalf("mask(%q) counts and changes nothing", src)
		}
		if again, m := mask(got, c); m != 0 || again != got {
			t.Fatalf("mask(%q): %q is masked again: %q", src, got, again)
		}
		if n > 0 && !mayHoldDirective(src) {
			t.Fatalf("the quick look at %q found nothing to mask", src)
		}
	})
}
