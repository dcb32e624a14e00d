package jinja

import (
	"math"
	"slices"
	"strings"
)

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

func (s *state) arithmetic(op string, left, right any) any {
	if v, ok := s.sequences(op, left, right); ok {
		return v
	}
	x, okX := integer(left)
	y, okY := integer(right)
	if okX && okY && op != "/" {
		if op == "**" && y < 0 {
			return math.Pow(float64(x), float64(y))
		}
		return s.integers(op, x, y)
	}
	f, okF := number(left)
	g, okG := number(right)
	if !okF || !okG {
		fail(s.line, "unsupported operand types for %s: '%s' and '%s'", op, typeName(left), typeName(right))
	}
	switch op {
	case "+":
		return f + g
	case "-":
		return f - g
	case "*":
		return f * g
	case "**":
		return math.Pow(f, g)
	}
	if g == 0 {
		fail(s.line, "division by zero")
	}
	switch op {
	case "/":
		return f / g
	case "//":
		return math.Floor(f / g)
	}
	r := math.Mod(f, g)
	if r != 0 && (r < 0) != (g < 0) {
		r += g
	}
	return r
}

// sequences adds two texts or lists, or repeats one.
func (s *state) sequences(op string, left, right any) (any, bool) {
	switch op {
	case "+":
		switch a := left.(type) {
		case string:
			if b, ok := right.(string); ok {
				return s.made(a + b), true
			}
		case *List:
			if b, ok := right.(*List); ok && a.Tuple == b.Tuple {
				s.work(len(a.Items) + len(b.Items))
				return &List{slices.Concat(a.Items, b.Items), a.Tuple}, true
			}
		}
	case "*":
		if n, ok := integer(left); ok {
			return s.repeat(right, n)
		}
		if n, ok := integer(right); ok {
			return s.repeat(left, n)
		}
	}
	return nil, false
}

func (s *state) repeat(v any, n int64) (any, bool) {
	n = max(n, 0)
	charge := func(size int) {
		if size > 0 && n > int64(maxWork/size) {
			fail(s.line, "%w", errWork)
		}
		s.work(size*int(n)/8 + 1)
	}
	switch v := v.(type) {
	case string:
		if v == "" {
			return v, true
		}
		charge(len(v))
		return strings.Repeat(v, int(n)), true
	case *List:
		if len(v.Items) == 0 {
			return &List{Tuple: v.Tuple}, true
		}
		charge(16 * len(v.Items))
		return &List{slices.Repeat(v.Items, int(n)), v.Tuple}, true
	}
	return nil, false
}

