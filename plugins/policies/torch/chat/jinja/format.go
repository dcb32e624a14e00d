package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// str is Python's str(v).
func (s *state) str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case undefined:
		return ""
	}
	var b strings.Builder
	s.repr(&b, v, 0)
	return b.String()
}

// repr writes Python's repr(v).
func (s *state) repr(b *strings.Builder, v any, depth int) {
	s.work(1)
	if depth > maxDepth {
		fail(s.line, "values are nested more than %d deep", maxDepth)
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		if v {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(formatFloat(v))
	case string:
		s.work(len(v) / 8)
		quotePython(b, v)
	case *List:
		s.reprList(b, v, depth)
	case *Dict:
		s.reprDict(b, v, depth)
	case *namespace:
		b.WriteString("<Namespace ")
		s.repr(b, &v.vars, depth+1)
		b.WriteString(">")
	case undefined:
		b.WriteString("Undefined")
	case *function:
		b.WriteString("<function " + v.name + ">")
	}
}

func (s *state) reprList(b *strings.Builder, l *List, depth int) {
	open, end := "[", "]"
	if l.Tuple {
		open, end = "(", ")"
		if len(l.Items) == 1 {
			end = ",)"
		}
	}
	b.WriteString(open)
	for i, item := range l.Items {
		if i > 0 {
			b.WriteString(", ")
		}
		s.repr(b, item, depth+1)
	}
	b.WriteString(end)
}

func (s *state) reprDict(b *strings.Builder, d *Dict, depth int) {
	b.WriteByte('{')
	for i, k := range d.keys {
		if i > 0 {
			b.WriteString(", ")
		}
		s.repr(b, k, depth+1)
		b.WriteString(": ")
		s.repr(b, d.values[i], depth+1)
	}
	b.WriteByte('}')
}

// formatFloat is Python's repr of a float: the shortest form that reads back, with a fraction or an exponent.
func formatFloat(v float64) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// quotePython writes Python's repr of a str.
func quotePython(b *strings.Builder, v string) {
	quote := byte('\'')
	if strings.Contains(v, "'") && !strings.Contains(v, `"`) {
		quote = '"'
	}
	b.WriteByte(quote)
	for _, r := range v {
		switch {
		case r == rune(quote) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Zs, r):
			b.WriteRune(r)
		default:
			writeEscape(b, r)
		}
	}
	b.WriteByte(quote)
}

// writeEscape writes a character that cannot be printed as \x.., \u.... or \U.........
func writeEscape(b *strings.Builder, r rune) {
	prefix, width := `\x`, 2
	if r > 0xffff {
		prefix, width = `\U`, 8
	} else if r > 0xff {
		prefix, width = `\u`, 4
	}
	hex := strconv.FormatInt(int64(r), 16)
	b.WriteString(prefix + strings.Repeat("0", width-len(hex)) + hex)
}

// json writes v as Python's json.dumps(v, ensure_ascii=False, indent=indent): keys in their order, ", " and ": " between.
func (s *state) json(b *strings.Builder, v any, indent string, depth int) {
	s.work(1)
	if depth > maxDepth {
		fail(s.line, "tojson: values are nested more than %d deep", maxDepth)
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64, float64:
		b.WriteString(jsonNumber(v))
	case string:
		s.work(len(v) / 8)
		quoteJSON(b, v)
	case *List:
		s.jsonItems(b, '[', ']', len(v.Items), indent, depth, func(i int) { s.json(b, v.Items[i], indent, depth+1) })
	case *Dict:
		s.jsonItems(b, '{', '}', len(v.keys), indent, depth, func(i int) {
			quoteJSON(b, s.jsonKey(v.keys[i]))
			b.WriteString(": ")
			s.json(b, v.values[i], indent, depth+1)
		})
	default:
		fail(s.line, "tojson: object of type %s is not JSON serializable", typeName(v))
	}
}

func (s *state) jsonItems(b *strings.Builder, open, end byte, n int, indent string, depth int, item func(int)) {
	b.WriteByte(open)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
			if indent == "" {
				b.WriteByte(' ')
			}
		}
		s.jsonBreak(b, indent, depth+1)
		item(i)
	}
	if n > 0 {
		s.jsonBreak(b, indent, depth)
	}
	b.WriteByte(end)
}

func (s *state) jsonBreak(b *strings.Builder, indent string, depth int) {
	if indent != "" {
		s.work(1 + len(indent)*depth/8)
		b.WriteString("\n" + strings.Repeat(indent, depth))
	}
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

func (s *state) jsonKey(key any) string {
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

func quoteJSON(b *strings.Builder, v string) {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}
	b.WriteByte('"')
	for _, r := range v {
		switch {
		case short[r] != "":
			b.WriteString(short[r])
		case r < 0x20:
			hex := strconv.FormatInt(int64(r), 16)
			b.WriteString(`\u` + strings.Repeat("0", 4-len(hex)) + hex)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// runes returns a string's characters; an invalid byte counts as one.
func runes(v string) []rune {
	out := make([]rune, 0, utf8.RuneCountInString(v))
	for _, r := range v {
		out = append(out, r)
	}
	return out
}
