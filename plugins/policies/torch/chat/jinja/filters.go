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

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
