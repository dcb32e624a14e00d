package tokenizer

import (
	"errors"
	"fmt"
	"slices"
)

// Tokenizer encodes and decodes text. Its methods may be called from several goroutines at once.
type Tokenizer struct {
	bpe      bpe
	split    splitter
	nfc      bool
	raw      *matcher // added tokens that are looked for in the text as it is
	prepared *matcher // those that are looked for in the normalized text
	prefix   []int32  // what EncodeWithSpecial puts before and after
	suffix   []int32
	tokens   []string // by id: the bytes that a token stands for
	known    []bool   // by id
	special  []bool   // by id
	ids      map[string]int32
	cache    *cache
}

// spec is everything that makes a tokenizer.
type spec struct {
	vocab          map[string]int32 // entries as the vocabulary writes them
	merges         []mergeRule
	added          []addedToken
	split          splitter
	nfc            bool
	whole          bool
	unknown        string // entry for bytes without a token, "" for none
	prefix, suffix []int32
}

type mergeRule struct{ left, right string }

// maxSpread bounds how sparse token ids may be, since tables are indexed by them.
const maxSpread = 4

func build(s spec) (*Tokenizer, error) {
	if len(s.vocab) == 0 {
		return nil, errors.New("the vocabulary is empty")
	}
	t := &Tokenizer{split: s.split, nfc: s.nfc, prefix: s.prefix, suffix: s.suffix, cache: newCache()}
	if err := t.fillTables(s); err != nil {
		return nil, err
	}
	if err := t.bpe.fill(s); err != nil {
		return nil, err
	}
	var raw, prepared []addedToken
	for _, a := range s.added {
		if !a.Normalized || !s.nfc {
			raw = append(raw, a)
			continue
		}
		a.Content = nfc(a.Content)
		prepared = append(prepared, a)
	}
	t.raw, t.prepared = newMatcher(raw), newMatcher(prepared)
	for _, id := range slices.Concat(s.prefix, s.suffix) {
		if !t.has(id) {
			return nil, fmt.Errorf("what is put around a text: no token has the id %d", id)
		}
	}
	return t, nil
}

// fillTables fills what is indexed by id.
func (t *Tokenizer) fillTables(s spec) error {
	limit := maxSpread*int64(len(s.vocab)+len(s.added)) + 1024
	last := int32(0)
	check := func(text string, id int32) error {
		if id < 0 || int64(id) > limit {
			return fmt.Errorf("token %q: expected an id of 0 to %d, found %d", text, limit, id)
		}
		last = max(last, id)
		return nil
	}
	for text, id := range s.vocab {
		if err := check(text, id); err != nil {
			return err
		}
	}
	for _, a := range s.added {
		if a.Content == "" {
			return fmt.Errorf("added token %d is empty", a.ID)
		}
		if err := check(a.Content, a.ID); err != nil {
			return err
		}
	}
	t.tokens, t.known, t.special = make([]string, last+1), make([]bool, last+1), make([]bool, last+1)
	t.ids = make(map[string]int32, len(s.vocab)+len(s.added))
	set := func(text string, id int32) {
		t.tokens[id], _ = tokenBytes(text)
		t.known[id] = true
		t.ids[text] = id
	}
	for text, id := range s.vocab {
		if t.known[id] {
			return fmt.Errorf("token %q: its id %d is that of another token, too", text, id)
		}
		set(text, id)
	}
	for _, a := range s.added {
		set(a.Content, a.ID)
		t.special[a.ID] = a.Special
	}
	return nil
}

// fill translates the vocabulary and merges into bytes and ids.
func (b *bpe) fill(s spec) error {
	b.whole, b.unknown = s.whole, -1
	b.vocab = make(map[string]int32, len(s.vocab))
	for text, id := range s.vocab {
		if raw, ok := tokenBytes(text); ok {
			b.vocab[raw] = id
		}
	}
	for i := range b.single {
		b.single[i] = -1
		if id, ok := b.vocab[string([]byte{byte(i)})]; ok {
			b.single[i] = id
		}
	}
	if s.unknown != "" {
		id, ok := s.vocab[s.unknown]
		if !ok {
			return fmt.Errorf("the token for unknown bytes, %q, is not in the vocabulary", s.unknown)
		}
		b.unknown = id
	}
	b.merges = make(map[pair]merge, len(s.merges))
	for rank, m := range s.merges {
		left, okLeft := s.vocab[m.left]
		right, okRight := s.vocab[m.right]
		id, ok := s.vocab[m.left+m.right]
		if !okLeft || !okRight || !ok {
			return fmt.Errorf("merge %d of %q and %q: a part or the result is not in the vocabulary", rank, m.left, m.right)
		}
		b.merges[pair{left, right}] = merge{int32(rank), id} // the last of equals wins, as in the reference
	}
	return nil
}

// Encode returns the ids of text. Special and other added tokens that occur in it are recognised; nothing is put around it.
func (t *Tokenizer) Encode(text string) []int32 {
	return t.encode(make([]int32, 0, len(text)/3+4), text)
}

// EncodeWithSpecial is Encode with the tokens that the model expects around a text, such as Llama 3's begin of text.
func (t *Tokenizer) EncodeWithSpecial(text string) []int32 {
	out := append(make([]int32, 0, len(text)/3+4), t.prefix...)
	return append(t.encode(out, text), t.suffix...)
}

func (t *Tokenizer) encode(out []int32, text string) []int32 {
	token := func(id int32) { out = append(out, id) }
	piece := func(p string) {
		if len(p) == 1 {
			if id := t.bpe.single[p[0]]; id >= 0 {
				out = append(out, id)
				return
			}
		}
		out = append(out, t.cache.get(p, t.bpe.encode)...)
	}
	t.raw.cut(text, func(s string) {
		if t.nfc {
			s = nfc(s)
		}
		t.prepared.cut(s, func(s string) { t.split.each(s, piece) }, token)
	}, token)
	return out
}

// Decode returns the text of ids. Bytes that are no valid UTF-8 become U+FFFD; ids without a token are left out, and with
// skipSpecial special tokens are, too.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	var raw []byte
	for _, id := range ids {
		if t.has(id) && (!skipSpecial || !t.special[id]) {
			raw = append(raw, t.tokens[id]...)
		}
	}
	out, _ := appendLossy(make([]byte, 0, len(raw)), raw, true)
	return string(out)
}

func (t *Tokenizer) has(id int32) bool { return id >= 0 && int(id) < len(t.known) && t.known[id] }

// Size returns the largest id plus one. A model's vocabulary may be larger, padded to a round number.
func (t *Tokenizer) Size() int { return len(t.tokens) }

// ID finds a token by its text as the vocabulary writes it; that of an added token is the text itself.
func (t *Tokenizer) ID(text string) (int32, bool) {
	id, ok := t.ids[text]
	return id, ok
}

// Token returns the bytes that an id stands for, which may be part of a character; "" for an unknown id.
func (t *Tokenizer) Token(id int32) string {
	if !t.has(id) {
		return ""
	}
	return t.tokens[id]
}

// Special says whether id is a special token, such as the end of a turn.
func (t *Tokenizer) Special(id int32) bool { return t.has(id) && t.special[id] }
