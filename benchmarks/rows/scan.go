package rows

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// maxDepth bounds the nesting of arrays and objects.
const maxDepth = 1000

// syntaxError is a fault at a byte offset of a row.
type syntaxError struct {
	at  int
	msg string
}

// scanner checks JSON (RFC 8259) in b from pos on. With nonFinite it takes Python's NaN, Infinity and -Infinity too, which
// Python's json module writes by default.
type scanner struct {
	b         []byte
	pos       int
	nonFinite bool
}

// span is a piece of a row: b[start:end].
type span struct{ start, end int }

func (s *scanner) fail(format string, a ...any) *syntaxError {
	return &syntaxError{s.pos, fmt.Sprintf(format, a...)}
}

// found names what stands at pos, for messages.
func (s *scanner) found() string {
	if s.pos >= len(s.b) {
		return "the end of the row"
	}
	r, size := utf8.DecodeRune(s.b[s.pos:])
	if r == utf8.RuneError && size == 1 {
		return fmt.Sprintf("byte 0x%02x", s.b[s.pos])
	}
	return fmt.Sprintf("%q", r)
}

func (s *scanner) space() {
	for s.pos < len(s.b) {
		switch s.b[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// take advances over c if it stands at pos.
func (s *scanner) take(c byte) bool {
	if s.pos < len(s.b) && s.b[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// value passes over one value.
func (s *scanner) value(depth int) (span, *syntaxError) {
	if depth > maxDepth {
		return span{}, s.fail("nested deeper than %d", maxDepth)
	}
	start := s.pos
	if s.pos >= len(s.b) {
		return span{}, s.fail("want a value, found the end of the row")
	}
	var err *syntaxError
	switch c := s.b[s.pos]; {
	case c == '"':
		_, err = s.text()
	case c == '{':
		err = s.object(depth, func(span, span) *syntaxError { return nil })
	case c == '[':
		err = s.array(depth, func(span) *syntaxError { return nil })
	case c == '-' || '0' <= c && c <= '9':
		err = s.number()
	default:
		err = s.word()
	}
	return span{start, s.pos}, err
}

// word passes over true, false, null and what nonFinite allows.
func (s *scanner) word() *syntaxError {
	for _, w := range [...]string{"true", "false", "null", "NaN", "Infinity"} {
		if bytes.HasPrefix(s.b[s.pos:], []byte(w)) && (s.nonFinite || w[0] >= 'a') {
			s.pos += len(w)
			return nil
		}
	}
	return s.fail("want a value, found %s", s.found())
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.b) && '0' <= s.b[s.pos] && s.b[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) number() *syntaxError {
	if s.take('-') && s.nonFinite && bytes.HasPrefix(s.b[s.pos:], []byte("Infinity")) {
		s.pos += len("Infinity")
		return nil
	}
	if !s.take('0') && !s.digits() {
		return s.fail("want a digit, found %s", s.found())
	}
	if s.take('.') && !s.digits() {
		return s.fail("want a digit after the point, found %s", s.found())
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return s.fail("want a digit of the exponent, found %s", s.found())
		}
	}
	return nil
}

// text passes over a string with its quotes.
func (s *scanner) text() (span, *syntaxError) {
	start := s.pos
	if !s.take('"') {
		return span{}, s.fail("want a string, found %s", s.found())
	}
	for s.pos < len(s.b) {
		switch c := s.b[s.pos]; {
		case c == '"':
			s.pos++
			return span{start, s.pos}, nil
		case c == '\\':
			s.pos++
			if s.pos >= len(s.b) {
				break
			}
			if s.b[s.pos] == 'u' {
				for i := 1; i <= 4; i++ {
					if s.pos+i >= len(s.b) || hex(s.b[s.pos+i]) < 0 {
						s.pos = min(s.pos+i, len(s.b))
						return span{}, s.fail("want four hexadecimal digits after \\u, found %s", s.found())
					}
				}
				s.pos += 5
			} else if bytes.IndexByte([]byte(`"\/bfnrt`), s.b[s.pos]) >= 0 {
				s.pos++
			} else {
				return span{}, s.fail("want an escape of JSON after a backslash, found %s", s.found())
			}
		case c < 0x20:
			return span{}, s.fail("control character %q in a string; it must be escaped", rune(c))
		default:
			s.pos++
		}
	}
	return span{}, &syntaxError{start, "this string has no end in its row"}
}

// object passes over an object and calls visit with each key (with its quotes) and value.
func (s *scanner) object(depth int, visit func(key, value span) *syntaxError) *syntaxError {
	if !s.take('{') {
		return s.fail("want an object, found %s", s.found())
	}
	s.space()
	if s.take('}') {
		return nil
	}
	for {
		s.space()
		key, err := s.text()
		if err != nil {
			return err
		}
		s.space()
		if !s.take(':') {
			return s.fail("want ':' after a field's name, found %s", s.found())
		}
		s.space()
		value, err := s.value(depth + 1)
		if err != nil {
			return err
		}
		if err := visit(key, value); err != nil {
			return err
		}
		s.space()
		if s.take('}') {
			return nil
		}
		if !s.take(',') {
			return s.fail("want ',' or '}' after a field, found %s", s.found())
		}
	}
}

// array passes over an array and calls visit with each element.
func (s *scanner) array(depth int, visit func(value span) *syntaxError) *syntaxError {
	if !s.take('[') {
		return s.fail("want an array, found %s", s.found())
	}
	s.space()
	if s.take(']') {
		return nil
	}
	for {
		s.space()
		value, err := s.value(depth + 1)
		if err != nil {
			return err
		}
		if err := visit(value); err != nil {
			return err
		}
		s.space()
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return s.fail("want ',' or ']' after an element, found %s", s.found())
		}
	}
}
