package jinja

import "strings"

func (c constant) eval(s *state) any { s.work(1); return c.value }

func (n name) eval(s *state) any {
	s.work(1)
	s.line = n.line
	if v, ok := s.lookup(n.id); ok {
		return v
	}
	return undefined{"'" + n.id + "' is undefined"}
}

func evalAll(s *state, list []expr) []any {
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = e.eval(s)
	}
	return out
}

func (l listExpr) eval(s *state) any {
	s.work(1 + len(l.items))
	return &List{evalAll(s, l.items), l.tuple}
}

func (d dictExpr) eval(s *state) any {
	s.work(1 + len(d.keys))
	out := &Dict{}
	for i, k := range d.keys {
		key := k.eval(s)
		if !isScalar(key) {
			fail(d.line, "unhashable type: '%s'", typeName(key))
		}
		out.Set(key, d.values[i].eval(s))
	}
	return out
}

func (u unary) eval(s *state) any {
	s.work(1)
	v := u.of.eval(s)
	s.line = u.line
	if u.op == "not" {
		return !truth(v)
	}
	s.defined(v)
	if n, ok := integer(v); ok {
		if u.op == "-" {
			return -n
		}
		return n
	}
	f, ok := v.(float64)
	if !ok {
		fail(u.line, "bad operand type for unary %s: '%s'", u.op, typeName(v))
	}
	if u.op == "-" {
		return -f
	}
	return f
}

// defined fails if one of the values is undefined.
func (s *state) defined(values ...any) {
	for _, v := range values {
		if u, ok := v.(undefined); ok {
			fail(s.line, "%s", u.what)
		}
	}
}

func (b binary) eval(s *state) any {
	s.work(1)
	left := b.left.eval(s)
	switch {
	case b.op == "and" && !truth(left), b.op == "or" && truth(left):
		return left
	case b.op == "and", b.op == "or":
		return b.right.eval(s)
	}
	right := b.right.eval(s)
	s.line = b.line
	if b.op == "~" {
		return s.made(s.str(left) + s.str(right))
	}
	s.defined(left, right)
	return s.arithmetic(b.op, left, right)
}

func (c comparison) eval(s *state) any {
	s.work(1)
	left := c.first.eval(s)
	for i, op := range c.ops {
		right := c.rest[i].eval(s)
		s.line = c.line
		if !s.holds(op, left, right) {
			return false
		}
		left = right
	}
	return true
}

// holds says whether a comparison of two values is true.
func (s *state) holds(op string, left, right any) bool {
	switch op {
	case "==":
		return s.equal(left, right, 0)
	case "!=":
		return !s.equal(left, right, 0)
	case "in":
		return s.contains(right, left)
	case "not in":
		return !s.contains(right, left)
	}
	s.defined(left, right)
	n := s.compare(left, right, 0)
	switch op {
	case "<":
		return n < 0
	case "<=":
		return n <= 0
	case ">":
		return n > 0
	}
	return n >= 0
}

func (s *state) contains(in, v any) bool {
	switch in := in.(type) {
	case string:
		part, ok := v.(string)
		if !ok {
			s.defined(v)
			fail(s.line, "'in <string>' requires a string, not %s", typeName(v))
		}
		s.work(len(in) / 8)
		return strings.Contains(in, part)
	case *Dict:
		_, ok := in.Get(v)
		return ok
	}
	for _, item := range s.iterate(in) {
		if s.equal(item, v, 0) {
			return true
		}
	}
	return false
}

func (c conditional) eval(s *state) any {
	s.work(1)
	if truth(c.test.eval(s)) {
		return c.then.eval(s)
	}
	if c.other != nil {
		return c.other.eval(s)
	}
	return undefined{"the inline if has no else and its condition is false"}
}

func (a arguments) eval(s *state) ([]any, *Dict) {
	args, kwargs := make([]any, 0, len(a.positional)), &Dict{}
	for i, e := range a.positional {
		v := e.eval(s)
		if i < len(a.spread) && a.spread[i] {
			items := s.iterate(v)
			s.work(len(items))
			args = append(args, items...)
		} else {
			args = append(args, v)
		}
	}
	for i, id := range a.names {
		kwargs.Set(id, a.named[i].eval(s))
	}
	if a.rest == nil {
		return args, kwargs
	}
	rest, ok := a.rest.eval(s).(*Dict)
	if !ok {
		fail(s.line, "the argument after ** must be a mapping")
	}
	s.work(len(rest.keys))
	for i, k := range rest.keys {
		if _, ok := k.(string); !ok {
			fail(s.line, "keywords must be strings, found %s", typeName(k))
		}
		kwargs.Set(k, rest.values[i])
	}
	return args, kwargs
}

func (c call) eval(s *state) any {
	s.work(1)
	f := c.of.eval(s)
	args, kwargs := c.args.eval(s)
	s.line = c.line
	return s.callValue(f, args, kwargs)
}

func (s *state) callValue(f any, args []any, kwargs *Dict) any {
	s.defined(f)
	switch f := f.(type) {
	case *function:
		return f.call(s, args, kwargs)
	case *loopVar:
		if f.again != nil {
			return f.again.call(s, args, kwargs)
		}
	}
	fail(s.line, "'%s' object is not callable", typeName(f))
	return nil
}

func (f filter) eval(s *state) any {
	s.work(1)
	return f.apply(s, f.of.eval(s))
}

func (f filter) apply(s *state, v any) any {
	args, kwargs := f.args.eval(s)
	s.line = f.line
	s.checkNames("filter "+f.id, kwargs, filterNames[f.id])
	return filters[f.id](s, v, bound{"filter " + f.id, args, kwargs})
}

func (t test) eval(s *state) any {
	s.work(1)
	v := t.of.eval(s)
	args, kwargs := t.args.eval(s)
	s.line = t.line
	s.checkNames("test "+t.id, kwargs, []string{"other", "num", "seq"})
	return tests[t.id](s, v, bound{"test " + t.id, args, kwargs}) != t.negate
}
