package jinja

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

type filterFunc func(s *state, v any, b bound) any

// filters are the filters that a template may use.
var filters map[string]filterFunc

func init() { // the table's functions refer to it by way of the state's methods
	text := func(f func(string) string) filterFunc {
		return func(s *state, v any, _ bound) any { return s.made(f(s.str(v))) }
	}
	length := func(s *state, v any, _ bound) any { return int64(s.length(v)) }
	deflt := func(_ *state, v any, b bound) any {
		if _, isUndefined := v.(undefined); isUndefined || truth(b.or(1, "boolean", false)) && !truth(v) {
			return b.or(0, "default_value", "")
		}
		return v
	}
	escape := text(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace)
	filters = map[string]filterFunc{
		"upper": text(strings.ToUpper), "lower": text(strings.ToLower), "capitalize": text(capitalize), "title": text(titleFilter),
		"length": length, "count": length, "default": deflt, "d": deflt, "e": escape, "escape": escape,
		"string": func(s *state, v any, _ bound) any { return s.made(s.str(v)) },
		"safe":   func(s *state, v any, _ bound) any { return s.made(s.str(v)) },
		"trim": func(s *state, v any, b bound) any {
			return stripMethod("trim", strings.TrimFunc)(s, s.str(v), b.args, b.kwargs)
		},
		"list":   func(s *state, v any, _ bound) any { return NewList(slices.Clone(s.iterate(v))...) },
		"int":    intFilter,
		"float":  floatFilter,
		"abs":    absFilter,
		"round":  roundFilter,
		"tojson": tojson,
		"join": func(s *state, v any, b bound) any {
			items := s.iterate(v)
			if by, ok := b.arg(1, "attribute"); ok {
				items = s.attributes(items, by)
			}
			return s.join(items, s.str(b.or(0, "d", "")))
		},
		"first": func(s *state, v any, _ bound) any { return edge(s.iterate(v), true) },
		"last":  func(s *state, v any, _ bound) any { return edge(s.iterate(v), false) },
		"replace": func(s *state, v any, b bound) any {
			return s.replace(s.str(v), s.str(b.need(s, 0, "old")), s.str(b.need(s, 1, "new")), countOf(s, b))
		},
		"reverse": reverseFilter,
		"items": func(s *state, v any, _ bound) any {
			if _, ok := v.(undefined); ok {
				return NewList()
			}
			d, ok := v.(*Dict)
			if !ok {
				fail(s.line, "filter items: expected a mapping, found %s", typeName(v))
			}
			return s.pairs(d)
		},
		"dictsort":   dictsort,
		"sort":       sortFilter,
		"unique":     uniqueFilter,
		"min":        func(s *state, v any, b bound) any { return s.extreme(v, b, -1) },
		"max":        func(s *state, v any, b bound) any { return s.extreme(v, b, 1) },
		"sum":        sumFilter,
		"map":        mapFilter,
		"select":     func(s *state, v any, b bound) any { return s.choose(v, b, true, false) },
		"reject":     func(s *state, v any, b bound) any { return s.choose(v, b, false, false) },
		"selectattr": func(s *state, v any, b bound) any { return s.choose(v, b, true, true) },
		"rejectattr": func(s *state, v any, b bound) any { return s.choose(v, b, false, true) },
		"indent":     indentFilter,
		"wordcount":  func(s *state, v any, _ bound) any { return int64(len(strings.Fields(s.str(v)))) },
		"batch":      batchFilter,
	}
}

// titleFilter is jinja2's own: words begin after white space or an opening bracket or a dash.
func titleFilter(v string) string {
	var out strings.Builder
	start := true
	for _, r := range v {
		if start {
			out.WriteRune(unicode.ToUpper(r))
		} else {
			out.WriteRune(unicode.ToLower(r))
		}
		start = isSpace(r) || strings.ContainsRune("-({[<", r)
	}
	return out.String()
}

