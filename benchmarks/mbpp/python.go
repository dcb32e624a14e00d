package mbpp

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kinds of tokens
const (
	name = iota
	number
	literal // a string of any kind
	operator
)

// token is a lexical piece of Python, as far as names, calls and top-level definitions need it.
type token struct {
	kind int
	text string
	// first says that the token begins a logical line; indent is then that line's indentation in characters.
	first  bool
	indent int
}

// tokens splits Python into tokens. It never fails: what is not Python gives some tokens or other.
func tokens(src string) []token {
	var out []token
	depth := 0     // of brackets
	first := true  // at the start of a logical line
	lineStart := 0 // byte offset of the physical line
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == '\n':
			i++
			lineStart = i
			first = first || depth == 0
		case c == ' ' || c == '\t' || c == '\r' || c == '\f':
			i++
		case c == '\\':
			i++
			if i < len(src) && src[i] == '\r' {
				i++
			}
			if i < len(src) && src[i] == '\n' { // joins two physical lines
				i++
			}
		case c == '#':
			for i < len(src) && src[i] != '\n' {
				i++
			}
		default:
			t := token{kind: operator, first: first, indent: i - lineStart}
			end := i
			if q := quote(src[i:]); q >= 0 {
				t.kind = literal
				end = i + q + stringEnd(src[i+q:])
			} else if r, size := utf8.DecodeRuneInString(src[i:]); r == '_' || unicode.IsLetter(r) {
				t.kind = name
				end = i + size + strings.IndexFunc(src[i+size:]+"\n", func(r rune) bool {
					return r != '_' && !unicode.In(r, unicode.L, unicode.N, unicode.Mn, unicode.Mc)
				})
			} else if unicode.IsDigit(r) {
				t.kind = number
				end = i + strings.IndexFunc(src[i:]+"\n", func(r rune) bool {
					return r != '_' && r != '.' && !unicode.IsDigit(r) && !unicode.IsLetter(r)
				})
			} else {
				switch end += size; c {
				case '(', '[', '{':
					depth++
				case ')', ']', '}':
					depth = max(0, depth-1)
				case ';':
					first = depth == 0
				case '=', '!', '<', '>', ':', '+', '-', '*', '/', '%', '&', '|', '^', '@':
					if end < len(src) && src[end] == '=' {
						end++
					}
				}
			}
			t.text = src[i:end]
			if t.text != ";" {
				first = false
			}
			out = append(out, t)
			i = end
		}
	}
	return out
}

// quote returns the length of the prefix (as in rb"…") before the quote that begins s, or -1 where s begins no string.
func quote(s string) int {
	for n := range min(3, len(s)) {
		switch s[n] {
		case '"', '\'':
			return n
		case 'r', 'R', 'b', 'B', 'u', 'U', 'f', 'F', 't', 'T':
		default:
			return -1
		}
	}
	return -1
}

// stringEnd returns the length of the string that begins with the quote s[0].
func stringEnd(s string) int {
	q := s[:1]
	if strings.HasPrefix(s, strings.Repeat(q, 3)) {
		q = s[:3]
	}
	for i := len(q); i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++ // in a raw string too a backslash keeps the quote behind it from ending the string
		case strings.HasPrefix(s[i:], q):
			return i + len(q)
		case s[i] == '\n' && len(q) == 1:
			return i // unclosed: the line ends it
		}
	}
	return len(s)
}

// isName says that s has the form of a Python name and is not a keyword.
func isName(s string) bool {
	ts := tokens(s)
	return len(ts) == 1 && ts[0].kind == name && ts[0].text == s && !keyword(s)
}

func keyword(s string) bool { return slices.Contains(keywords, s) }
func builtin(s string) bool { return slices.Contains(builtins, s) }

// keywords of Python 3.13.
var keywords = strings.Fields(`False None True and as assert async await break class continue def del elif else except
	finally for from global if import in is lambda nonlocal not or pass raise return try while with yield`)

// builtins are the callable names of Python 3.13's module builtins, without exceptions that no test calls.
var builtins = strings.Fields(`abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod
	compile complex delattr dict dir divmod enumerate eval exec exit filter float format frozenset getattr globals hasattr
	hash help hex id input int isinstance issubclass iter len list locals map max memoryview min next object oct open ord
	pow print property quit range repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars
	zip __import__ BaseException Exception ArithmeticError AssertionError AttributeError IndexError KeyError LookupError
	NameError NotImplementedError OSError OverflowError RecursionError RuntimeError StopIteration TypeError UnicodeError
	ValueError ZeroDivisionError`)
