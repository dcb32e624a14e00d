package pytoken

import (
	"fmt"
	"strings"
	"testing"
)

func TestScan(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"logical lines", "a = (1,\n  2)\nb", "a! = ( 1 , 2 ) b!"},
		{"a joined line", "a = \\\r\n  1\n", "a! = 1"},
		{"statements of one line", "a;b; (c;d)", "a! ; b! ; (! c ; d )"},
		{"an indented line", "if x:\n    y", "if! x : y!4"},
		{"comments", "a # b 'c\n# d\ne", "a! e!"},
		{"strings", `'a\'b' "c" rb'\' d' f"{e}" ` + "'''x\n'y'''\n\"\"\"z", "'a\\'b'! \"c\" rb'\\' d' f\"{e}\" '''x\n'y''' \"\"\"z!"},
		{"an unclosed string ends with its line", "'a\nb", "'a! b!"},
		{"operators", "a==b:=c<=d", "a! == b := c <= d"},
		{"numbers", "1_0.5e3j x1", "1_0.5e3j! x1"},
		{"letters", "é\u0301a = größe", "é\u0301a! = größe"},
		{"unbalanced brackets", ")))\na", ")! ) ) a!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, tk := range Scan(c.src) {
				s := tk.Text
				if tk.First {
					s += "!"
					if tk.Indent > 0 {
						s += fmt.Sprint(tk.Indent)
					}
				}
				got = append(got, s)
			}
			if g := strings.Join(got, " "); g != c.want {
				t.Errorf("got  %s\nwant %s", g, c.want)
			}
		})
	}
}

func TestIsName(t *testing.T) {
	for s, want := range map[string]bool{"f": true, "_1": true, "größe": true, "": false, "1f": false, "f g": false, "f.g": false, "def": false, " f": false, "'f'": false} {
		if IsName(s) != want {
			t.Errorf("IsName(%q) is %v", s, !want)
		}
	}
	if !Keyword("lambda") || Keyword("match") || !Builtin("sum") || Builtin("add") {
		t.Error("the word lists are wrong")
	}
}

// FuzzScan checks that tokens are pieces of the source, in order, and that only space and comments are between them.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"def f(x):\r\n\treturn rb'''x\\''' # c\n", "f'{x!r:>{w}}'", "x = \"unclosed\n)", "\\", "1_0.5e3j @ é\u0301", "a;b;(c;d)\n  e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		at := 0
		for _, tk := range Scan(src) {
			if tk.Text == "" || tk.Start < at || !strings.HasPrefix(src[tk.Start:], tk.Text) {
				t.Fatalf("token %+v behind byte %d of %q", tk, at, src)
			}
			if gap := strings.Trim(src[at:tk.Start], " \t\r\n\f\\"); gap != "" && !strings.Contains(gap, "#") {
				t.Fatalf("%q is no token", gap)
			}
			at = tk.Start + len(tk.Text)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	src := strings.Repeat("def f(x):\n    return {'a': x[1:2] + 3.5}  # comment\n", 10_000)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		Scan(src)
	}
}
