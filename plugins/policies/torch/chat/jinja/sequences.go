package jinja

import (
	"slices"
	"strconv"
	"strings"
)

func reverseFilter(s *state, v any, _ bound) any {
	if text, ok := v.(string); ok {
		chars := runes(text)
		s.work(len(chars))
		slices.Reverse(chars)
		return string(chars)
	}
	items := slices.Clone(s.iterate(v))
	slices.Reverse(items)
	return NewList(items...)
}

func edge(items []any, first bool) any {
	if len(items) == 0 {
		return undefined{"the sequence is empty"}
	}
	if first {
		return items[0]
	}
	return items[len(items)-1]
}

// fold makes texts comparable without regard to case, unless the filter's case_sensitive says otherwise.
func fold(v any, sensitive bool) any {
	if text, ok := v.(string); ok && !sensitive {
		return strings.ToLower(text)
	}
	return v
}

func dictsort(s *state, v any, b bound) any {
	d, ok := v.(*Dict)
	if !ok {
		fail(s.line, "filter dictsort: expected a mapping, found %s", typeName(v))
	}
	at := 0
	if b.or(1, "by", "key") == "value" {
		at = 1
	}
	sensitive := truth(b.or(0, "case_sensitive", false))
	out := s.pairs(d)
	key := func(pair any) any { l, _ := pair.(*List); return fold(l.Items[at], sensitive) }
	slices.SortStableFunc(out.Items, func(x, y any) int { return s.compare(key(x), key(y), 0) })
	if truth(b.or(2, "reverse", false)) {
		slices.Reverse(out.Items)
	}
	return out
}

func sortFilter(s *state, v any, b bound) any {
	items := slices.Clone(s.iterate(v))
	sensitive := truth(b.or(1, "case_sensitive", false))
	by := b.or(2, "attribute", nil)
	sign := 1
	if truth(b.or(0, "reverse", false)) {
		sign = -1
	}
	key := func(item any) any { return fold(s.attribute(item, by), sensitive) }
	slices.SortStableFunc(items, func(x, y any) int { return sign * s.compare(key(x), key(y), 0) })
	return NewList(items...)
}

func uniqueFilter(s *state, v any, b bound) any {
	sensitive := truth(b.or(0, "case_sensitive", false))
	by := b.or(1, "attribute", nil)
	seen, out := &Dict{}, NewList()
	for _, item := range s.iterate(v) {
		key := fold(s.attribute(item, by), sensitive)
		if !isScalar(key) {
			fail(s.line, "filter unique: unhashable type: '%s'", typeName(key))
		}
		if _, ok := seen.Get(key); !ok {
			seen.Set(key, true)
			out.Items = append(out.Items, item)
		}
	}
	return out
}

// extreme is the smallest item for sign -1, the largest for 1.
func (s *state) extreme(v any, b bound, sign int) any {
	sensitive := truth(b.or(0, "case_sensitive", false))
	by := b.or(1, "attribute", nil)
	items := s.iterate(v)
	if len(items) == 0 {
		return undefined{"no items: the sequence is empty"}
	}
	best := items[0]
	for _, item := range items[1:] {
		if sign*s.compare(fold(s.attribute(item, by), sensitive), fold(s.attribute(best, by), sensitive), 0) > 0 {
			best = item
		}
	}
	return best
}

func sumFilter(s *state, v any, b bound) any {
	total := b.or(1, "start", int64(0))
	by := b.or(0, "attribute", nil)
	for _, item := range s.iterate(v) {
		total = s.arithmetic("+", total, s.attribute(item, by))
	}
	return total
}

// attribute is the part of item that a dotted name or an index leads to; nil leads to the item itself.
func (s *state) attribute(item, by any) any {
	text, ok := by.(string)
	switch {
	case by == nil:
		return item
	case !ok:
		return s.item(item, by)
	}
	for part := range strings.SplitSeq(text, ".") {
		if n, err := strconv.ParseInt(part, 10, 64); err == nil {
			item = s.item(item, n)
		} else {
			item = s.item(item, part)
		}
	}
	return item
}

func (s *state) attributes(items []any, by any) []any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = s.attribute(item, by)
	}
	return out
}

func mapFilter(s *state, v any, b bound) any {
	items := s.iterate(v)
	out := &List{Items: make([]any, len(items))}
	by, isAttribute := b.kwargs.Get("attribute")
	id := ""
	if !isAttribute {
		if id = b.text(s, 0, "filter"); filters[id] == nil {
			fail(s.line, "filter %q is not supported; known: %s", id, known(filters))
		}
	}
	for i, item := range items {
		s.work(1)
		if !isAttribute {
			out.Items[i] = filters[id](s, item, bound{"filter " + id, b.args[1:], b.kwargs})
			continue
		}
		value := s.attribute(item, by)
		if _, isUndefined := value.(undefined); isUndefined {
			value = b.or(len(b.args), "default", value)
		}
		out.Items[i] = value
	}
	return out
}

// choose keeps the items for which a test, of them or of an attribute, gives want.
func (s *state) choose(v any, b bound, want, byAttribute bool) any {
	args := b.args
	var by any
	if byAttribute {
		by = b.need(s, 0, "attribute")
		args = args[min(1, len(args)):]
	}
	holds := func(v any) bool { return truth(v) }
	if len(args) > 0 {
		id, _ := args[0].(string)
		if tests[id] == nil {
			fail(s.line, "%s: test %q is not supported; known: %s", b.what, s.str(args[0]), known(tests))
		}
		holds = func(v any) bool { return tests[id](s, v, bound{"test " + id, args[1:], b.kwargs}) }
	}
	out := NewList()
	for _, item := range s.iterate(v) {
		s.work(1)
		if holds(s.attribute(item, by)) == want {
			out.Items = append(out.Items, item)
		}
	}
	return out
}

func batchFilter(s *state, v any, b bound) any {
	size := b.int(s, 0, "linecount", 0)
	if size < 1 {
		fail(s.line, "filter batch: expected a positive number, found %d", size)
	}
	out := NewList()
	items := s.iterate(v)
	for from := 0; from < len(items); from += int(min(size, int64(len(items)))) {
		row := slices.Clone(items[from:min(from+int(min(size, int64(len(items)))), len(items))])
		if fill := b.or(1, "fill_with", nil); fill != nil {
			s.work(int(min(size, maxWork)))
			for int64(len(row)) < size {
				row = append(row, fill)
			}
		}
		out.Items = append(out.Items, NewList(row...))
	}
	return out
}
