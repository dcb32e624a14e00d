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

// runes returns a string's characters; an invalid byte counts as one.
func runes(v string) []rune {
	out := make([]rune, 0, utf8.RuneCountInString(v))
	for _, r := range v {
		out = append(out, r)
	}
	return out
}
