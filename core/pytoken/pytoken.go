// Package pytoken splits Python into tokens, as far as readers of benchmarks and diagnostics need it to find names, calls,
// literals and statements.
//
// It accepts any text and checks nothing: whether something is Python is for an interpreter to say.
package pytoken

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is what a token is.
type Kind int

// The kinds of tokens.
const (
	Name   Kind = iota // keywords too: see Keyword
	Number             // as a word that begins with a digit
	String             // of any kind, with its prefix and quotes
	Operator
)

// Token is a lexical piece of Python. Comments and space are none.
type Token struct {
	Kind Kind
	Text string
	// Start is the token's offset in the source, in bytes.
	Start int
	// First says that the token begins a logical line; Indent is then that line's indentation in bytes.
	First  bool
	Indent int
}

// Scan splits Python into tokens. It never fails: what is not Python gives some tokens or other.
func Scan(src string) []Token {
	var out []Token
	depth := 0     // of brackets
	first := true  // at the start of a logical line
	lineStart := 0 // offset of the physical line
	indent := -1   // of the physical line, once known
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == '\n':
			i++
			lineStart, indent = i, -1
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
			if indent < 0 {
				indent = i - lineStart
			}
			t := Token{Kind: Operator, Start: i, First: first, Indent: indent}
			end := i
			if q := quote(src[i:]); q >= 0 {
				t.Kind = String
				end = i + q + stringEnd(src[i+q:])
			} else if r, size := utf8.DecodeRuneInString(src[i:]); r == '_' || unicode.IsLetter(r) {
				t.Kind = Name
				end += size + run(src[i+size:], inName)
			} else if unicode.IsDigit(r) {
				t.Kind = Number
				end += run(src[i:], func(r rune) bool {
					return r == '_' || r == '.' || unicode.IsDigit(r) || unicode.IsLetter(r)
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
			t.Text = src[i:end]
			if t.Text != ";" {
				first = false
			}
			out = append(out, t)
			i = end
		}
	}
	return out
}

// run returns the length of the beginning of s that holds only runes of a kind.
func run(s string, kind func(rune) bool) int {
	for i, r := range s {
		if !kind(r) {
			return i
		}
	}
	return len(s)
}

// inName says that r may stand in a name behind its beginning.
func inName(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.Mn, unicode.Mc)
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

// IsName says that s has the form of a Python name and is not a keyword.
func IsName(s string) bool {
	ts := Scan(s)
	return len(ts) == 1 && ts[0].Kind == Name && ts[0].Text == s && !Keyword(s)
}

// Keyword says that s is a keyword of Python 3.13.
func Keyword(s string) bool { return keywords[s] }

// Builtin says that s is a callable of Python's module builtins. Some exceptions that no test calls are missing.
func Builtin(s string) bool { return builtins[s] }

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

var keywords = set(`False None True and as assert async await break class continue def del elif else except
	finally for from global if import in is lambda nonlocal not or pass raise return try while with yield`)

var builtins = set(`abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod
	compile complex delattr dict dir divmod enumerate eval exec exit filter float format frozenset getattr globals hasattr
	hash help hex id input int isinstance issubclass iter len list locals map max memoryview min next object oct open ord
	pow print property quit range repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars
	zip __import__ BaseException Exception ArithmeticError AssertionError AttributeError IndexError KeyError LookupError
	NameError NotImplementedError OSError OverflowError RecursionError RuntimeError StopIteration TypeError UnicodeError
	ValueError ZeroDivisionError`)
