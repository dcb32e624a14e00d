package ruffwasm

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a range of bytes of a source.
type span struct{ from, to int }

// mayHoldDirective says cheaply whether src may have a suppression comment: most programs have none, and need no listing
// of their comments.
func mayHoldDirective(src string) bool {
	for at := range hashes(src) {
		rest := skipSpace(src[at+1:])
		if _, ok := cutFold(rest, "noqa"); ok || strings.HasPrefix(rest, "ruff") || strings.HasPrefix(rest, "flake8") {
			return true
		}
	}
	return false
}

// hashes yields the positions of '#' in s.
func hashes(s string) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for at := 0; ; at++ {
			i := strings.IndexByte(s[at:], '#')
			if i < 0 {
				return
			}
			if at += i; !yield(at) {
				return
			}
		}
	}
}

// mask defuses every suppression in the given comments of src by changing one letter of its first word, so that no
// column moves, and returns how many comments would have silenced something. A line that is too long because of such a
// comment becomes a finding (E501), as with any other comment.
//
// A suppression may stand after another comment in the same token ("# why # noqa"), as Ruff finds it there too.
func mask(src string, comments []span) (masked string, silencing int) {
	var out []byte
	for _, c := range comments {
		silences := false
		for at := range hashes(src[c.from:c.to]) {
			word, silent := directive(src[c.from+at : c.to])
			if word < 0 {
				continue
			}
			if out == nil {
				out = []byte(src)
			}
			out[c.from+at+word] = 'x'
			silences = silences || silent
		}
		if silences {
			silencing++
		}
	}
	if out == nil {
		return src, 0
	}
	return string(out), silencing
}

// directive looks for a suppression at the '#' that s starts with. It returns the position of its first word, or -1, and
// whether it silences findings; "# ruff: enable[…]" ends a suppression and does not. The forms are those that release
// 0.17.4 obeys; "# noqax" and "# RUFF: noqa" it does not, and they stay.
//
//	# noqa[: CODES]         "noqa" in any case; also after other words that end in another #
//	# ruff: noqa[: CODES]   # flake8: noqa[: CODES]
//	# ruff: ignore[CODES]   # ruff: file-ignore[CODES]   # ruff: disable[CODES]   # ruff: enable[CODES]
func directive(s string) (word int, silences bool) {
	rest := skipSpace(s[1:])
	word = len(s) - len(rest)
	if after, ok := cutFold(rest, "noqa"); ok {
		if r, _ := utf8.DecodeRuneInString(after); after != "" && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_') {
			return -1, false
		}
		return word, true
	}
	for _, tool := range []string{"ruff", "flake8"} {
		after, ok := strings.CutPrefix(rest, tool)
		if !ok {
			continue
		}
		if after, ok = strings.CutPrefix(skipSpace(after), ":"); !ok {
			return -1, false
		}
		after = skipSpace(after)
		if _, ok := cutFold(after, "noqa"); ok {
			return word, true
		}
		for _, order := range []string{"ignore", "file-ignore", "disable", "enable"} {
			if strings.HasPrefix(after, order) {
				return word, order != "enable"
			}
		}
	}
	return -1, false
}

// skipSpace cuts leading white space as Rust does (the Unicode property).
func skipSpace(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }

// cutFold cuts an ASCII prefix in whatever case.
func cutFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// commentsIn reads the comments out of a listing of the tokens of a source of the given length. Lines look like
//
//	Comment 11..23,
func commentsIn(listing string, length int) ([]span, error) {
	var out []span
	for line := range strings.Lines(listing) {
		place, ok := strings.CutPrefix(strings.TrimSpace(line), "Comment ")
		if !ok {
			continue
		}
		from, to, _ := strings.Cut(strings.TrimSuffix(place, ","), "..")
		a, errA := strconv.Atoi(from)
		b, errB := strconv.Atoi(to)
		if errA != nil || errB != nil || a < 0 || a > b || b > length {
			return nil, fmt.Errorf("ruff lists a comment at %q of a source of %d bytes", place, length)
		}
		out = append(out, span{a, b})
	}
	return out, nil
}
