package tokenizer

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// tinyCase is a small tokenizer of our own with what the Python package tokenizers 0.23.3 does with it.
type tinyCase struct {
	Tokenizer json.RawMessage
	Cases     []struct {
		Text             string
		IDs, Special     []int32
		Decoded, Skipped string
	}
}

func tinyCases(tb testing.TB) []tinyCase {
	text, err := os.ReadFile("testdata/tiny.json")
	if err != nil {
		tb.Fatal(err)
	}
	var all []tinyCase
	if err := json.Unmarshal(text, &all); err != nil {
		tb.Fatal(err)
	}
	return all
}

func tiny(tb testing.TB, i int) *Tokenizer {
	t, err := FromJSON(tinyCases(tb)[i].Tokenizer)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// Four tokenizers: every pre-tokenizer, normalization, whole pieces, and added tokens with every option.
func TestTinyTokenizers(t *testing.T) {
	for i, c := range tinyCases(t) {
		tok := tiny(t, i)
		for _, e := range c.Cases {
			if got := tok.Encode(e.Text); !reflect.DeepEqual(got, e.IDs) {
				t.Errorf("tokenizer %d: encode %q:\nexpected %v\nfound    %v", i, e.Text, e.IDs, got)
			}
			if got := tok.EncodeWithSpecial(e.Text); !reflect.DeepEqual(got, e.Special) {
				t.Errorf("tokenizer %d: encode %q with special:\nexpected %v\nfound    %v", i, e.Text, e.Special, got)
			}
			if got := tok.Decode(e.IDs, false); got != e.Decoded {
				t.Errorf("tokenizer %d: decode: expected %q, found %q", i, e.Decoded, got)
			}
			if got := tok.Decode(e.IDs, true); got != e.Skipped {
				t.Errorf("tokenizer %d: decode without special: expected %q, found %q", i, e.Skipped, got)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	tok := tiny(t, 0)
	id, ok := tok.ID("<s>")
	if !ok || tok.Token(id) != "<s>" || !tok.Special(id) {
		t.Errorf("<s>: found %d, %t, %q", id, ok, tok.Token(id))
	}
	plain, _ := tok.ID("<n>")
	if tok.Special(plain) {
		t.Error("<n> is not special")
	}
	if b, _ := tok.ID("Ã"); tok.Token(b) != "\xc3" {
		t.Errorf("Ã: expected the byte c3, found %q", tok.Token(b))
	}
	for _, id := range []int32{-1, int32(tok.Size()), 1 << 30} {
		if tok.Token(id) != "" || tok.Special(id) || tok.Decode([]int32{id}, false) != "" {
			t.Errorf("id %d: expected nothing", id)
		}
	}
	if _, ok := tok.ID("absent"); ok {
		t.Error("absent: found a token")
	}
}

// A byte that the vocabulary lacks vanishes, or becomes the unknown token.
func TestUnknownBytes(t *testing.T) {
	s := spec{vocab: map[string]int32{"a": 0, "?": 1}, split: splitter{pattern: patternGPT2}}
	tok, err := build(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("aba"); !reflect.DeepEqual(got, []int32{0, 0}) {
		t.Errorf("without: found %v", got)
	}
	s.unknown = "?"
	if tok, err = build(s); err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("aba"); !reflect.DeepEqual(got, []int32{0, 1, 0}) {
		t.Errorf("with: found %v", got)
	}
}

// Many goroutines share one tokenizer and get what one gets.
func TestConcurrentUse(t *testing.T) {
	tok := tiny(t, 2)
	text := strings.Repeat("hello <s> abab 123 \u00e9e\u0301 it's ", 40)
	want := tok.Encode(text)
	tok.cache = newCache()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				// Pieces of their own fill the cache and make its generations turn.
				own := strings.Repeat("x", g+1) + strings.Repeat("y", i+1)
				if got := tok.Decode(tok.Encode(own), false); got != own {
					t.Errorf("expected %q, found %q", own, got)
				}
				if got := tok.Encode(text); !reflect.DeepEqual(got, want) {
					t.Errorf("goroutine %d: differs", g)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzEncode(f *testing.F) {
	for _, c := range tinyCases(f)[0].Cases {
		f.Add(c.Text)
	}
	f.Add("\xff\xfe\xc3(\xe2\x80")
	toks := []*Tokenizer{tiny(f, 0), tiny(f, 1), tiny(f, 3)} // those that do not normalize and strip nothing but around <l>, <r>
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range toks {
			ids := tok.Encode(text)
			if strings.Contains(text, "<l") || strings.Contains(text, "<r") {
				continue
			}
			raw := ""
			for _, id := range ids {
				raw += tok.Token(id)
			}
			if raw != text {
				t.Fatalf("%q became %q", text, raw)
			}
		}
	})
}

func FuzzFromJSON(f *testing.F) {
	for _, c := range tinyCases(f) {
		f.Add([]byte(c.Tokenizer))
	}
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":2147483647}},"pre_tokenizer":{"type":"ByteLevel"},"decoder":{"type":"ByteLevel"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		tok, err := FromJSON(text)
		if err != nil {
			return
		}
		ids := tok.EncodeWithSpecial("hello <s> 12 é")
		_ = tok.Decode(ids, false)
		for _, id := range ids {
			if int(id) >= tok.Size() {
				t.Fatalf("id %d of %d", id, tok.Size())
			}
		}
	})
}
