package jinja

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// jsonWriter writes values as Python's json.dumps does.
type jsonWriter struct {
	s            *state
	out          strings.Builder
	comma, colon string
	indent       string
	lines        bool // a line for each entry
	ascii        bool // characters beyond ASCII are escaped
	sorted       bool // keys in order
}

func (w *jsonWriter) value(v any, depth int) {
	w.s.work(1)
	if depth > maxDepth {
		fail(w.s.line, "tojson: values are nested more than %d deep", maxDepth)
	}
	switch v := v.(type) {
	case nil:
		w.out.WriteString("null")
	case bool:
		w.out.WriteString(strconv.FormatBool(v))
	case int64, float64:
		w.out.WriteString(jsonNumber(v))
	case string:
		w.text(v)
	case *List:
		w.items('[', ']', len(v.Items), depth, func(i int) { w.value(v.Items[i], depth+1) })
	case *Dict:
		order := w.order(v)
		w.items('{', '}', len(order), depth, func(i int) {
			w.text(jsonKey(v.keys[order[i]]))
			w.out.WriteString(w.colon)
			w.value(v.values[order[i]], depth+1)
		})
	default:
		fail(w.s.line, "tojson: object of type %s is not JSON serializable", typeName(v))
	}
}

// order lists the places of a dict's keys in the order in which they are written.
func (w *jsonWriter) order(d *Dict) []int {
	w.s.work(len(d.keys))
	order := make([]int, len(d.keys))
	for i := range order {
		order[i] = i
	}
	if w.sorted {
		slices.SortStableFunc(order, func(a, b int) int { return w.s.compare(d.keys[a], d.keys[b], 0) })
	}
	return order
}

func (w *jsonWriter) items(open, end byte, n, depth int, item func(int)) {
	w.out.WriteByte(open)
	for i := range n {
		if i > 0 {
			w.s.work(len(w.comma)/8 + 1)
			w.out.WriteString(w.comma)
		}
		w.newline(depth + 1)
		item(i)
	}
	if n > 0 {
		w.newline(depth)
	}
	w.out.WriteByte(end)
}

func (w *jsonWriter) newline(depth int) {
	if w.lines {
		w.s.work(1 + len(w.indent)*depth/8)
		w.out.WriteString("\n" + strings.Repeat(w.indent, depth))
	}
}

func (w *jsonWriter) text(v string) {
	w.s.work(len(v) / 8)
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}
	w.out.WriteByte('"')
	for _, r := range v {
		switch {
		case short[r] != "":
			w.out.WriteString(short[r])
		case w.ascii && r > 0xffff:
			high, low := utf16.EncodeRune(r)
			writeUnicode(&w.out, high)
			writeUnicode(&w.out, low)
		case r < 0x20 || w.ascii && r >= 0x7f:
			writeUnicode(&w.out, r)
		default:
			w.out.WriteRune(r)
		}
	}
	w.out.WriteByte('"')
}

// writeUnicode writes \u and four digits.
func writeUnicode(out *strings.Builder, r rune) {
	hex := strconv.FormatInt(int64(r), 16)
	out.WriteString(`\u` + strings.Repeat("0", 4-len(hex)) + hex)
}

func jsonNumber(v any) string {
	if f, ok := v.(float64); ok {
		switch {
		case math.IsNaN(f):
			return "NaN"
		case math.IsInf(f, 1):
			return "Infinity"
		case math.IsInf(f, -1):
			return "-Infinity"
		}
		return formatFloat(f)
	}
	n, _ := v.(int64)
	return strconv.FormatInt(n, 10)
}

func jsonKey(key any) string {
	switch k := key.(type) {
	case string:
		return k
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(k)
	}
	return jsonNumber(key)
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
