package main

import (
	"strings"
	"unicode"
)

// branching are the words of Python that McCabe's number counts.
var branching = map[string]bool{
	"if": true, "elif": true, "for": true, "while": true, "except": true, "and": true, "or": true, "case": true, "assert": true,
}

// decisions counts the branching words of a Python program outside strings and comments. It reads words, not grammar: a
// variable may be named case and is counted then.
func decisions(program string) int {
	n := 0
	for len(program) > 0 {
		c := rune(program[0])
		switch {
		case c == '#':
			end := strings.IndexByte(program, '\n')
			if end < 0 {
				return n
			}
			program = program[end:]
		case c == '"' || c == '\'':
			program = afterString(program)
		case c == '_' || unicode.IsLetter(c):
			end := strings.IndexFunc(program, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
			if end < 0 {
				end = len(program)
			}
			if end == 0 { // a byte of a longer letter
				end = 1
			}
			if branching[program[:end]] {
				n++
			}
			program = program[end:]
		default:
			program = program[1:]
		}
	}
	return n
}

// afterString returns what follows the string literal that s begins with.
func afterString(s string) string {
	quote := s[:1]
	if strings.HasPrefix(s, strings.Repeat(quote, 3)) {
		quote = s[:3]
	}
	s = s[len(quote):]
	for len(s) > 0 {
		switch {
		case strings.HasPrefix(s, quote):
			return s[len(quote):]
		case s[0] == '\\' && len(s) > 1:
			s = s[2:]
		case s[0] == '\n' && len(quote) == 1:
			return s // not closed
		default:
			s = s[1:]
		}
	}
	return ""
}
