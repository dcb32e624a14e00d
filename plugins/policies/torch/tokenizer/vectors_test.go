package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/rlvr-harness/harness/plugins/policies/torch/gguf"
	"github.com/rlvr-harness/harness/runtime/assets"
)

// vectors are texts with what the reference, Hugging Face's tokenizers, makes of them.
type vectors struct {
	Tokenizer string
	Encode    []struct {
		Text        string
		IDs         []int32
		IDsSpecial  []int32 `json:"ids_special"`
		Decoded     string
		DecodedSkip string `json:"decoded_skip"`
	}
	Chat []struct {
		Rendered string
		IDs      []int32
	}
}

// readVectors reads every vector file of $HARNESS_TOKENIZER_VECTORS.
func readVectors(tb testing.TB) []vectors {
	dir, named := os.LookupEnv("HARNESS_TOKENIZER_VECTORS")
	if !named {
		dir = "../../../../../shared/parity/tokenizers"
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		tb.Fatal(err)
	}
	if len(files) == 0 {
		if named {
			tb.Fatalf("HARNESS_TOKENIZER_VECTORS=%s has no *.json", dir)
		}
		tb.Skipf("no vectors at %s; set HARNESS_TOKENIZER_VECTORS", dir)
	}
	var all []vectors
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		var v vectors
		if err := json.Unmarshal(text, &v); err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		if len(v.Encode) == 0 {
			tb.Fatalf("%s has no texts to encode", path)
		}
		all = append(all, v)
	}
	return all
}

// fetch returns the path of an artefact, fetching it where it is not in the cache. Without it the test fails if the vectors
// were asked for by name, and is skipped otherwise.
func fetch(tb testing.TB, name string) string {
	cache, err := assets.Open("", nil, assets.Builtin()...)
	if err != nil {
		tb.Fatal(err)
	}
	path, err := cache.Path(tb.Context(), name)
	if err != nil {
		if _, named := os.LookupEnv("HARNESS_TOKENIZER_VECTORS"); named {
			tb.Fatal(err)
		}
		tb.Skipf("the tokenizer's files are not there: %v", err)
	}
	return path
}

// load makes one of the tokenizers that the vectors are about.
func load(tb testing.TB, name string) *Tokenizer {
	var t *Tokenizer
	var err error
	switch name {
	case "smollm2":
		f, openErr := gguf.Open(fetch(tb, "smollm2-135m-instruct"))
		if openErr != nil {
			tb.Fatal(openErr)
		}
		defer func() { _ = f.Close() }()
		t, err = FromGGUF(f.Metadata)
	case "qwen3", "llama3":
		text, readErr := os.ReadFile(filepath.Join(fetch(tb, "tokenizer-"+name), "tokenizer.json"))
		if readErr != nil {
			tb.Fatal(readErr)
		}
		t, err = FromJSON(text)
	default:
		tb.Fatalf("vectors for the tokenizer %q: expected smollm2, qwen3 or llama3", name)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func TestTokenizerVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.Tokenizer, func(t *testing.T) {
			tok := load(t, v.Tokenizer)
			for _, e := range v.Encode {
				if got := tok.Encode(e.Text); !reflect.DeepEqual(got, e.IDs) {
					t.Errorf("encode %q:\nexpected %v\nfound    %v", e.Text, e.IDs, got)
				}
				if got := tok.EncodeWithSpecial(e.Text); !reflect.DeepEqual(got, e.IDsSpecial) {
					t.Errorf("encode %q with special:\nexpected %v\nfound    %v", e.Text, e.IDsSpecial, got)
				}
				if got := tok.Decode(e.IDs, false); got != e.Decoded {
					t.Errorf("decode %v: expected %q, found %q", e.IDs, e.Decoded, got)
				}
				if got := tok.Decode(e.IDs, true); got != e.DecodedSkip {
					t.Errorf("decode %v without special: expected %q, found %q", e.IDs, e.DecodedSkip, got)
				}
				s, text := tok.Stream(false), ""
				for _, id := range e.IDs {
					text += s.Push(id)
				}
				if text += s.Flush(); text != e.Decoded {
					t.Errorf("stream %v: expected %q, found %q", e.IDs, e.Decoded, text)
				}
			}
			for _, c := range v.Chat {
				if got := tok.Encode(c.Rendered); !reflect.DeepEqual(got, c.IDs) {
					t.Errorf("encode chat %q:\nexpected %v\nfound    %v", c.Rendered, c.IDs, got)
				}
			}
			t.Logf("%d texts, %d chats", len(v.Encode), len(v.Chat))
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, v := range readVectors(b) {
		tok := load(b, v.Tokenizer)
		run := func(name string, before func()) {
			b.Run(v.Tokenizer+"/"+name, func(b *testing.B) {
				n := 0
				for b.Loop() {
					before()
					n = 0
					for _, e := range v.Encode {
						n += len(tok.Encode(e.Text))
					}
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
		run("warm", func() {})
		run("cold", func() { tok.cache = newCache() })
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, v := range readVectors(b) {
		tok := load(b, v.Tokenizer)
		b.Run(v.Tokenizer, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n = 0
				for _, e := range v.Encode {
					_ = tok.Decode(e.IDs, true)
					n += len(e.IDs)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	text, err := os.ReadFile(filepath.Join(fetch(b, "tokenizer-qwen3"), "tokenizer.json"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := FromJSON(text); err != nil {
			b.Fatal(err)
		}
	}
}
