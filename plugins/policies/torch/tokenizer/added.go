package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is found in the text before anything else is done with it.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	Special    bool   `json:"special"`
	SingleWord bool   `json:"single_word"` // not beside a letter, digit or underscore
	LStrip     bool   `json:"lstrip"`      // takes the white space before it
	RStrip     bool   `json:"rstrip"`      // takes the white space after it
	Normalized bool   `json:"normalized"`  // looked for in the normalized text
}

// matcher finds added tokens: the leftmost, of those the longest.
type matcher struct {
	byFirst [256][]addedToken // longest first
}

func newMatcher(tokens []addedToken) *matcher {
	if len(tokens) == 0 {
		return nil
	}
	m := &matcher{}
	for _, t := range tokens {
		m.byFirst[t.Content[0]] = append(m.byFirst[t.Content[0]], t)
	}
	for _, list := range m.byFirst {
		slices.SortStableFunc(list, func(a, b addedToken) int { return cmp.Compare(len(b.Content), len(a.Content)) })
	}
	return m
}

// cut calls text for what lies between added tokens and token for each of them, in order.
func (m *matcher) cut(s string, text func(string), token func(int32)) {
	from := 0
	if m != nil {
		for i := 0; i < len(s); {
			t, ok := m.at(s, i)
			if !ok {
				i++
				continue
			}
			start, stop := i, i+len(t.Content)
			i = stop
			if t.SingleWord && (endsWithWord(s[:start]) || startsWithWord(s[stop:])) {
				continue
			}
			if t.LStrip {
				start = max(from, len(strings.TrimRightFunc(s[:start], unicode.IsSpace)))
			}
			if t.RStrip {
				stop = len(s) - len(strings.TrimLeftFunc(s[stop:], unicode.IsSpace))
			}
			if from < start {
				text(s[from:start])
			}
			token(t.ID)
			from, i = stop, max(i, stop)
		}
	}
	if from < len(s) {
		text(s[from:])
	}
}

// at returns the longest added token that starts at byte i.
func (m *matcher) at(s string, i int) (addedToken, bool) {
	for _, t := range m.byFirst[s[i]] {
		if strings.HasPrefix(s[i:], t.Content) {
			return t, true
		}
	}
	return addedToken{}, false
}

func isWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) || unicode.Is(unicode.Pc, r)
}

func endsWithWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(r)
}

func startsWithWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(r)
}
