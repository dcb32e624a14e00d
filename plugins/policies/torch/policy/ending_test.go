package policy

import (
	"strings"
	"testing"
)

// pieces decodes token i to its ith text; what stands after a bar is final only at the end or with the next token.
type pieces struct {
	texts []string
	held  string
}

func (p *pieces) Push(id int32) string {
	final, rest, _ := strings.Cut(p.texts[id], "|")
	out := p.held + final
	p.held = rest
	return out
}

func (p *pieces) Flush() string {
	out := p.held
	p.held = ""
	return out
}

func TestTextEnding(t *testing.T) {
	for _, row := range []struct {
		name   string
		stops  []string
		texts  []string
		tokens int // pushed until a stop, or all
		text   string
	}{
		{"no stop text", nil, []string{"a", "b", "c"}, 3, "abc"},
		{"an empty one is none", []string{""}, []string{"a", "b"}, 2, "ab"},
		{"a token of its own", []string{"```"}, []string{"x = 1\n", "```", "more"}, 2, "x = 1\n"},
		{"across tokens", []string{"```"}, []string{"x`", "`", "`y", "z"}, 3, "x"},
		{"inside a token", []string{"END"}, []string{"aENDb", "c"}, 1, "a"},
		{"the first of two in the text", []string{"zz", "b"}, []string{"abzz"}, 1, "a"},
		{"overlapping beginnings", []string{"aab"}, []string{"a", "a", "a", "b"}, 4, "a"},
		{"one that never comes whole", []string{"abc"}, []string{"ab", "d"}, 2, "abd"},
		{"held back until it is final", []string{"é!"}, []string{"caf|é", "!"}, 2, "caf"},
		{"the rest comes at the end", nil, []string{"caf|é"}, 1, "café"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newTextEnding(&pieces{texts: row.texts}, row.stops)
			n := 0
			for n < len(row.texts) {
				stop := e.push(int32(n))
				n++
				if stop {
					break
				}
			}
			if n != row.tokens || e.text() != row.text {
				t.Errorf("ended after %d tokens with %q, want %d and %q", n, e.text(), row.tokens, row.text)
			}
		})
	}
}
