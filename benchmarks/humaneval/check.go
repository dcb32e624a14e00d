package humaneval

import (
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/core/pytoken"
)

// rename puts the entry point's name for candidate.
func rename(src, entry string) string {
	var b strings.Builder
	at := 0
	ts := pytoken.Scan(src)
	for i, t := range ts {
		if t.Kind == pytoken.Name && t.Text == "candidate" && (i == 0 || ts[i-1].Text != ".") {
			b.WriteString(src[at:t.Start] + entry)
			at = t.Start + len(t.Text)
		}
	}
	return b.String() + src[at:]
}

// statement is a logical line of Python with the lines below it that are indented deeper.
type statement struct {
	text  string
	words []pytoken.Token
}

// uses says that a name stands in the statement, not as an attribute.
func (s statement) uses(name string) bool {
	for i, w := range s.words {
		if w.Kind == pytoken.Name && w.Text == name && (i == 0 || s.words[i-1].Text != ".") {
			return true
		}
	}
	return false
}

// binds lists the names that an import or an assignment may define, and perhaps some that it only uses.
func (s statement) binds() []string {
	var names []string
	for _, w := range s.words {
		if w.Text == "=" {
			break
		}
		if w.Kind == pytoken.Name && !pytoken.Keyword(w.Text) {
			names = append(names, w.Text)
		}
	}
	return names
}

// statements splits source into its statements. Their first lines lose their indentation, which any block below keeps, so
// that they are Python on their own.
func statements(src string) []statement {
	var out []statement
	ts := pytoken.Scan(src)
	for i := 0; i < len(ts); {
		end := i + 1
		for end < len(ts) && !(ts[end].First && ts[end].Indent <= ts[i].Indent) {
			end++
		}
		last := ts[end-1]
		if last.Text == ";" && end-1 > i {
			last = ts[end-2]
		}
		out = append(out, statement{src[ts[i].Start : last.Start+len(last.Text)], ts[i:end]})
		i = end
	}
	return out
}

// checkOf finds the body of the function check, and what the module does before it, but for its METADATA.
func checkOf(test string) (before string, body []statement, ok bool) {
	for _, s := range statements(test) {
		w := s.words
		if len(w) > 6 && w[0].Text == "def" && w[1].Text == "check" && w[4].Text == ")" && w[5].Text == ":" {
			start := w[6].Start
			if w[6].First {
				start -= w[6].Indent
			}
			last := w[len(w)-1]
			return before, statements(test[start : last.Start+len(last.Text)]), true
		}
		if w[0].Text != "METADATA" {
			before += s.text + "\n"
		}
	}
	return "", nil, false
}

// drawsCases says that a body has a loop.
func drawsCases(body []statement) bool {
	return slices.ContainsFunc(body, func(s statement) bool { return s.words[0].Text == "for" })
}

// testsOf makes a test of each statement that calls the candidate, behind the imports and assignments that it needs.
func testsOf(body []statement, entry string) []string {
	var tests []string
	var others []statement
	for _, s := range body {
		if !s.uses(entry) {
			if s.words[0].Text != "assert" && len(s.words) > 1 {
				others = append(others, s)
			}
			continue
		}
		parts := []string{s.text}
		needed := []statement{s}
		for i := len(others) - 1; i >= 0; i-- {
			o := others[i]
			if slices.ContainsFunc(needed, func(n statement) bool { return slices.ContainsFunc(o.binds(), n.uses) }) {
				parts = append(parts, o.text)
				needed = append(needed, o)
			}
		}
		slices.Reverse(parts)
		tests = append(tests, strings.Join(parts, "\n"))
	}
	return tests
}
