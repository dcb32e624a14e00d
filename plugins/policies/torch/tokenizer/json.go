package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// component is a normalizer, pre-tokenizer, post-processor or decoder of a tokenizer.json; the fields that a type does not
// have stay empty.
type component struct {
	Type          string      `json:"type"`
	Normalizers   []component `json:"normalizers"`
	Pretokenizers []component `json:"pretokenizers"`
	Processors    []component `json:"processors"`
	Decoders      []component `json:"decoders"`
	Pattern       struct {
		Regex  string
		String string
	} `json:"pattern"`
	Behavior         string `json:"behavior"`
	Invert           bool   `json:"invert"`
	AddPrefixSpace   bool   `json:"add_prefix_space"`
	UseRegex         *bool  `json:"use_regex"` // nil: true
	IndividualDigits bool   `json:"individual_digits"`
	Single           []struct {
		SpecialToken *struct {
			ID string `json:"id"`
		}
		Sequence *struct {
			ID string `json:"id"`
		}
	} `json:"single"`
	SpecialTokens map[string]struct {
		IDs []int32 `json:"ids"`
	} `json:"special_tokens"`
}

func (c *component) list(of []component) []component {
	if c == nil {
		return nil
	}
	if c.Type == "Sequence" {
		return of
	}
	return []component{*c}
}

