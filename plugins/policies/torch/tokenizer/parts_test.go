package tokenizer

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestSplit(t *testing.T) {
	rows := []struct {
		name  string
		split splitter
		text  string
		want  []string
	}{
		{"words keep the space before", splitter{pattern: patternGPT2}, "a bc  d", []string{"a", " bc", " ", " d"}},
		{"contractions in small letters", splitter{pattern: patternGPT2}, "it's IT'S", []string{"it", "'s", " IT", "'", "S"}},
		{"numbers run on", splitter{pattern: patternGPT2}, "x 123", []string{"x", " 123"}},
		{"digits one by one", splitter{pattern: patternGPT2, singleDigits: true}, "x 12²", []string{"x", " ", "1", "2", "²"}},
		{"contractions in any case", splitter{pattern: patternCL1}, "IT'S x'ſ 'LLama", []string{"IT", "'S", " x", "'ſ", " '", "LLama"}},
		{"a contraction at the start", splitter{pattern: patternCL1}, "'LLama", []string{"'LL", "ama"}},
		{"one character leads a word", splitter{pattern: patternCL1}, "(ab .cd", []string{"(ab", " .", "cd"}},
		{"one digit a piece", splitter{pattern: patternCL1}, "1234", []string{"1", "2", "3", "4"}},
		{"three digits a piece", splitter{pattern: patternCL3}, "1234567", []string{"123", "456", "7"}},
		{"newlines after punctuation belong to it", splitter{pattern: patternCL3}, "a;\n\n b", []string{"a", ";\n\n", " b"}},
		{"white space up to the last newline", splitter{pattern: patternCL3}, " \n \n  x", []string{" \n \n", " ", " x"}},
		{"white space at the end", splitter{pattern: patternCL3}, "x   ", []string{"x", "   "}},
		{"bytes that are no UTF-8", splitter{pattern: patternCL3}, "\xff\xfea", []string{"\xff\xfe", "a"}},
	}
	for _, r := range rows {
		var got []string
		r.split.each(r.text, func(p string) { got = append(got, p) })
		if !reflect.DeepEqual(got, r.want) {
			t.Errorf("%s: expected %q, found %q", r.name, r.want, got)
		}
	}
}

// Whatever the text, the pieces together are the text.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"it's 12 a\n\n b", "\xff", "'", " '", "\u2028\r", "<s>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range patterns() {
			for _, digits := range []bool{false, true} {
				got := ""
				splitter{p, digits}.each(text, func(piece string) {
					if piece == "" && text != "" && !digits {
						t.Fatal("an empty piece")
					}
					got += piece
				})
				if utf8.ValidString(text) && got != text {
					t.Fatalf("%q became %q", text, got)
				}
			}
		}
	})
}

// The two ways to find the next merge agree.
func TestLongPiecesMergeAlike(t *testing.T) {
	tok := tiny(t, 0)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		piece := make([]byte, 1+rng.IntN(200))
		for i := range piece {
			piece[i] = "ablhe"[rng.IntN(5)]
		}
		ids := func() []int32 {
			out := make([]int32, len(piece))
			for i, b := range piece {
				out[i] = tok.bpe.single[b]
			}
			return out
		}
		if short, long := tok.bpe.mergeShort(ids()), tok.bpe.mergeLong(ids()); !reflect.DeepEqual(short, long) {
			t.Fatalf("%q: %v and %v", piece, short, long)
		}
	}
}

// A text without spaces is one piece; a megabyte of it must not take minutes.
func BenchmarkLongPiece(b *testing.B) {
	tok := tiny(b, 0)
	text := strings.Repeat("a", 1<<20)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_ = tok.Encode(text)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	computed := 0
	compute := func(p string) []int32 { computed++; return []int32{int32(len(p))} }
	for i := range 200_000 {
		piece := strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune(0x4e00+i%20000)) + string(rune(0xac00+i/20000))
		c.get(piece, compute)
	}
	n := 0
	for i := range c.shards {
		n += len(c.shards[i].young) + len(c.shards[i].old)
	}
	if limit := 2 * cacheShards * cacheEntries; n > limit {
		t.Errorf("expected at most %d entries, found %d", limit, n)
	}
	computed = 0
	for range 10 {
		c.get("again", compute)
	}
	if computed != 1 {
		t.Errorf("expected one computation, found %d", computed)
	}
	long := strings.Repeat("x", cachePiece+1)
	c.get(long, compute)
	c.get(long, compute)
	if computed != 3 {
		t.Errorf("long pieces: expected no memory of them, found %d computations", computed)
	}
}

