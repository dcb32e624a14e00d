package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The regular expressions of the pre-tokenizers that this package knows, as tokenizer.json spells them. They are matched by
// hand, since Go's regexp has no look-ahead and is a hundred times slower.
const (
	patternGPT2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	patternCL1  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternCL3  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// splitter cuts text into the pieces within which BPE merges.
type splitter struct {
	// pattern is one of the patterns above.
	pattern string
	// singleDigits cuts out every numeric character on its own before the pattern is applied.
	singleDigits bool
}

// patterns lists the known patterns.
func patterns() []string { return []string{patternGPT2, patternCL1, patternCL3} }

// each calls piece for every piece of text, in order.
func (s splitter) each(text string, piece func(string)) {
	if !s.singleDigits {
		s.pieces(text, piece)
		return
	}
	from := 0
	for i, r := range text {
		if isNumber(r) {
			n := utf8.RuneLen(r)
			s.pieces(text[from:i], piece)
			s.pieces(text[i:i+n], piece)
			from = i + n
		}
	}
	s.pieces(text[from:], piece)
}

func (s splitter) pieces(text string, piece func(string)) {
	for len(text) > 0 {
		n := 0
		switch s.pattern {
		case patternGPT2:
			n = nextGPT2(text)
		case patternCL1:
			n = nextCL(text, 1)
		default:
			n = nextCL(text, 3)
		}
		piece(text[:n])
		text = text[n:]
	}
}

func isLetter(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r|0x20 && r|0x20 <= 'z'
	}
	return unicode.Is(unicode.L, r)
}

func isNumber(r rune) bool {
	if r < utf8.RuneSelf {
		return '0' <= r && r <= '9'
	}
	return unicode.Is(unicode.N, r)
}

func isSpace(r rune) bool   { return unicode.IsSpace(r) }
func isNewline(r rune) bool { return r == '\r' || r == '\n' }

// isOther is the class [^\s\p{L}\p{N}].
func isOther(r rune) bool { return !isSpace(r) && !isLetter(r) && !isNumber(r) }

// run returns the end of the run of characters of a class that starts at i.
func run(s string, i int, class func(rune) bool) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !class(r) {
			break
		}
		i += n
	}
	return i
}

// nextGPT2 returns the length of the first match of patternGPT2 in s, which is not empty.
func nextGPT2(s string) int {
	if s[0] == '\'' {
		for _, c := range [...]string{"s", "t", "re", "ve", "m", "ll", "d"} {
			if strings.HasPrefix(s[1:], c) {
				return 1 + len(c)
			}
		}
	}
	start := 0
	if s[0] == ' ' {
		start = 1
	}
	if start < len(s) {
		switch r, _ := utf8.DecodeRuneInString(s[start:]); {
		case isLetter(r):
			return run(s, start, isLetter)
		case isNumber(r):
			return run(s, start, isNumber)
		case !isSpace(r):
			return run(s, start, isOther)
		}
	}
	return spaces(s)
}

// nextCL returns the length of the first match in s, which is not empty, of patternCL1 or patternCL3: digits is how many
// numeric characters one piece may have.
func nextCL(s string, digits int) int {
	first, width := utf8.DecodeRuneInString(s)
	if first == '\'' {
		if n := contraction(s[1:]); n > 0 {
			return 1 + n
		}
	}
	if isLetter(first) {
		return run(s, 0, isLetter)
	}
	if isNumber(first) {
		end := 0
		for range digits {
			r, n := utf8.DecodeRuneInString(s[end:])
			if !isNumber(r) {
				break
			}
			end += n
		}
		return end
	}
	if !isNewline(first) && width < len(s) { // one character may lead a word
		if r, _ := utf8.DecodeRuneInString(s[width:]); isLetter(r) {
			return run(s, width, isLetter)
		}
	}
	start := 0
	if first == ' ' {
		start = 1
	}
	if end := run(s, start, isOther); end > start {
		return run(s, end, isNewline)
	}
	if last := strings.LastIndexAny(s[:run(s, 0, isSpace)], "\r\n"); last >= 0 { // \s*[\r\n]+
		return last + 1
	}
	return spaces(s)
}

// contraction returns the length of the ending (?i:s|t|re|ve|m|ll|d) at the start of s, or 0. Among these letters only s has a
// case variant outside of ASCII: the long s.
func contraction(s string) int {
	if strings.HasPrefix(s, "ſ") {
		return len("ſ")
	}
	lower := func(i int) byte {
		if i < len(s) && s[i] < utf8.RuneSelf {
			return s[i] | 0x20
		}
		return 0
	}
	switch a, b := lower(0), lower(1); {
	case a == 's' || a == 't' || a == 'm' || a == 'd':
		return 1
	case a == 'r' && b == 'e', a == 'v' && b == 'e', a == 'l' && b == 'l':
		return 2
	}
	return 0
}

// spaces matches \s+(?!\S)|\s+ : a run of white space leaves its last character to a word that follows, unless it is the
// only one. Where no class fits (it cannot happen in valid text) one character is taken.
func spaces(s string) int {
	end := run(s, 0, isSpace)
	if end == 0 {
		_, n := utf8.DecodeRuneInString(s)
		return n
	}
	if end == len(s) {
		return end
	}
	_, last := utf8.DecodeLastRuneInString(s[:end])
	if end > last {
		return end - last
	}
	return end
}
