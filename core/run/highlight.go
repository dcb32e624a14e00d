package run

import (
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// highlight returns a program as HTML. Every character of it is escaped or shown by its number; the marks around its
// parts are the only markup. It never fails: what is not Python is shown as it is.
func highlight(program string) string {
	var b strings.Builder
	for len(program) > 0 {
		class, n := lex(program)
		part := program[:n]
		program = program[n:]
		if class == "" {
			b.WriteString(visible(part))
			continue
		}
		b.WriteString(`<span class="` + class + `">` + visible(part) + `</span>`)
	}
	return b.String()
}

// lex returns the class and the length of the first part of s, which is not empty.
func lex(s string) (class string, n int) {
	c, size := utf8.DecodeRuneInString(s)
	switch {
	case c == '#':
		if end := strings.IndexByte(s, '\n'); end >= 0 {
			return "com", end
		}
		return "com", len(s)
	case c == '"' || c == '\'':
		return "str", quoted(s)
	case c == '_' || unicode.IsLetter(c):
		n := strings.IndexFunc(s, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if n < 0 {
			n = len(s)
		}
		word := s[:n]
		if n < len(s) && (s[n] == '"' || s[n] == '\'') && len(word) <= 2 && strings.Trim(strings.ToLower(word), "rbuft") == "" {
			return "str", n + quoted(s[n:])
		}
		if keywords[word] {
			return "key", n
		}
		return "", n
	case '0' <= c && c <= '9':
		n := strings.IndexFunc(s, func(r rune) bool {
			return r != '_' && r != '.' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
		})
		if n < 0 {
			n = len(s)
		}
		return "num", n
	}
	return "", size
}

var keywords = func() map[string]bool {
	m := map[string]bool{}
	for _, word := range strings.Fields(`False None True and as assert async await break case class continue def del elif else
		except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield`) {
		m[word] = true
	}
	return m
}()

// quoted returns the length of the string literal that s begins with; without an end it is the line, or, with three
// quotes, the rest. A backslash keeps a quote from ending it in a raw string too.
func quoted(s string) int {
	quote := s[:1]
	long := strings.HasPrefix(s, strings.Repeat(quote, 3))
	if long {
		quote = s[:3]
	}
	for i := len(quote); i < len(s); {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			_, size := utf8.DecodeRuneInString(s[i+1:])
			i += 1 + size
		case strings.HasPrefix(s[i:], quote):
			return i + len(quote)
		case s[i] == '\n' && !long:
			return i
		default:
			i++
		}
	}
	return len(s)
}

// visible escapes a text for HTML and shows characters that hide, reorder or end text by their number.
func visible(s string) string {
	var b strings.Builder
	from := 0
	for i, r := range s {
		if !hidden(r) {
			continue
		}
		b.WriteString(html.EscapeString(s[from:i]))
		fmt.Fprintf(&b, `<span class="ctl">U+%04X</span>`, r)
		from = i + utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size := utf8.DecodeRuneInString(s[i:])
			from = i + size
		}
	}
	b.WriteString(html.EscapeString(s[from:]))
	return b.String()
}

// hidden says that a character has no picture of its own: controls, marks of direction, joiners, separators of lines.
func hidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r == utf8.RuneError:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}
