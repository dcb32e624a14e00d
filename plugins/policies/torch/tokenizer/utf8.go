package tokenizer

import "unicode/utf8"

const replacement = "\uFFFD"

// appendLossy appends b to out as valid UTF-8: each maximal part of a character that cannot be completed becomes one U+FFFD
// (Unicode 16, section 3.9, "substitution of maximal subparts", as Rust's from_utf8_lossy and WHATWG decoders do; strings.ToValidUTF8
// makes one replacement of a whole run). Unless final, an unfinished character at the end is kept back and returned as rest.
func appendLossy(out, b []byte, final bool) (text, rest []byte) {
	for len(b) > 0 {
		if b[0] < utf8.RuneSelf {
			out, b = append(out, b[0]), b[1:]
			continue
		}
		if r, n := utf8.DecodeRune(b); r != utf8.RuneError || n > 1 {
			out, b = append(out, b[:n]...), b[n:]
			continue
		}
		n, open := subpart(b)
		if open && !final {
			return out, b
		}
		out, b = append(out, replacement...), b[n:]
	}
	return out, nil
}

// subpart returns the length of the maximal beginning of a character at the start of b, which holds no whole one there.
// It is open if b ends before it can be told that the character stays unfinished.
func subpart(b []byte) (n int, open bool) {
	need, low, high := 0, byte(0x80), byte(0xbf)
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		need = 2
	case c >= 0xe0 && c <= 0xef:
		need = 3
		if c == 0xe0 {
			low = 0xa0
		}
		if c == 0xed {
			high = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		need = 4
		if c == 0xf0 {
			low = 0x90
		}
		if c == 0xf4 {
			high = 0x8f
		}
	}
	for n = 1; n < need; n++ {
		if n == len(b) {
			return n, true
		}
		if b[n] < low || b[n] > high {
			return n, false
		}
		low, high = 0x80, 0xbf
	}
	return 1, false
}
