package run

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHighlight(t *testing.T) {
	for _, c := range []struct{ name, program, want string }{
		{"a function", "def f(x):\n    return x # <b>", `<span class="key">def</span> f(x):` + "\n    " + `<span class="key">return</span> x <span class="com"># &lt;b&gt;</span>`},
		{"a string with quotes", `'a\'b' "c"`, `<span class="str">&#39;a\&#39;b&#39;</span> <span class="str">&#34;c&#34;</span>`},
		{"a string without an end", "'abc\nx", "<span class=\"str\">&#39;abc</span>\nx"},
		{"a long string", "\"\"\"a\n'b'\"\"\"c", "<span class=\"str\">&#34;&#34;&#34;a\n&#39;b&#39;&#34;&#34;&#34;</span>c"},
		{"a raw string that ends in a backslash", `r"\\" x`, `<span class="str">r&#34;\\&#34;</span> x`},
		{"prefixes", `rb"\" f'x' definition"y"`, `<span class="str">rb&#34;\&#34; f&#39;x&#39; definition&#34;</span>y<span class="str">&#34;</span>`},
		{"numbers", "0x1F + 1_000.5e3", `<span class="num">0x1F</span> + <span class="num">1_000.5e3</span>`},
		{"a mark of direction", "a\u202eb", `a<span class="ctl">U+202E</span>b`},
		{"a zero byte", "\x00", `<span class="ctl">U+0000</span>`},
		{"a word with a keyword in it", "define = None", `define = <span class="key">None</span>`},
	} {
		if got := highlight(c.program); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

var (
	ours    = regexp.MustCompile(`<span class="(key|str|com|num|ctl)">|</span>`)
	control = regexp.MustCompile(`<span class="ctl">U\+[0-9A-F]{4,6}</span>`)
)

// FuzzHighlight: without the marks that highlight adds, the text is what it was, and no markup is left.
func FuzzHighlight(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	for _, text := range programs {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, program string) {
		got := highlight(program)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is no text", got)
		}
		plain := ours.ReplaceAllString(control.ReplaceAllString(got, ""), "")
		if strings.ContainsAny(plain, `<>"'`) {
			t.Fatalf("%q leaves markup: %q", program, plain)
		}
		want := strings.Map(func(r rune) rune {
			if hidden(r) {
				return -1
			}
			return r
		}, program)
		if back := html.UnescapeString(plain); back != want {
			t.Fatalf("%q became %q", program, back)
		}
	})
}
