package jinja

import (
	"slices"
	"strings"
)

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