func countOf(s *state, b bound) int64 {
	if v := b.or(2, "count", nil); v == nil {
		return -1
	}
	return b.int(s, 2, "count", -1)
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

func intFilter(s *state, v any, b bound) any {
	if n, ok := integer(v); ok {
		return n
	}
	if f, ok := v.(float64); ok && math.Abs(f) < 1<<62 {
		return int64(f)
	}
	if text, ok := v.(string); ok {
		text = strings.ReplaceAll(strings.TrimSpace(text), "_", "")
		if n, err := strconv.ParseInt(text, int(min(max(b.int(s, 1, "base", 10), 2), 36)), 64); err == nil {
			return n
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(f) < 1<<62 {
			return int64(f)
		}
	}
	return b.or(0, "default", int64(0))
}

func floatFilter(_ *state, v any, b bound) any {
	if f, ok := number(v); ok {
		return f
	}
	if text, ok := v.(string); ok {
		if f, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil {
			return f
		}
	}
	return b.or(0, "default", 0.0)
}

func absFilter(s *state, v any, _ bound) any {
	if n, ok := integer(v); ok {
		return max(n, -n)
	}
	f, ok := number(v)
	if !ok {
		fail(s.line, "filter abs: expected a number, found %s", typeName(v))
	}
	return math.Abs(f)
}

func roundFilter(s *state, v any, b bound) any {
	f, ok := number(v)
	if !ok {
		fail(s.line, "filter round: expected a number, found %s", typeName(v))
	}
	scale := math.Pow(10, float64(b.int(s, 0, "precision", 0)))
	switch method := b.or(1, "method", "common"); method {
	case "common":
		return math.RoundToEven(f*scale) / scale
	case "ceil":
		return math.Ceil(f*scale) / scale
	case "floor":
		return math.Floor(f*scale) / scale
	}
	fail(s.line, "filter round: expected the method common, ceil or floor")
	return nil
}

// filterNames are the names of the arguments that may be given by name.
var filterNames = map[string][]string{
	"batch": {"linecount", "fill_with"}, "d": {"default_value", "boolean"}, "default": {"default_value", "boolean"},
	"dictsort": {"case_sensitive", "by", "reverse"}, "float": {"default"}, "indent": {"width", "first", "blank"}, "int": {"default", "base"},
	"join": {"d", "attribute"}, "map": {"attribute", "default"}, "max": {"case_sensitive", "attribute"}, "min": {"case_sensitive", "attribute"},
	"replace": {"old", "new", "count"}, "round": {"precision", "method"}, "sort": {"reverse", "case_sensitive", "attribute"},
	"sum": {"attribute", "start"}, "tojson": {"ensure_ascii", "indent", "separators", "sort_keys"}, "trim": {"chars"},
	"unique": {"case_sensitive", "attribute"},
}

// tojson is the filter of Hugging Face transformers, not jinja2's: no escapes for HTML, no sorted keys unless asked for.
func tojson(s *state, v any, b bound) any {
	w := jsonWriter{s: s, comma: ", ", colon: ": ", ascii: truth(b.or(0, "ensure_ascii", false)), sorted: truth(b.or(3, "sort_keys", false))}
	indent := b.or(1, "indent", nil)
	if indent != nil {
		w.lines, w.comma = true, ","
	}
	switch n := indent.(type) {
	case int64:
		w.indent = strings.Repeat(" ", int(min(max(n, 0), 64)))
	case string:
		w.indent = n
	}
	if l, ok := b.or(2, "separators", nil).(*List); ok {
		if len(l.Items) != 2 {
			fail(s.line, "filter tojson: expected two separators, found %d", len(l.Items))
		}
		w.comma, w.colon = s.str(l.Items[0]), s.str(l.Items[1])
	}
	w.value(v, 0)
	return s.made(w.out.String())
}

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

func indentFilter(s *state, v any, b bound) any {
	pad, ok := b.or(0, "width", int64(4)).(string)
	if !ok {
		pad = strings.Repeat(" ", int(min(max(b.int(s, 0, "width", 4), 0), 1000)))
	}
	lines := splitLines(s.str(v) + "\n")
	for i, line := range lines {
		s.work((len(pad)+len(line))/8 + 1)
		if (i > 0 || truth(b.or(1, "first", false))) && (line != "" || truth(b.or(2, "blank", false))) {
			lines[i] = pad + line
		}
	}
	return strings.Join(lines, "\n")
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

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