// integers computes with 64 bits; where Python would need more it fails.
func (s *state) integers(op string, x, y int64) any {
	overflow := func(bad bool) {
		if bad {
			fail(s.line, "integer out of range in %d %s %d", x, op, y)
		}
	}
	switch op {
	case "+":
		r := x + y
		overflow((r > x) != (y > 0) && y != 0)
		return r
	case "-":
		r := x - y
		overflow((r < x) != (y > 0) && y != 0)
		return r
	case "*":
		if x == 0 || y == 0 {
			return int64(0)
		}
		r := x * y
		overflow(r/y != x || x == -1 && y == math.MinInt64 || y == -1 && x == math.MinInt64)
		return r
	case "**":
		r := int64(1)
		for range min(y, 64) {
			r, _ = s.integers("*", r, x).(int64)
		}
		overflow(y > 64 && x != 0 && x != 1 && x != -1)
		if y > 64 && x == -1 && y%2 == 1 {
			r = -1
		}
		return r
	}
	if y == 0 {
		fail(s.line, "division by zero")
	}
	overflow(x == math.MinInt64 && y == -1)
	q, r := x/y, x%y
	if r != 0 && (r < 0) != (y < 0) {
		q, r = q-1, r+y
	}
	if op == "//" {
		return q
	}
	return r
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

func (a attribute) eval(s *state) any {
	s.work(1)
	of := a.of.eval(s)
	s.line = a.line
	return s.attr(of, a.id)
}

// attr is of.id: a method or attribute of the value, or a dict's entry.
func (s *state) attr(of any, id string) any {
	s.defined(of)
	switch v := of.(type) {
	case *Dict:
		if m := dictMethods[id]; m != nil {
			return &function{id, func(s *state, args []any, kwargs *Dict) any { return m(s, v, args, kwargs) }}
		}
		if value, ok := v.Get(id); ok {
			return value
		}
	case *namespace:
		if value, ok := v.vars.Get(id); ok {
			return value
		}
	case string:
		if m := stringMethods[id]; m != nil {
			return &function{id, func(s *state, args []any, kwargs *Dict) any { return m(s, v, args, kwargs) }}
		}
	case *List:
		if m := listMethods[id]; m != nil {
			return &function{id, func(s *state, args []any, kwargs *Dict) any { return m(s, v, args, kwargs) }}
		}
		if slices.Contains([]string{"append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse"}, id) && !v.Tuple {
			fail(s.line, "a list cannot be changed in a template: .%s()", id)
		}
	case *loopVar:
		if value, ok := v.attr(s, id); ok {
			return value
		}
	}
	return undefined{"'" + typeName(of) + " object' has no attribute '" + id + "'"}
}

func (l *loopVar) attr(_ *state, id string) (any, bool) {
	n := len(l.items)
	switch id {
	case "index":
		return int64(l.at + 1), true
	case "index0":
		return int64(l.at), true
	case "revindex":
		return int64(n - l.at), true
	case "revindex0":
		return int64(n - l.at - 1), true
	case "first":
		return l.at == 0, true
	case "last":
		return l.at == n-1, true
	case "length":
		return int64(n), true
	case "depth":
		return int64(l.depth), true
	case "depth0":
		return int64(l.depth - 1), true
	case "previtem":
		if l.at > 0 {
			return l.items[l.at-1], true
		}
		return undefined{"there is no previous item"}, true
	case "nextitem":
		if l.at+1 < n {
			return l.items[l.at+1], true
		}
		return undefined{"there is no next item"}, true
	case "cycle":
		return &function{"cycle", func(s *state, args []any, _ *Dict) any {
			if len(args) == 0 {
				fail(s.line, "no items for cycling given")
			}
			return args[l.at%len(args)]
		}}, true
	case "changed":
		return &function{"changed", func(s *state, args []any, _ *Dict) any {
			now := NewList(args...)
			changed := l.changed == nil || !s.equal(l.changed, now, 0)
			l.changed = now
			return changed
		}}, true
	}
	return nil, false
}

func (i item) eval(s *state) any {
	s.work(1)
	of, key := i.of.eval(s), i.key.eval(s)
	s.line = i.line
	return s.item(of, key)
}

// item is of[key]: an entry, or the attribute of that name.
func (s *state) item(of, key any) any {
	s.defined(of)
	n, isInt := integer(key)
	switch v := of.(type) {
	case *Dict:
		if value, ok := v.Get(key); ok {
			return value
		}
	case *List:
		if at, ok := place(n, len(v.Items)); isInt && ok {
			return v.Items[at]
		}
	case string:
		if !isInt {
			break
		}
		s.work(len(v) / 8)
		chars := runes(v)
		if at, ok := place(n, len(chars)); ok {
			return string(chars[at])
		}
	}
	if id, ok := key.(string); ok {
		return s.attr(of, id)
	}
	s.defined(key)
	return undefined{"'" + typeName(of) + " object' has no element " + s.str(key)}
}

// place resolves an index that may count from the end.
func place(n int64, length int) (int, bool) {
	if n < 0 {
		n += int64(length)
	}
	return int(n), n >= 0 && n < int64(length)
}

func (x slice) eval(s *state) any {
	s.work(1)
	of := x.of.eval(s)
	bound := func(e expr) (int64, bool) {
		if e == nil {
			return 0, false
		}
		v := e.eval(s)
		n, ok := integer(v)
		if !ok && v != nil {
			fail(x.line, "slice indices must be integers or None, not %s", typeName(v))
		}
		return n, ok
	}
	start, hasStart := bound(x.start)
	stop, hasStop := bound(x.stop)
	step, hasStep := bound(x.step)
	if !hasStep {
		step = 1
	}
	s.line = x.line
	s.defined(of)
	switch v := of.(type) {
	case string:
		chars := runes(v)
		s.work(len(chars))
		var out strings.Builder
		for _, i := range sliceIndices(s, len(chars), start, stop, step, hasStart, hasStop) {
			out.WriteRune(chars[i])
		}
		return out.String()
	case *List:
		s.work(len(v.Items))
		out := &List{Tuple: v.Tuple}
		for _, i := range sliceIndices(s, len(v.Items), start, stop, step, hasStart, hasStop) {
			out.Items = append(out.Items, v.Items[i])
		}
		return out
	}
	fail(x.line, "'%s' object cannot be sliced", typeName(of))
	return nil
}

// sliceIndices lists the places that a slice takes, by the rules of Python's slice.indices.
func sliceIndices(s *state, length int, start, stop, step int64, hasStart, hasStop bool) []int {
	if step == 0 {
		fail(s.line, "slice step cannot be zero")
	}
	n := int64(length)
	low, high := int64(0), n
	if step < 0 {
		low, high = -1, n-1
	}
	clip := func(v int64) int64 {
		if v < 0 {
			v += n
		}
		return min(max(v, low), high)
	}
	from, to := low, high
	if step < 0 {
		from, to = high, low
	}
	if hasStart {
		from = clip(start)
	}
	if hasStop {
		to = clip(stop)
	}
	var out []int
	for i := from; step > 0 && i < to || step < 0 && i > to; {
		out = append(out, int(i))
		if step > n || step < -n {
			break
		}
		i += step
	}
	return out
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
