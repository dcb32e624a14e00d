package jinja

import "slices"

// tuple reads an expression, or several with commas between, which make a tuple. Where conditional is false "if" is not part of
// it.
func (p *parser) tuple(conditional bool) expr {
	one := p.expression
	if !conditional {
		one = p.or
	}
	first := one()
	if !p.isOp(",") {
		return first
	}
	out := listExpr{items: []expr{first}, tuple: true}
	for p.skipOp(",") {
		if p.endsTuple() {
			break
		}
		out.items = append(out.items, one())
	}
	return out
}

func (p *parser) endsTuple() bool {
	k := p.peek().kind
	return k == tokPrintEnd || k == tokBlockEnd || p.isOp(")") || p.isName("recursive")
}

func (p *parser) expression() expr {
	p.enter()
	defer p.leave()
	e := p.or()
	for n := 0; p.skipName("if"); n++ {
		p.chain(n)
		c := conditional{test: p.or(), then: e}
		if p.skipName("else") {
			c.other = p.expression()
		}
		e = c
	}
	return e
}

// chain bounds how many operators one after the other may nest to the left: the evaluator descends into each.
func (p *parser) chain(n int) {
	if n > 4*maxNesting {
		fail(p.line(), "more than %d operators in a row", 4*maxNesting)
	}
}

func (p *parser) or() expr {
	e := p.and()
	for n := 0; p.isName("or"); n++ {
		p.chain(n)
		line := p.next().line
		e = binary{line, "or", e, p.and()}
	}
	return e
}

func (p *parser) and() expr {
	e := p.not()
	for n := 0; p.isName("and"); n++ {
		p.chain(n)
		line := p.next().line
		e = binary{line, "and", e, p.not()}
	}
	return e
}

func (p *parser) not() expr {
	if p.isName("not") {
		p.enter()
		defer p.leave()
		line := p.next().line
		return unary{line, "not", p.not()}
	}
	return p.comparison()
}

func (p *parser) comparison() expr {
	c := comparison{line: p.line(), first: p.sum()}
	for {
		t := p.peek()
		switch {
		case t.kind == tokOp && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.text):
			c.ops = append(c.ops, p.next().text)
		case p.isName("in"):
			c.ops = append(c.ops, p.next().text)
		case p.isName("not") && p.at+1 < len(p.tokens) && p.tokens[p.at+1].kind == tokName && p.tokens[p.at+1].text == "in":
			p.at += 2
			c.ops = append(c.ops, "not in")
		default:
			if len(c.ops) == 0 {
				return c.first
			}
			return c
		}
		c.rest = append(c.rest, p.sum())
	}
}

// left reads operands with operators between that group to the left.
func (p *parser) left(operand func() expr, ops ...string) expr {
	e := operand()
	for n := 0; p.peek().kind == tokOp && slices.Contains(ops, p.peek().text); n++ {
		p.chain(n)
		t := p.next()
		e = binary{t.line, t.text, e, operand()}
	}
	return e
}

func (p *parser) sum() expr     { return p.left(p.concat, "+", "-") }
func (p *parser) concat() expr  { return p.left(p.product, "~") }
func (p *parser) product() expr { return p.left(p.power, "*", "/", "//", "%") }
func (p *parser) power() expr   { return p.left(func() expr { return p.unary(true) }, "**") }

func (p *parser) unary(filters bool) expr {
	p.enter()
	defer p.leave()
	var e expr
	switch {
	case p.isOp("-") || p.isOp("+"):
		t := p.next()
		e = unary{t.line, t.text, p.unary(false)}
	default:
		e = p.primary()
	}
	e = p.postfix(e)
	if filters {
		e = p.pipeline(e)
	}
	return e
}

func (p *parser) primary() expr {
	t := p.next()
	switch t.kind {
	case tokName:
		switch t.text {
		case "true", "True":
			return constant{true}
		case "false", "False":
			return constant{false}
		case "none", "None":
			return constant{nil}
		}
		return name{t.line, t.text}
	case tokString:
		text := t.text
		for p.peek().kind == tokString {
			text += p.next().text
		}
		return constant{text}
	case tokInt, tokFloat:
		return constant{t.num}
	case tokOp:
		switch t.text {
		case "(":
			if p.skipOp(")") {
				return listExpr{tuple: true}
			}
			e := p.tuple(true)
			p.expectOp(")")
			return e
		case "[":
			return listExpr{items: p.items("]")}
		case "{":
			return p.dict(t.line)
		}
	case tokEOF, tokData, tokPrint, tokPrintEnd, tokBlock, tokBlockEnd:
	}
	fail(t.line, "expected an expression, found %s", t.describe())
	return nil
}

