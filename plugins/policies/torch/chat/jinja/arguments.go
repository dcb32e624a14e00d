package jinja

import (
	"slices"
	"strings"
)

// bound are the arguments of a filter, test, method or function.
type bound struct {
	what   string // for errors
	args   []any
	kwargs *Dict
}

// arg returns the argument in a place or of a name.
func (b bound) arg(i int, id string) (any, bool) {
	if i < len(b.args) {
		return b.args[i], true
	}
	return b.kwargs.Get(id)
}

// or returns an argument, or another value where it is not given.
func (b bound) or(i int, id string, other any) any {
	if v, ok := b.arg(i, id); ok {
		return v
	}
	return other
}

// need returns an argument that must be given.
func (b bound) need(s *state, i int, id string) any {
	v, ok := b.arg(i, id)
	if !ok {
		fail(s.line, "%s: argument %q is missing", b.what, id)
	}
	return v
}

func (b bound) text(s *state, i int, id string) string {
	v := b.need(s, i, id)
	text, ok := v.(string)
	if !ok {
		fail(s.line, "%s: argument %q: expected str, found %s", b.what, id, typeName(v))
	}
	return text
}

func (b bound) int(s *state, i int, id string, other int64) int64 {
	v := b.or(i, id, other)
	n, ok := integer(v)
	if !ok {
		fail(s.line, "%s: argument %q: expected int, found %s", b.what, id, typeName(v))
	}
	return n
}

// checkNames refuses a named argument that what does not know, rather than leaving it out of account.
func (s *state) checkNames(what string, kwargs *Dict, names []string) {
	for _, k := range kwargs.keys {
		if id, _ := k.(string); !slices.Contains(names, id) {
			fail(s.line, "%s: unknown argument %q; known: %s", what, id, strings.Join(names, ", "))
		}
	}
}
