package jinja

import (
	"slices"
	"strings"
)

// parser turns tokens into statements, following the grammar of jinja2's parser.
type parser struct {
	tokens []token
	at     int
	depth  int // of nested expressions and statements
	loops  int // for loops around, within the current macro
}

// maxNesting bounds the recursion of the parser and of the evaluator over its trees.
const maxNesting = 200

func (p *parser) enter() {
	if p.depth++; p.depth > maxNesting {
		fail(p.line(), "nested more than %d deep", maxNesting)
	}
}
func (p *parser) leave() { p.depth-- }

func (p *parser) peek() token { return p.tokens[p.at] }
func (p *parser) line() int   { return p.tokens[p.at].line }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokEOF {
		p.at++
	}
	return t
}

func (p *parser) isOp(text string) bool { t := p.peek(); return t.kind == tokOp && t.text == text }

func (p *parser) isName(text string) bool { t := p.peek(); return t.kind == tokName && t.text == text }

// skipOp and skipName move on if that comes next.
func (p *parser) skipOp(text string) bool {
	ok := p.isOp(text)
	if ok {
		p.at++
	}
	return ok
}

func (p *parser) skipName(text string) bool {
	ok := p.isName(text)
	if ok {
		p.at++
	}
	return ok
}

func (t token) describe() string {
	switch t.kind {
	case tokEOF:
		return "the end of the template"
	case tokData:
		return "text"
	case tokPrint:
		return `"{{"`
	case tokPrintEnd:
		return `"}}"`
	case tokBlock:
		return `"{%"`
	case tokBlockEnd:
		return `"%}"`
	case tokString:
		return "a string"
	case tokName, tokInt, tokFloat, tokOp:
	}
	return `"` + t.text + `"`
}

func (p *parser) expectOp(text string) {
	if !p.skipOp(text) {
		fail(p.line(), "expected %q, found %s", text, p.peek().describe())
	}
}

func (p *parser) expectName() string {
	t := p.next()
	if t.kind != tokName {
		fail(t.line, "expected a name, found %s", t.describe())
	}
	return t.text
}

func (p *parser) expectWord(word string) {
	if !p.skipName(word) {
		fail(p.line(), "expected %q, found %s", word, p.peek().describe())
	}
}

func (p *parser) expect(k kind, what string) {
	if t := p.next(); t.kind != k {
		fail(t.line, "expected %s, found %s", what, t.describe())
	}
}

// statements reads until a block that starts with one of ends, whose name it leaves as the next token; without ends,
// until the end of the template.
func (p *parser) statements(ends ...string) []stmt {
	p.enter()
	defer p.leave()
	var out []stmt
	for {
		switch t := p.next(); t.kind {
		case tokEOF:
			if len(ends) > 0 {
				fail(t.line, "expected %q, found the end of the template", ends)
			}
			return out
		case tokData:
			out = append(out, textStmt{t.text})
		case tokPrint:
			out = append(out, printStmt{t.line, p.tuple(true)})
			p.expect(tokPrintEnd, `"}}"`)
		case tokBlock:
			word := p.peek()
			if word.kind != tokName {
				fail(word.line, "expected the name of a block, found %s", word.describe())
			}
			if slices.Contains(ends, word.text) {
				return out
			}
			out = append(out, p.statement())
		case tokPrintEnd, tokBlockEnd, tokName, tokString, tokInt, tokFloat, tokOp:
			fail(t.line, "unexpected %s", t.describe())
		}
	}
}

func (p *parser) blockEnd() { p.expect(tokBlockEnd, `"%}"`) }

// body reads statements up to a block called end, and that block.
func (p *parser) body(end string) []stmt {
	p.blockEnd()
	out := p.statements(end)
	p.next()
	p.blockEnd()
	return out
}

func (p *parser) statement() stmt {
	t := p.next()
	switch t.text {
	case "if":
		return p.ifBlock()
	case "for":
		return p.forBlock(t.line)
	case "set":
		return p.set(t.line)
	case "with":
		return p.with(t.line)
	case "macro":
		return p.macro(t.line)
	case "call":
		return p.callBlock(t.line)
	case "filter":
		fs := p.filters()
		return filterStmt{fs, p.body("endfilter")}
	case "generation": // transformers marks the assistant's text with it
		return scopeStmt{p.body("endgeneration")}
	case "break", "continue":
		if p.loops == 0 {
			fail(t.line, "%s outside of a loop", t.text)
		}
		p.blockEnd()
		if t.text == "break" {
			return jumpStmt{flowBreak}
		}
		return jumpStmt{flowContinue}
	}
	fail(t.line, "block %q is not supported here", t.text)
	return nil
}

