package tokenizer

// Stream decodes ids one by one. It hands out text as soon as no later token can change it, so that a stop text is found at the
// token that ends it. The pieces together, with that of Flush, are what Decode gives for all ids. A Stream belongs to one goroutine.
type Stream struct {
	t           *Tokenizer
	skipSpecial bool
	rest        []byte // the beginning of a character, at most three bytes
}

// Stream starts an incremental Decode.
func (t *Tokenizer) Stream(skipSpecial bool) *Stream { return &Stream{t: t, skipSpecial: skipSpecial} }

// Push adds a token and returns the text that is final now.
func (s *Stream) Push(id int32) string {
	if !s.t.has(id) || s.skipSpecial && s.t.special[id] {
		return ""
	}
	var out []byte
	out, s.rest = appendLossy(nil, append(s.rest, s.t.tokens[id]...), false)
	return string(out)
}

// Flush returns what is left when no more tokens come: U+FFFD where a character stayed unfinished. The stream is then as new.
func (s *Stream) Flush() string {
	out, _ := appendLossy(nil, s.rest, true)
	s.rest = nil
	return string(out)
}