func TestLossy(t *testing.T) {
	rows := []struct{ name, bytes, want, rest string }{
		{"whole characters", "aé日😀", "aé日😀", ""},
		{"unfinished at the end", "a\xe6\x97", "a", "\xe6\x97"},
		{"unfinished in the middle", "\xe6\x97a", "\uFFFDa", ""},
		{"each stray byte", "\x80\x80", "\uFFFD\uFFFD", ""},
		{"never a beginning", "\xc0\xaf", "\uFFFD\uFFFD", ""},
		{"overlong", "\xe0\x80\x80", "\uFFFD\uFFFD\uFFFD", ""},
		{"surrogate", "\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD", ""},
		{"beyond the last character", "\xf4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD", ""},
		{"one replacement for a maximal part", "\xf0\x9f\x98x", "\uFFFDx", ""},
		{"U+FFFD itself", "\uFFFD", "\uFFFD", ""},
	}
	for _, r := range rows {
		got, rest := appendLossy(nil, []byte(r.bytes), false)
		if string(got) != r.want || string(rest) != r.rest {
			t.Errorf("%s: expected %q and %q, found %q and %q", r.name, r.want, r.rest, got, rest)
		}
	}
	if got, rest := appendLossy(nil, []byte("a\xe6\x97"), true); string(got) != "a\uFFFD" || rest != nil {
		t.Errorf("final: found %q and %q", got, rest)
	}
}

// Text that comes in parts is the text that comes at once.
func FuzzStream(f *testing.F) {
	f.Add([]byte("aé日😀"), uint8(1))
	f.Add([]byte("\xf0\x9f\x98x\xe6\x97"), uint8(2))
	f.Add([]byte("\xed\xa0\x80\xf4\x90"), uint8(3))
	tok := tiny(f, 0)
	f.Fuzz(func(t *testing.T, text []byte, _ uint8) {
		ids := make([]int32, len(text))
		for i, b := range text {
			ids[i] = tok.bpe.single[b]
		}
		s, got := tok.Stream(false), ""
		for _, id := range ids {
			part := s.Push(id)
			if !utf8.ValidString(part) {
				t.Fatalf("%q is not valid UTF-8", part)
			}
			got += part
		}
		got += s.Flush()
		if want := tok.Decode(ids, false); got != want {
			t.Fatalf("expected %q, found %q", want, got)
		}
		if utf8.Valid(text) && got != string(text) {
			t.Fatalf("expected %q, found %q", text, got)
		}
	})
}

func TestStreamHoldsBackUnfinishedCharacters(t *testing.T) {
	tok := tiny(t, 0)
	s := tok.Stream(true)
	var parts []string
	for _, b := range []byte("a😀b") {
		parts = append(parts, s.Push(tok.bpe.single[b]))
	}
	special, _ := tok.ID("<s>")
	parts = append(parts, s.Push(special), s.Push(-1), s.Push(tok.bpe.single[0xf0]), s.Flush(), s.Flush())
	if want := []string{"a", "", "", "", "😀", "b", "", "", "", "\uFFFD", ""}; !reflect.DeepEqual(parts, want) {
		t.Errorf("expected %q, found %q", want, parts)
	}
}

// The steps of the standard agree with package norm where that does not break sequences.
func TestNFC(t *testing.T) {
	rows := []struct{ name, in, want string }{
		{"composed already", "é", "é"},
		{"composes", "e\u0301", "é"},
		{"orders marks", "q\u0307\u0323", "q\u0323\u0307"},
		{"excluded from composition", "\u0958", "\u0915\u093c"},
		{"Hangul", "\u1112\u1161\u11ab", "\ud55c"},
		{"forty marks without a joiner", "a" + strings.Repeat("\u0301", 40), "á" + strings.Repeat("\u0301", 39)},
		{"marks beyond thirty are ordered", "q" + strings.Repeat("\u0307", 35) + "\u0323", "q\u0323" + strings.Repeat("\u0307", 35)},
	}
	for _, r := range rows {
		if got := nfc(r.in); got != r.want {
			t.Errorf("%s: expected %+q, found %+q", r.name, r.want, got)
		}
	}
}

func FuzzNFC(f *testing.F) {
	f.Add("e\u0301q\u0323\u0307\u1112\u1161\u11ab\u0958\u212b")
	f.Add("\u0344\u0345\u1e9b\u0323")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || longMarks(s) {
			return
		}
		if got, want := compose(decompose(s)), norm.NFC.String(s); got != want {
			t.Fatalf("%+q: expected %+q, found %+q", s, want, got)
		}
	})
}
