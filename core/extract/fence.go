package extract

import "strings"

// lineAt returns the line that begins at text[at:], with its end.
func lineAt(text string, at int) string {
	if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
		return text[at : at+i+1]
	}
	return text[at:]
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// fence is the line that opens or closes a block: a run of at least three ` or ~.
type fence struct {
	mark   byte
	length int
	indent int
	// bare says that nothing follows the run: only such a line closes a block.
	bare bool
}

// fenceOf reads a line as a fence (CommonMark 0.31, section 4.5, but at any indentation: models fence inside lists).
func fenceOf(line string) (f fence, ok bool) {
	body := strings.TrimLeft(line, " \t")
	f.indent = len(line) - len(body)
	if body == "" || body[0] != '`' && body[0] != '~' {
		return f, false
	}
	f.mark = body[0]
	rest := strings.TrimLeft(body, string(f.mark))
	f.length = len(body) - len(rest)
	if f.length < 3 || f.mark == '`' && strings.IndexByte(rest, '`') >= 0 { // the latter is code within a line
		return f, false
	}
	f.bare = blank(rest)
	return f, true
}

// closes says that g ends the block that f opened.
func (f fence) closes(g fence) bool { return g.bare && g.mark == f.mark && g.length >= f.length }

// candidates splits the text into its fenced blocks, in order, behind the text before the first of them. A text without
// fences is one candidate: its lines without the prose.
func candidates(text string) []candidate {
	var out []candidate
	head := func(s string) {
		if s = dropProse(dedent(s)); !blank(s) {
			out = append(out, candidate{s, Lines})
		}
	}
	var open *fence
	start, any := 0, false
	for at := 0; at < len(text); {
		line := lineAt(text, at)
		next := at + len(line)
		f, ok := fenceOf(line)
		switch {
		case !ok:
		case open == nil:
			if !any {
				head(text[:at])
			}
			open, start, any = &f, next, true
		case open.closes(f):
			out = appendBlock(out, text[start:at], open.indent)
			open = nil
		case f.mark == open.mark && f.length == open.length && f.indent <= open.indent && !f.bare:
			// a block that was not closed before the next one with an info string began
			out = appendBlock(out, text[start:at], open.indent)
			open, start = &f, next
		}
		at = next
	}
	switch {
	case open != nil:
		out = appendBlock(out, text[start:], open.indent)
	case !any:
		head(text)
	}
	return out
}

func appendBlock(out []candidate, text string, indent int) []candidate {
	if blank(text) {
		return out
	}
	if indent > 0 {
		text = dedent(text)
	}
	return append(out, candidate{text, Fenced})
}

// openFence returns the fence line that a prefill leaves open, and the code that stands behind it.
func openFence(prefill string) (opening, begun string) {
	var open *fence
	start := 0
	for at := 0; at < len(prefill); {
		line := lineAt(prefill, at)
		if f, ok := fenceOf(line); ok {
			if open == nil {
				open, opening, start = &f, line, at+len(line)
			} else if open.closes(f) {
				open = nil
			}
		}
		at += len(line)
	}
	if open == nil {
		return "", ""
	}
	if !strings.HasSuffix(opening, "\n") {
		opening += "\n"
	}
	if begun = prefill[start:]; blank(begun) {
		begun = ""
	}
	return opening, begun
}