func (p *parser) ifBlock() stmt {
	var s ifStmt
	for {
		s.tests = append(s.tests, p.tuple(false))
		p.blockEnd()
		s.bodies = append(s.bodies, p.statements("elif", "else", "endif"))
		switch p.next().text {
		case "elif":
		case "else":
			s.bodies = append(s.bodies, p.body("endif"))
			return s
		default:
			p.blockEnd()
			return s
		}
	}
}

func (p *parser) forBlock(line int) stmt {
	s := forStmt{line: line, target: p.targets("in")}
	p.expectWord("in")
	s.in = p.tuple(false)
	if p.skipName("if") {
		s.filter = p.expression()
	}
	s.again = p.skipName("recursive")
	p.blockEnd()
	p.loops++
	s.body = p.statements("endfor", "else")
	p.loops--
	if p.next().text == "else" {
		s.other = p.body("endfor")
	} else {
		p.blockEnd()
	}
	return s
}

// targets reads what is assigned to: one target, or several with commas between.
func (p *parser) targets(end string) target {
	t := target{line: p.line()}
	several := false
	for {
		t.parts = append(t.parts, p.target())
		if !p.skipOp(",") {
			break
		}
		several = true
		if end != "" && p.isName(end) || p.isOp("=") {
			break
		}
	}
	if !several {
		return t.parts[0]
	}
	return t
}

func (p *parser) target() target {
	line := p.line()
	if p.skipOp("(") {
		t := p.targets("")
		p.expectOp(")")
		return t
	}
	t := target{line: line, id: p.expectName()}
	if slices.Contains([]string{"true", "false", "none", "True", "False", "None"}, t.id) {
		fail(line, "cannot assign to %s", t.id)
	}
	if p.skipOp(".") {
		t.attr = p.expectName()
	}
	return t
}

func (p *parser) set(line int) stmt {
	t := p.targets("")
	if p.skipOp("=") {
		s := setStmt{line, t, p.tuple(true)}
		p.blockEnd()
		return s
	}
	s := setBlock{line: line, target: t}
	if p.isOp("|") {
		s.filters = p.pipes()
	}
	s.body = p.body("endset")
	return s
}

func (p *parser) with(line int) stmt {
	s := withStmt{line: line}
	for p.peek().kind != tokBlockEnd {
		if len(s.targets) > 0 {
			p.expectOp(",")
		}
		s.targets = append(s.targets, p.target())
		p.expectOp("=")
		s.values = append(s.values, p.expression())
	}
	s.body = p.body("endwith")
	return s
}

// signature reads the parameters of a macro.
func (p *parser) signature(m *macroStmt) {
	p.expectOp("(")
	for !p.skipOp(")") {
		if len(m.params) > 0 {
			p.expectOp(",")
		}
		m.params = append(m.params, p.expectName())
		if p.skipOp("=") {
			m.defaults = append(m.defaults, p.expression())
		} else if len(m.defaults) > 0 {
			fail(p.line(), "a parameter without a default follows one with a default")
		}
	}
}

// macroBody reads a body in which the loops around do not count.
func (p *parser) macroBody(end string) []stmt {
	loops := p.loops
	p.loops = 0
	defer func() { p.loops = loops }()
	return p.body(end)
}

func (p *parser) macro(line int) stmt {
	m := macroStmt{line: line, id: p.expectName()}
	p.signature(&m)
	m.body = p.macroBody("endmacro")
	return m
}

func (p *parser) callBlock(line int) stmt {
	s := callStmt{line: line, macro: macroStmt{line: line, id: "caller"}}
	if p.isOp("(") {
		p.signature(&s.macro)
	}
	c, ok := p.expression().(call)
	if !ok {
		fail(line, "expected a call")
	}
	s.of = c
	s.macro.body = p.macroBody("endcall")
	return s
}

// filters reads "name|name(…)", and pipes "|name|name(…)".
func (p *parser) filters() []filter {
	out := []filter{p.filter(nil)}
	return append(out, p.pipes()...)
}

func (p *parser) pipes() []filter {
	var out []filter
	for p.skipOp("|") {
		out = append(out, p.filter(nil))
	}
	return out
}

func (p *parser) filter(of expr) filter {
	f := filter{line: p.line(), of: of, id: p.expectName()}
	if filters[f.id] == nil {
		fail(f.line, "filter %q is not supported; known: %s", f.id, known(filters))
	}
	if p.skipOp("(") {
		f.args = p.arguments()
	}
	return f
}

// known lists the keys of a table for a message.
func known[T any](table map[string]T) string {
	var out []string
	for k := range table {
		out = append(out, k)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
