package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// dropProse removes the lines at the margin that read as prose, each with the indented lines below it. It returns "" where
// nothing remains that does anything. Where the margin is, is for the caller to see to: see dedent.
func dropProse(text string) string {
	var b strings.Builder
	keep, code := true, false
	for at := 0; at < len(text); {
		line := lineAt(text, at)
		at += len(line)
		if blank(line) {
			if keep {
				b.WriteString(line)
			}
			continue
		}
		if line[0] != ' ' && line[0] != '\t' {
			keep = !prose(line, bodyFollows(text, at))
		}
		if keep {
			b.WriteString(line)
			code = code || strings.TrimLeft(line, " \t")[0] != '#'
		}
	}
	if !code {
		return ""
	}
	return b.String()
}

// bodyFollows says that the next line that is not blank is indented.
func bodyFollows(text string, at int) bool {
	for at < len(text) {
		line := lineAt(text, at)
		if !blank(line) {
			return line[0] == ' ' || line[0] == '\t'
		}
		at += len(line)
	}
	return false
}

// prose says that a line at the margin reads as English or Markdown and not as Python, be it broken Python: two words in a
// row without a keyword, a list's bullet, a word before a colon. body says that indented lines follow it.
func prose(line string, body bool) bool {
	line = strings.TrimSpace(line)
	first, rest := word(line)
	if first == "" {
		return mark(line)
	}
	if needs, ok := statements[first]; ok {
		return needs != "" && !body && !strings.Contains(rest, needs)
	}
	if stringPrefix(first) && strings.HasPrefix(rest, "'") {
		return false
	}
	acts := false // it calls something: a name alone does nothing
	for rest != "" {
		if rest[0] == '.' {
			if name, after := word(rest[1:]); name != "" {
				rest = after
				continue
			}
		} else if n := brackets(rest); n > 0 {
			rest, acts = rest[n:], true
			continue
		}
		break
	}
	after := strings.TrimLeft(rest, " \t")
	switch {
	case after == "":
		return !acts
	case len(after) < len(rest): // a space: another word, or an operator
		second, _ := word(after)
		return second != "" && !(acts && operators[second]) || strings.IndexByte("'\"`0123456789", after[0]) >= 0 || after[0] >= utf8.RuneSelf
	}
	switch after[0] {
	case ':':
		return !strings.Contains(after, "=") && (len(after) == 1 || twoWords(after[1:]) || unicode.IsUpper(firstRune(first)))
	case ',':
		return !strings.Contains(after, "=")
	case '.':
		return true // the end of a sentence: attributes are passed over above
	case '!':
		return !strings.HasPrefix(after, "!=")
	case '\'', '?':
		return true // I've, why?
	case '-':
		return !strings.Contains(after, "=") // step-by-step
	}
	return after[0] >= utf8.RuneSelf
}

// brackets returns the length of the bracketed group that begins s, or 0 where there is none or it does not end in s.
func brackets(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth <= 0 {
				return i + 1
			}
		}
		if depth == 0 {
			return 0
		}
	}
	return 0
}

// stringPrefix says that the word may stand before the quote of a string, as in rb”.
func stringPrefix(s string) bool { return len(s) <= 2 && strings.Trim(s, "rRbBuUfF") == "" }

// mark says that a line without a word at its beginning is Markdown: a bullet, a number of a list, a quote, a table.
func mark(line string) bool {
	switch c := line[0]; {
	case '0' <= c && c <= '9':
		digits := strings.TrimLeft(line, "0123456789")
		return digits != "" && (strings.HasPrefix(digits, ". ") || strings.HasPrefix(digits, ") ") || digits[0] == ' ' || digits[0] >= utf8.RuneSelf)
	case strings.IndexByte("*-+|><=!?$`~\\&%", c) >= 0:
		return c != '*' || !strings.Contains(line, " = ") // *a, b = c
	case c == '(':
		return twoWords(line[1:]) && brackets(line) == len(line)
	case strings.IndexByte("#'\"[{)]}@_.,;:/^", c) >= 0:
		return false
	}
	return line[0] >= utf8.RuneSelf
}

// statements are the words that begin a statement. Where a text is given, the line must hold it, or have an indented line
// below, to be one: "for" begins sentences too.
var statements = map[string]string{
	"def": "", "class": "", "async": "", "import": "", "from": "import", "return": "", "raise": "", "assert": "", "del": "",
	"pass": "", "break": "", "continue": "", "global": "", "nonlocal": "", "yield": "", "await": "", "print": "", "exec": "",
	"if": ":", "elif": ":", "else": ":", "for": " in ", "while": ":", "try": ":", "except": ":", "finally": ":", "with": ":",
	"match": ":", "case": ":", "type": "=", "lambda": ":", "not": "(", "True": "\x00", "False": "\x00", "None": "\x00",
	"and": "\x00", "or": "\x00", "in": "\x00", "is": "\x00", "as": "\x00",
}

// operators are the words that may stand between two values.
var operators = map[string]bool{"and": true, "or": true, "in": true, "is": true, "not": true, "if": true, "else": true, "for": true}

// word splits the name that s begins with off it.
func word(s string) (name, rest string) {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && !unicode.IsMark(r)) {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func twoWords(s string) bool {
	first, rest := word(strings.TrimLeft(s, " \t"))
	second, _ := word(strings.TrimLeft(rest, " \t"))
	return first != "" && second != "" && !operators[second] && statements[first] == ""
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// defines says that a line at the margin defines the name, as a function, class or variable; any function or class will do
// where name is "".
func defines(text, name string) bool {
	for at := 0; at < len(text); {
		line := lineAt(text, at)
		at += len(line)
		first, rest := word(line)
		if first == "async" {
			first, rest = word(strings.TrimLeft(rest, " \t"))
		}
		if first == "def" || first == "class" {
			if defined, _ := word(strings.TrimLeft(rest, " \t")); defined != "" && (name == "" || defined == name) {
				return true
			}
			continue
		}
		if after := strings.TrimLeft(rest, " \t"); name != "" && first == name && strings.HasPrefix(after, "=") && !strings.HasPrefix(after, "==") {
			return true
		}
	}
	return false
}

// dedent removes the indentation that all lines have in common.
func dedent(text string) string {
	common, found := "", false
	for at := 0; at < len(text); {
		line := lineAt(text, at)
		at += len(line)
		if blank(line) {
			continue
		}
		margin := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if !found {
			common, found = margin, true
		}
		for !strings.HasPrefix(margin, common) {
			common = common[:len(common)-1]
		}
	}
	if common == "" {
		return text
	}
	var b strings.Builder
	for at := 0; at < len(text); {
		line := lineAt(text, at)
		at += len(line)
		b.WriteString(strings.TrimPrefix(line, common))
	}
	return b.String()
}

// indent puts four spaces before every line that is not blank.
func indent(text string) string {
	var b strings.Builder
	for at := 0; at < len(text); {
		line := lineAt(text, at)
		at += len(line)
		if !blank(line) {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return b.String()
}
