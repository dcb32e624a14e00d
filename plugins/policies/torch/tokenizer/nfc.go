package tokenizer

import (
	"slices"

	"golang.org/x/text/unicode/norm"
)

// nfc normalizes to form C. Package norm breaks sequences of more than 30 combining marks with a grapheme joiner (the
// stream-safe format of UAX #15, section 13); tokenizers do not, so such text is normalized by the standard's own steps.
func nfc(s string) string {
	if norm.NFC.IsNormalString(s) && !longMarks(s) {
		return s
	}
	if !longMarks(s) {
		return norm.NFC.String(s)
	}
	return compose(decompose(s))
}

// longMarks says whether s has so many marks in a row that package norm would break them. A character decomposes into at
// most three marks, so ten characters are always safe.
func longMarks(s string) bool {
	n := 0
	for i := 0; i < len(s); {
		if s[i] < 0x80 {
			n = 0
			i++
			continue
		}
		p := norm.NFC.PropertiesString(s[i:])
		if p.Size() == 0 {
			return false // an unfinished character at the end
		}
		if p.CCC() == 0 && len(p.Decomposition()) == 0 {
			n = 0
		} else if n++; n > 10 {
			return true
		}
		i += p.Size()
	}
	return false
}

// decompose returns the canonical decomposition in canonical order (UAX #15, D108 and D109).
func decompose(s string) []rune {
	var out []rune
	for i := 0; i < len(s); {
		p := norm.NFD.PropertiesString(s[i:])
		n := max(p.Size(), 1)
		if d := p.Decomposition(); len(d) > 0 {
			out = append(out, []rune(string(d))...)
		} else {
			out = append(out, []rune(s[i:i+n])...)
		}
		i += n
	}
	for from := 0; from < len(out); {
		if class(out[from]) == 0 {
			from++
			continue
		}
		to := from
		for to < len(out) && class(out[to]) != 0 {
			to++
		}
		slices.SortStableFunc(out[from:to], func(a, b rune) int { return int(class(a)) - int(class(b)) })
		from = to
	}
	return out
}

// compose puts characters together again (UAX #15, D117).
func compose(in []rune) string {
	out := in[:0:0]
	starter := -1
	last := uint8(0)
	for _, r := range in {
		c := class(r)
		if starter >= 0 && (last == 0 && starter == len(out)-1 || last != 0 && last < c) {
			if joined := []rune(norm.NFC.String(string([]rune{out[starter], r}))); len(joined) == 1 {
				out[starter] = joined[0]
				continue
			}
		}
		if c == 0 {
			starter = len(out)
		}
		last = c
		out = append(out, r)
	}
	return string(out)
}

func class(r rune) uint8 { return norm.NFC.PropertiesString(string(r)).CCC() }