// items reads expressions with commas between up to end.
func (p *parser) items(end string) []expr {
	var out []expr
	for !p.skipOp(end) {
		if len(out) > 0 {
			p.expectOp(",")
			if p.skipOp(end) {
				break
			}
		}
		out = append(out, p.expression())
	}
	return out
}

func (p *parser) dict(line int) expr {
	d := dictExpr{line: line}
	for !p.skipOp("}") {
		if len(d.keys) > 0 {
			p.expectOp(",")
			if p.skipOp("}") {
				break
			}
		}
		d.keys = append(d.keys, p.expression())
		p.expectOp(":")
		d.values = append(d.values, p.expression())
	}
	return d
}

// postfix reads attributes, items and calls.
func (p *parser) postfix(e expr) expr {
	for n := 0; ; n++ {
		p.chain(n)
		line := p.line()
		switch {
		case p.skipOp("."):
			t := p.next()
			if t.kind != tokName && t.kind != tokInt {
				fail(t.line, "expected a name or a number after the dot, found %s", t.describe())
			}
			if t.kind == tokName {
				e = attribute{line, e, t.text}
			} else {
				e = item{line, e, constant{t.num}}
			}
		case p.skipOp("["):
			e = p.subscript(line, e)
		case p.skipOp("("):
			e = call{line, e, p.arguments()}
		default:
			return e
		}
	}
}

func (p *parser) subscript(line int, of expr) expr {
	var parts [3]expr
	colons := 0
	for !p.isOp("]") {
		if p.skipOp(":") {
			if colons++; colons > 2 {
				fail(line, "a slice has at most two colons")
			}
			continue
		}
		if parts[colons] != nil {
			fail(line, "expected ']' or ':', found %s", p.peek().describe())
		}
		parts[colons] = p.expression()
	}
	p.next()
	if colons > 0 {
		return slice{line, of, parts[0], parts[1], parts[2]}
	}
	if parts[0] == nil {
		fail(line, "expected a subscript")
	}
	return item{line, of, parts[0]}
}

// arguments reads a call's arguments; the opening bracket was read.
func (p *parser) arguments() arguments {
	var a arguments
	for n := 0; !p.skipOp(")"); n++ {
		if n > 0 {
			p.expectOp(",")
			if p.skipOp(")") {
				break
			}
		}
		t := p.peek()
		switch {
		case a.rest != nil:
			fail(t.line, "an argument follows one with **")
		case p.skipOp("**"):
			a.rest = p.expression()
			continue
		case p.skipOp("*"):
			a.spread = append(a.spread, make([]bool, len(a.positional)-len(a.spread))...)
			a.spread = append(a.spread, true)
			a.positional = append(a.positional, p.expression())
			continue
		}
		if t.kind == tokName && p.tokens[p.at+1].kind == tokOp && p.tokens[p.at+1].text == "=" {
			p.at += 2
			a.names = append(a.names, t.text)
			a.named = append(a.named, p.expression())
			continue
		}
		if len(a.names) > 0 {
			fail(t.line, "a positional argument follows a named one")
		}
		a.positional = append(a.positional, p.expression())
	}
	return a
}

// pipeline reads filters and tests.
func (p *parser) pipeline(e expr) expr {
	for n := 0; ; n++ {
		p.chain(n)
		switch {
		case p.skipOp("|"):
			e = p.filter(e)
		case p.isName("is"):
			e = p.test(e)
		case p.isOp("("):
			line := p.next().line
			e = call{line, e, p.arguments()}
		default:
			return e
		}
	}
}

func (p *parser) test(of expr) expr {
	t := test{line: p.next().line, of: of}
	t.negate = p.skipName("not")
	t.id = p.expectName()
	if tests[t.id] == nil {
		fail(t.line, "test %q is not supported; known: %s", t.id, known(tests))
	}
	next := p.peek()
	switch {
	case p.skipOp("("):
		t.args = p.arguments()
	case next.kind == tokName && !slices.Contains([]string{"else", "or", "and", "is", "if", "not", "in", "recursive"}, next.text),
		next.kind == tokString, next.kind == tokInt, next.kind == tokFloat, p.isOp("["), p.isOp("{"):
		t.args.positional = []expr{p.postfix(p.primary())}
	}
	return t
}
