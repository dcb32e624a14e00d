package jinja

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	tokEOF kind = iota
	tokData
	tokPrint    // {{
	tokPrintEnd // }}
	tokBlock    // {%
	tokBlockEnd // %}
	tokName
	tokString
	tokInt
	tokFloat
	tokOp
)

type token struct {
	kind kind
	text string // of a string: its value
	num  any    // int64 or float64
	line int
}

// lexer cuts a template into tokens, with the white space rules of trim_blocks and lstrip_blocks applied.
type lexer struct {
	src       string
	pos       int
	line      int
	lineStart bool // what was consumed last ended in a newline
	out       []token
}

func lex(source string) []token {
	source = strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")
	l := &lexer{src: strings.TrimSuffix(source, "\n"), line: 1, lineStart: true}
	for l.pos < len(l.src) {
		l.next()
	}
	l.emit(tokEOF, "", nil)
	return l.out
}

func (l *lexer) emit(k kind, text string, num any) {
	l.out = append(l.out, token{k, text, num, l.line})
}

// advance moves over n bytes.
func (l *lexer) advance(n int) {
	part := l.src[l.pos : l.pos+n]
	l.line += strings.Count(part, "\n")
	l.pos += n
	if part != "" {
		l.lineStart = part[len(part)-1] == '\n'
	}
}

// isSpace is Python's str.isspace for one character.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func (l *lexer) skipSpace() {
	rest := l.src[l.pos:]
	l.advance(len(rest) - len(strings.TrimLeftFunc(rest, isSpace)))
}

// next reads the text up to the next tag, and the tag.
func (l *lexer) next() {
	rest := l.src[l.pos:]
	at := 0
	for {
		i := strings.IndexByte(rest[at:], '{')
		if i < 0 || at+i+1 >= len(rest) {
			l.data(rest)
			l.advance(len(rest))
			return
		}
		at += i
		if c := rest[at+1]; c == '{' || c == '%' || c == '#' {
			break
		}
		at++
	}
	tag := rest[at+1]
	sign := byte(0)
	if at+2 < len(rest) && (rest[at+2] == '-' || rest[at+2] == '+') {
		sign = rest[at+2]
	}
	l.data(l.strip(rest[:at], sign, tag != '{'))
	l.advance(at + 2)
	if sign != 0 {
		l.advance(1)
	}
	switch tag {
	case '{':
		l.emit(tokPrint, "", nil)
		l.code('}')
	case '#':
		l.comment()
	default:
		if !l.raw() {
			l.emit(tokBlock, "", nil)
			l.code('%')
		}
	}
}

func (l *lexer) data(text string) {
	if text != "" {
		l.emit(tokData, text, nil)
	}
}

// strip removes white space before a tag: all of it for "-", and before a block or comment that starts its line the
// line's indentation, unless the tag has a "+".
func (l *lexer) strip(text string, sign byte, block bool) string {
	if sign == '-' {
		return strings.TrimRightFunc(text, isSpace)
	}
	if sign == '+' || !block {
		return text
	}
	from := strings.LastIndexByte(text, '\n') + 1
	if (from > 0 || l.lineStart) && strings.TrimLeftFunc(text[from:], isSpace) == "" {
		return text[:from]
	}
	return text
}

// closing moves over the end of a block or comment and the white space that goes with it: all of it after "-", one newline
// unless there is a "+".
func (l *lexer) closing(sign byte) {
	l.advance(2)
	switch {
	case sign == '-':
		l.skipSpace()
	case sign != '+' && strings.HasPrefix(l.src[l.pos:], "\n"):
		l.advance(1)
	}
}

func (l *lexer) comment() {
	end := strings.Index(l.src[l.pos:], "#}")
	if end < 0 {
		fail(l.line, "the comment is not closed: expected #}")
	}
	sign := byte(0)
	if end > 0 {
		sign = l.src[l.pos+end-1]
	}
	l.advance(end)
	l.closing(sign)
}

// raw reads {% raw %} … {% endraw %} as text, if that is what comes.
func (l *lexer) raw() bool {
	rest := strings.TrimLeftFunc(l.src[l.pos:], isSpace)
	after, ok := strings.CutPrefix(rest, "raw")
	if !ok {
		return false
	}
	after = strings.TrimLeftFunc(after, isSpace)
	minus := strings.HasPrefix(after, "-%}")
	if !minus && !strings.HasPrefix(after, "%}") {
		return false
	}
	l.advance(strings.Index(l.src[l.pos:], "%}") + 2)
	if minus {
		l.skipSpace()
	}
	from := l.pos
	for at := from; ; at += 2 {
		i := strings.Index(l.src[at:], "{%")
		if i < 0 {
			fail(l.line, "raw is not closed: expected {%% endraw %%}")
		}
		at += i
		sign, skip, ok := endRaw(l.src[at+2:])
		if !ok {
			continue
		}
		l.data(l.strip(l.src[from:at], sign, true))
		l.advance(at + 2 + skip - from)
		l.closing(l.src[l.pos-1])
		return true
	}
}

// endRaw recognises what follows "{%" of an endraw; skip is where its "%}" begins.
func endRaw(s string) (sign byte, skip int, ok bool) {
	rest := s
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		sign, rest = rest[0], rest[1:]
	}
	rest, ok = strings.CutPrefix(strings.TrimLeftFunc(rest, isSpace), "endraw")
	if !ok {
		return 0, 0, false
	}
	rest = strings.TrimLeftFunc(rest, isSpace)
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		rest = rest[1:]
	}
	return sign, len(s) - len(rest), strings.HasPrefix(rest, "%}")
}

// operators are tried in this order.
var operators = []string{"//", "**", "==", "!=", "<=", ">=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"}