// FromJSON makes a tokenizer from the text of a Hugging Face tokenizer.json.
func FromJSON(text []byte) (*Tokenizer, error) {
	var file struct {
		Added         []addedToken `json:"added_tokens"`
		Normalizer    *component   `json:"normalizer"`
		PreTokenizer  *component   `json:"pre_tokenizer"`
		PostProcessor *component   `json:"post_processor"`
		Decoder       *component   `json:"decoder"`
		Model         model        `json:"model"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	s := spec{vocab: file.Model.Vocab, merges: file.Model.Merges, added: file.Added, whole: file.Model.IgnoreMerges}
	steps := []func() error{
		func() error { return file.Model.check(&s) },
		func() error { return s.normalizer(file.Normalizer) },
		func() error { return s.preTokenizer(file.PreTokenizer) },
		func() error { return s.postProcessor(file.PostProcessor) },
		func() error { return checkDecoder(file.Decoder) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, fmt.Errorf("tokenizer.json: %w", err)
		}
	}
	t, err := build(s)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	return t, nil
}

type model struct {
	Type         string           `json:"type"`
	Vocab        map[string]int32 `json:"vocab"`
	Merges       []mergeRule      `json:"merges"`
	Dropout      *float64         `json:"dropout"`
	Unknown      *string          `json:"unk_token"`
	Prefix       *string          `json:"continuing_subword_prefix"`
	Suffix       *string          `json:"end_of_word_suffix"`
	FuseUnknown  bool             `json:"fuse_unk"`
	ByteFallback bool             `json:"byte_fallback"`
	IgnoreMerges bool             `json:"ignore_merges"`
}

func (m model) check(s *spec) error {
	set := func(p *string) bool { return p != nil && *p != "" }
	switch {
	case m.Type != "BPE":
		return fmt.Errorf("model: expected type BPE, found %q", m.Type)
	case m.Dropout != nil && *m.Dropout != 0:
		return fmt.Errorf("model: expected no dropout, found %g", *m.Dropout)
	case set(m.Prefix) || set(m.Suffix):
		return errors.New("model: continuing_subword_prefix and end_of_word_suffix are not supported: this is no byte-level BPE")
	case m.ByteFallback:
		return errors.New("model: byte_fallback is not supported: this is no byte-level BPE")
	case m.FuseUnknown:
		return errors.New("model: fuse_unk is not supported")
	}
	if m.Unknown != nil {
		s.unknown = *m.Unknown
	}
	return nil
}

// UnmarshalJSON takes a merge as "a b" or as ["a","b"].
func (m *mergeRule) UnmarshalJSON(text []byte) error {
	var parts []string
	if len(text) > 0 && text[0] == '[' {
		if err := json.Unmarshal(text, &parts); err != nil {
			return err
		}
	} else {
		var joined string
		if err := json.Unmarshal(text, &joined); err != nil {
			return err
		}
		left, right, ok := cutMerge(joined)
		if !ok {
			return fmt.Errorf("merge %q: expected two parts with a space between", joined)
		}
		parts = []string{left, right}
	}
	if len(parts) != 2 {
		return fmt.Errorf("merge %s: expected two parts, found %d", text, len(parts))
	}
	m.left, m.right = parts[0], parts[1]
	return nil
}

func (s *spec) normalizer(c *component) error {
	if c == nil {
		return nil
	}
	for _, n := range c.list(c.Normalizers) {
		if n.Type != "NFC" {
			return fmt.Errorf("normalizer: expected NFC or none, found %q", n.Type)
		}
		s.nfc = true
	}
	return nil
}

// preTokenizer understands three forms: ByteLevel with its own regular expression; digits one by one before it; and
// Split by a known expression before a ByteLevel that does not split.
func (s *spec) preTokenizer(c *component) error {
	if c == nil {
		return errors.New("pre_tokenizer: expected ByteLevel, alone or in a Sequence, found none")
	}
	list := c.list(c.Pretokenizers)
	bytes := false
	for i, p := range list {
		switch {
		case p.Type == "Digits" && i == 0 && len(list) > 1:
			if !p.IndividualDigits {
				return errors.New("pre_tokenizer: Digits without individual_digits is not supported")
			}
			s.split.singleDigits = true
		case p.Type == "Split" && s.split.pattern == "":
			if !slices.Contains(patterns(), p.Pattern.Regex) {
				return fmt.Errorf("pre_tokenizer: Split by %q is not supported; known patterns: %q", p.Pattern.Regex+p.Pattern.String, patterns())
			}
			if p.Behavior != "Isolated" || p.Invert {
				return fmt.Errorf("pre_tokenizer: Split: expected behavior Isolated, not inverted; found %q, invert %t", p.Behavior, p.Invert)
			}
			s.split.pattern = p.Pattern.Regex
		case p.Type == "ByteLevel" && i == len(list)-1:
			if p.AddPrefixSpace {
				return errors.New("pre_tokenizer: ByteLevel with add_prefix_space is not supported")
			}
			if p.UseRegex == nil || *p.UseRegex {
				if s.split.pattern != "" {
					return errors.New("pre_tokenizer: Split before a ByteLevel with use_regex is not supported")
				}
				s.split.pattern = patternGPT2
			}
			bytes = true
		default:
			return fmt.Errorf("pre_tokenizer: %q in place %d of %d is not supported", p.Type, i+1, len(list))
		}
	}
	if !bytes || s.split.pattern == "" {
		return errors.New("pre_tokenizer: expected a Sequence that splits and ends in ByteLevel")
	}
	return nil
}

func (s *spec) postProcessor(c *component) error {
	if c == nil {
		return nil
	}
	for _, p := range c.list(c.Processors) {
		switch p.Type {
		case "ByteLevel": // moves offsets only
		case "TemplateProcessing":
			if err := s.template(p); err != nil {
				return fmt.Errorf("post_processor: %w", err)
			}
		default:
			return fmt.Errorf("post_processor: expected ByteLevel or TemplateProcessing, found %q", p.Type)
		}
	}
	return nil
}

// template reads what a TemplateProcessing puts before and after a single text.
func (s *spec) template(p component) error {
	texts := 0
	for _, part := range p.Single {
		switch {
		case part.Sequence != nil:
			texts++
		case part.SpecialToken != nil:
			token, ok := p.SpecialTokens[part.SpecialToken.ID]
			if !ok {
				return fmt.Errorf("special token %q is not described", part.SpecialToken.ID)
			}
			if texts == 0 {
				s.prefix = append(s.prefix, token.IDs...)
			} else {
				s.suffix = append(s.suffix, token.IDs...)
			}
		}
	}
	if texts != 1 {
		return fmt.Errorf("expected one text in the template, found %d", texts)
	}
	return nil
}

func checkDecoder(c *component) error {
	if c == nil {
		return errors.New("decoder: expected ByteLevel, found none")
	}
	list := c.list(c.Decoders)
	if len(list) != 1 || list[0].Type != "ByteLevel" {
		return fmt.Errorf("decoder: expected ByteLevel, found %q", c.Type)
	}
	return nil
}

// cutMerge takes "a b" apart.
func cutMerge(text string) (left, right string, ok bool) {
	left, right, ok = strings.Cut(text, " ")
	return left, right, ok && left != "" && right != "" && !strings.Contains(right, " ")
}
