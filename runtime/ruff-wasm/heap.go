package ruffwasm

import (
	"math"
	"strconv"
)

// kind is the type of a JavaScript value, as far as Ruff's module makes or asks for it.
type kind uint8

const (
	null kind = iota
	undefined
	boolean
	number
	text
	list
	record  // a plain object
	failure // an Error object
	symbol  // Symbol.iterator
)

// value is a JavaScript value. Which fields mean something depends on kind.
type value struct {
	kind   kind
	number float64 // number; boolean: 0 or 1
	text   string  // text; failure: its message
	items  []ref   // list
	fields []field // record, in the order they were set
}

type field struct {
	name  string
	value ref
}

// ref is what wasm holds of a value: an externref. 0 is wasm's null reference.
type ref uint64

// The values that wasm-bindgen keeps at fixed places.
const (
	refNull ref = iota
	refUndefined
	refTrue
	refFalse
)

// firstBrief divides the refs: those below are of values that live as long as the instance.
const firstBrief ref = 1 << 24

// heap holds the values that a wasm instance has references to. Ruff keeps none from one check to the next, but for the
// literal strings of its own program that serde-wasm-bindgen caches; so values are either lasting, or are all freed
// together by clear, and their memory is used again.
type heap struct {
	lasting []value
	brief   []value
}

func newHeap() heap {
	return heap{lasting: []value{{kind: null}, {kind: undefined}, {kind: boolean, number: 1}, {kind: boolean}}}
}

// keep stores a lasting value.
func (h *heap) keep(v value) ref {
	h.lasting = append(h.lasting, v)
	return ref(len(h.lasting) - 1)
}

// add stores a brief value of the given kind and returns it for filling; it is valid until the next add.
func (h *heap) add(k kind) (*value, ref) {
	n := len(h.brief)
	if n < cap(h.brief) {
		h.brief = h.brief[:n+1]
		v := &h.brief[n]
		*v = value{kind: k, items: v.items[:0], fields: v.fields[:0]}
	} else {
		h.brief = append(h.brief, value{kind: k})
	}
	return &h.brief[n], firstBrief + ref(n)
}

func (h *heap) addNumber(f float64) ref {
	v, r := h.add(number)
	v.number = f
	return r
}

func (h *heap) addText(s string) ref {
	v, r := h.add(text)
	v.text = s
	return r
}

// clear frees the brief values. The memory of an unusually large check is given back.
func (h *heap) clear() {
	if cap(h.brief) > 1<<15 {
		h.brief = nil
	}
	h.brief = h.brief[:0]
}

// at returns the value of a reference. A reference that was never given out, or whose value was freed, is undefined:
// as in JavaScript, where the table's free entries are.
func (h *heap) at(r ref) *value {
	switch {
	case r >= firstBrief && r-firstBrief < ref(len(h.brief)):
		return &h.brief[r-firstBrief]
	case r < ref(len(h.lasting)):
		return &h.lasting[r]
	}
	return &h.lasting[refUndefined]
}

// get returns a record's field.
func (v *value) get(name string) (ref, bool) {
	for _, f := range v.fields {
		if f.name == name {
			return f.value, true
		}
	}
	return refUndefined, false
}

// set gives a record's field a value.
func (v *value) set(name string, r ref) {
	for i, f := range v.fields {
		if f.name == name {
			v.fields[i].value = r
			return
		}
	}
	v.fields = append(v.fields, field{name, r})
}

// item returns a list's item.
func (v *value) item(i int) ref {
	if i < 0 || i >= len(v.items) {
		return refUndefined
	}
	return v.items[i]
}

// put gives a list's item a value; the list grows as needed.
func (v *value) put(i int, r ref) {
	for len(v.items) <= i {
		v.items = append(v.items, refUndefined)
	}
	v.items[i] = r
}

// key is the name of the property that v stands for.
func (v *value) key() string {
	if v.kind == number {
		return strconv.FormatFloat(v.number, 'f', -1, 64)
	}
	return v.text
}

// property is v[key].
func (v *value) property(key *value) ref {
	switch {
	case v.kind == record:
		r, _ := v.get(key.key())
		return r
	case v.kind == list && key.kind == number && key.number == math.Trunc(key.number):
		return v.item(int(key.number))
	}
	return refUndefined
}

// options builds the value of a settings object out of strings, slices of strings and maps of such, lasting.
func (h *heap) options(x any) ref {
	switch x := x.(type) {
	case string:
		return h.keep(value{kind: text, text: x})
	case bool:
		if x {
			return refTrue
		}
		return refFalse
	case []string:
		v := value{kind: list}
		for _, s := range x {
			v.items = append(v.items, h.options(s))
		}
		return h.keep(v)
	case []setting:
		v := value{kind: record}
		for _, s := range x {
			v.set(s.name, h.options(s.value))
		}
		return h.keep(v)
	}
	return refUndefined
}

// setting is a named option; a nested object is a []setting.
type setting struct {
	name  string
	value any
}