// code reads the tokens of a tag up to its end, "}}" or "%}".
func (l *lexer) code(end byte) {
	start := l.line
	var open []byte
	for {
		l.skipSpace()
		rest := l.src[l.pos:]
		if rest == "" {
			fail(start, "the tag is not closed: expected %c}", end)
		}
		if len(open) == 0 && l.tagEnd(rest, end) {
			return
		}
		r, _ := utf8.DecodeRuneInString(rest)
		switch {
		case r >= '0' && r <= '9':
			l.number(rest)
		case r == '_' || unicode.IsLetter(r):
			name := rest[:len(rest)-len(strings.TrimLeftFunc(rest, isNamePart))]
			l.emit(tokName, name, nil)
			l.advance(len(name))
		case r == '\'' || r == '"':
			l.text(rest)
		default:
			open = l.operator(rest, open)
		}
	}
}

func isNamePart(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// tagEnd reads the tag's end if it comes next.
func (l *lexer) tagEnd(rest string, end byte) bool {
	sign := byte(0)
	if rest[0] == '-' || rest[0] == '+' && end == '%' {
		sign = rest[0]
		rest = rest[1:]
	}
	if len(rest) < 2 || rest[0] != end || rest[1] != '}' {
		return false
	}
	if sign != 0 {
		l.advance(1)
	}
	if end == '%' {
		l.emit(tokBlockEnd, "", nil)
		l.closing(sign)
		return true
	}
	l.emit(tokPrintEnd, "", nil)
	l.advance(2)
	if sign == '-' {
		l.skipSpace()
	}
	return true
}

// operator reads one operator; open are the brackets that are still open.
func (l *lexer) operator(rest string, open []byte) []byte {
	pairs := map[byte]byte{')': '(', ']': '[', '}': '{'}
	for _, op := range operators {
		if !strings.HasPrefix(rest, op) {
			continue
		}
		switch c := op[0]; c {
		case '(', '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != pairs[c] {
				fail(l.line, "unexpected %q", op)
			}
			open = open[:len(open)-1]
		}
		l.emit(tokOp, op, nil)
		l.advance(len(op))
		return open
	}
	r, _ := utf8.DecodeRuneInString(rest)
	fail(l.line, "unexpected character %q", r)
	return nil
}

func (l *lexer) number(rest string) {
	digits := func(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789_")) }
	n := digits(rest)
	isFloat := false
	attribute := len(l.out) > 0 && l.out[len(l.out)-1].text == "." // in x.0.1 each number is its own
	if !attribute {
		if n < len(rest)-1 && rest[n] == '.' && rest[n+1] >= '0' && rest[n+1] <= '9' {
			n += 1 + digits(rest[n+1:])
			isFloat = true
		}
		if n < len(rest) && rest[n]|0x20 == 'e' {
			m := n + 1
			if m < len(rest) && (rest[m] == '+' || rest[m] == '-') {
				m++
			}
			if d := digits(rest[m:]); d > 0 && rest[m] != '_' {
				n, isFloat = m+d, true
			}
		}
		if !isFloat && len(rest) > 2 && rest[0] == '0' && strings.IndexByte("xXoObB", rest[1]) >= 0 {
			n = 2 + len(rest[2:]) - len(strings.TrimLeft(rest[2:], "0123456789abcdefABCDEF_"))
		}
	}
	text := strings.ReplaceAll(rest[:n], "_", "")
	if isFloat {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			fail(l.line, "number %q: %w", rest[:n], err)
		}
		l.emit(tokFloat, text, v)
	} else {
		v, err := strconv.ParseInt(text, 0, 64)
		if err != nil {
			fail(l.line, "number %q: %w", rest[:n], err)
		}
		l.emit(tokInt, text, v)
	}
	l.advance(n)
}

// text reads a string literal with Python's escapes.
func (l *lexer) text(rest string) {
	var out strings.Builder
	for i := 1; i < len(rest); {
		switch c := rest[i]; c {
		case rest[0]:
			l.emit(tokString, out.String(), nil)
			l.advance(i + 1)
			return
		case '\\':
			i += l.escape(rest[i:], &out)
		default:
			out.WriteByte(c)
			i++
		}
	}
	fail(l.line, "the string is not closed: expected %c", rest[0])
}

// escape decodes the escape at the start of s into out and returns its length.
func (l *lexer) escape(s string, out *strings.Builder) int {
	if len(s) < 2 {
		fail(l.line, "the string is not closed")
	}
	simple := map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '\\': '\\', '\'': '\'', '"': '"', 'a': 7, 'b': 8, 'f': 12, 'v': 11}
	width := map[byte]int{'x': 2, 'u': 4, 'U': 8}
	c := s[1]
	switch {
	case c == '\n': // a continued line
		return 2
	case simple[c] != 0:
		out.WriteByte(simple[c])
		return 2
	case width[c] != 0:
		end := min(2+width[c], len(s))
		v, err := strconv.ParseUint(s[2:end], 16, 32)
		if err != nil || end != 2+width[c] || v > unicode.MaxRune {
			fail(l.line, "bad escape %q", s[:end])
		}
		out.WriteRune(rune(v))
		return end
	case c >= '0' && c <= '7':
		end := 2
		for end < min(4, len(s)) && s[end] >= '0' && s[end] <= '7' {
			end++
		}
		v, _ := strconv.ParseUint(s[1:end], 8, 32)
		out.WriteRune(rune(v)) // at most 0o777
		return end
	case c == 'N':
		fail(l.line, `the escape \N{…} is not supported`)
	}
	out.WriteByte('\\') // Python keeps an escape that it does not know
	return 1
}
