package tokenizer

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/rlvr-harness/harness/plugins/policies/torch/gguf"
)

// preset is what a GGUF file's name for its pre-tokenizer stands for: the rules of the model's tokenizer.json, which the file
// does not repeat.
type preset struct {
	split splitter
	nfc   bool
	whole bool
	bos   bool // put before a text unless the file says otherwise
}

var presets = map[string]preset{
	"gpt-2":     {split: splitter{pattern: patternGPT2}},
	"smollm":    {split: splitter{pattern: patternGPT2, singleDigits: true}},
	"qwen2":     {split: splitter{pattern: patternCL1}, nfc: true},
	"llama-bpe": {split: splitter{pattern: patternCL3}, whole: true, bos: true},
	"llama-v3":  {split: splitter{pattern: patternCL3}, whole: true, bos: true},
	"llama3":    {split: splitter{pattern: patternCL3}, whole: true, bos: true},
}

// The values of tokenizer.ggml.token_type that matter here.
const (
	typeControl     = 3 // found in the text, special
	typeUserDefined = 4 // found in the text
	typeUnused      = 5 // fills the table up to the embedding's size
)

// FromGGUF makes a tokenizer from the tokenizer.ggml keys of a GGUF file.
func FromGGUF(m gguf.Metadata) (*Tokenizer, error) {
	s, err := specOfGGUF(m)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	t, err := build(s)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return t, nil
}

func specOfGGUF(m gguf.Metadata) (spec, error) {
	kind, err := m.String("tokenizer.ggml.model")
	if err != nil {
		return spec{}, err
	}
	if kind != "gpt2" {
		return spec{}, fmt.Errorf("tokenizer.ggml.model: expected gpt2 (byte-level BPE), found %q", kind)
	}
	name, err := m.String("tokenizer.ggml.pre")
	if err != nil {
		return spec{}, err
	}
	rules, ok := presets[name]
	if !ok {
		return spec{}, fmt.Errorf("tokenizer.ggml.pre: %q is not supported; known: %q", name, slices.Sorted(maps.Keys(presets)))
	}
	s := spec{split: rules.split, nfc: rules.nfc, whole: rules.whole}
	if err = s.tokensOfGGUF(m); err != nil {
		return spec{}, err
	}
	bos := rules.bos
	if m.Has("tokenizer.ggml.add_bos_token") {
		if bos, err = m.Bool("tokenizer.ggml.add_bos_token"); err != nil {
			return spec{}, err
		}
	}
	if bos {
		var id int
		if id, err = m.Int("tokenizer.ggml.bos_token_id"); err != nil {
			return spec{}, err
		}
		if id < 0 || id > math.MaxInt32 {
			return spec{}, fmt.Errorf("tokenizer.ggml.bos_token_id: no token has the id %d", id)
		}
		s.prefix = []int32{int32(id)}
	}
	return s, nil
}

// tokensOfGGUF reads the vocabulary, the types of its tokens and the merges.
func (s *spec) tokensOfGGUF(m gguf.Metadata) error {
	tokens, err := m.Strings("tokenizer.ggml.tokens")
	if err != nil {
		return err
	}
	types, err := m.Ints("tokenizer.ggml.token_type")
	if err != nil {
		return err
	}
	if len(types) != len(tokens) {
		return fmt.Errorf("tokenizer.ggml.token_type: expected %d entries, found %d", len(tokens), len(types))
	}
	s.vocab = make(map[string]int32, len(tokens))
	for i, text := range tokens {
		if other, twice := s.vocab[text]; twice {
			return fmt.Errorf("tokenizer.ggml.tokens: %q has the ids %d and %d", text, other, i)
		}
		if types[i] == typeUnused {
			continue
		}
		s.vocab[text] = int32(i)
		if types[i] == typeControl || types[i] == typeUserDefined {
			s.added = append(s.added, addedToken{ID: int32(i), Content: text, Special: types[i] == typeControl})
		}
	}
	merges, err := m.Strings("tokenizer.ggml.merges")
	if err != nil {
		return err
	}
	s.merges = make([]mergeRule, len(merges))
	for i, text := range merges {
		left, right, ok := cutMerge(text)
		if !ok {
			return fmt.Errorf("tokenizer.ggml.merges[%d]: expected two parts with a space between, found %q", i, text)
		}
		s.merges[i] = mergeRule{left, right}
	}
	return nil
}
