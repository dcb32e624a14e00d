package evalplus

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rlvr-harness/harness/benchmarks/rows"
)

// kind is the Python type of a value.
type kind int

const (
	atom kind = iota // a number, a constant, or a call: text is its Python
	text
	list
	tuple
	set
	dict
)

// value is an argument of a call.
type value struct {
	kind kind
	text string
	// keys are a dict's; items are its values, or the elements.
	keys  []string
	items []value
}

// python returns the value as a Python expression. Numbers stay as they stand in the file, so that no digit is lost.
func (v value) python() string {
	parts := make([]string, len(v.items))
	for i, e := range v.items {
		parts[i] = e.python()
		if v.kind == dict {
			parts[i] = quote([]byte(v.keys[i])) + ": " + parts[i]
		}
	}
	joined := strings.Join(parts, ", ")
	switch v.kind {
	case text:
		return quote([]byte(v.text))
	case list:
		return "[" + joined + "]"
	case tuple:
		if len(parts) == 1 {
			joined += ","
		}
		return "(" + joined + ")"
	case set:
		return "{" + joined + "}" // never empty
	case dict:
		return "{" + joined + "}"
	default:
		return v.text
	}
}

// quote returns a Python string literal in ASCII. Half a surrogate pair, which is three bytes that are not UTF-8, becomes
// what it was.
func quote(b []byte) string {
	var out strings.Builder
	out.WriteByte('"')
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && size == 1 && len(b) >= 3 && b[0] == 0xed:
			fmt.Fprintf(&out, `\u%04x`, rune(b[0]&0x0f)<<12|rune(b[1]&0x3f)<<6|rune(b[2]&0x3f))
			size = 3
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteByte(byte(r))
		case r == '\n':
			out.WriteString(`\n`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r < utf8.RuneSelf:
			out.WriteByte(byte(r))
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
		b = b[size:]
	}
	out.WriteByte('"')
	return out.String()
}

// decode reads JSON that package rows has found to be in order.
func decode(raw json.RawMessage) value {
	d := decoder{raw, 0}
	return d.value()
}

type decoder struct {
	b   []byte
	pos int
}

// next passes over space and separators and returns the byte that follows.
func (d *decoder) next() byte {
	for strings.IndexByte(" \t\r\n,:", d.b[d.pos]) >= 0 {
		d.pos++
	}
	return d.b[d.pos]
}

func (d *decoder) quoted() string {
	start := d.pos
	for d.pos++; d.b[d.pos] != '"'; d.pos++ {
		if d.b[d.pos] == '\\' {
			d.pos++
		}
	}
	d.pos++
	return string(rows.Unquote(d.b[start:d.pos]))
}

func (d *decoder) value() value {
	switch d.next() {
	case '"':
		return value{kind: text, text: d.quoted()}
	case '[':
		v := value{kind: list}
		for d.pos++; d.next() != ']'; {
			v.items = append(v.items, d.value())
		}
		d.pos++
		return v
	case '{':
		v := value{kind: dict}
		for d.pos++; d.next() != '}'; {
			v.keys = append(v.keys, d.quoted())
			v.items = append(v.items, d.value())
		}
		d.pos++
		return v
	}
	start := d.pos
	for d.pos < len(d.b) && strings.IndexByte(" \t\r\n,]}", d.b[d.pos]) < 0 {
		d.pos++
	}
	word := string(d.b[start:d.pos])
	return value{kind: atom, text: cmp.Or(words[word], word)}
}

// words are JSON's constants, and those that Python adds, as Python without names that a program could redefine.
var words = map[string]string{
	"true": "True", "false": "False", "null": "None",
	"Infinity": "1e999", "-Infinity": "-1e999", "NaN": "(1e999 - 1e999)",
}
