package jinja

import (
	"math"
	"strings"
	"unicode/utf8"
)

// Values are nil (Python's None), bool, int64, float64, string, *List, *Dict, undefined, *namespace and *function.

// List is a Python list or, where Tuple is set, a tuple.
type List struct {
	Items []any
	Tuple bool
}

// NewList makes a list of values.
func NewList(items ...any) *List { return &List{Items: items} }

// Dict is a Python dict: it keeps its keys in the order in which they were set. The zero Dict is empty.
type Dict struct {
	keys   []any
	values []any
	index  map[any]int
}

// NewDict makes a dict of keys and values in turn.
func NewDict(pairs ...any) *Dict {
	d := &Dict{}
	for i := 0; i+1 < len(pairs); i += 2 {
		d.Set(pairs[i], pairs[i+1])
	}
	return d
}

// Set sets the value of a key, which is nil or a bool, int64, float64 or string.
func (d *Dict) Set(key, value any) {
	k := hashable(key)
	if i, ok := d.index[k]; ok {
		d.values[i] = value
		return
	}
	if d.index == nil {
		d.index = map[any]int{}
	}
	d.index[k] = len(d.keys)
	d.keys, d.values = append(d.keys, key), append(d.values, value)
}

// Get returns the value of a key.
func (d *Dict) Get(key any) (any, bool) {
	if !isScalar(key) {
		return nil, false
	}
	i, ok := d.index[hashable(key)]
	if !ok {
		return nil, false
	}
	return d.values[i], true
}

// hashable gives equal numbers of different types one form, as Python's hash does.
func hashable(key any) any {
	switch k := key.(type) {
	case bool:
		if k {
			return int64(1)
		}
		return int64(0)
	case float64:
		if k == math.Trunc(k) && math.Abs(k) < 1<<53 {
			return int64(k)
		}
	}
	return key
}

func isScalar(v any) bool {
	switch v.(type) {
	case nil, bool, int64, float64, string:
		return true
	}
	return false
}

// undefined is what a name or an attribute that does not exist gives. It may be tested and printed; using it otherwise fails
// with what.
type undefined struct{ what string }

// namespace is what namespace(…) makes: the one value whose attributes a template may set.
type namespace struct{ vars Dict }

// Function is something that a template can call. An error it returns ends the rendering.
type Function func(args []any, kwargs *Dict) (any, error)

// function is a Function with a name, or one that needs the state of the rendering.
type function struct {
	name string
	call func(s *state, args []any, kwargs *Dict) any
}

// typeName is the name of a value's type in Python.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case *List:
		if v.Tuple {
			return "tuple"
		}
		return "list"
	case *Dict:
		return "dict"
	case *namespace:
		return "Namespace"
	case undefined:
		return "Undefined"
	case *loopVar:
		return "LoopContext"
	}
	return "function"
}

// truth is Python's bool(v).
func truth(v any) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *List:
		return len(v.Items) > 0
	case *Dict:
		return len(v.keys) > 0
	}
	return true
}

// number returns a value as a float64; a bool counts as 0 or 1.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// integer returns a value as an int64 if Python has it as an int.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int64:
		return v, true
	}
	return 0, false
}

// maxDepth bounds recursion into values: a template can nest lists without limit.
const maxDepth = 200

// equal is Python's ==.
func (s *state) equal(a, b any, depth int) bool {
	s.work(1)
	if depth > maxDepth {
		fail(s.line, "values are nested more than %d deep", maxDepth)
	}
	if x, ok := integer(a); ok {
		if y, ok := integer(b); ok {
			return x == y
		}
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case undefined:
		_, ok := b.(undefined)
		return ok
	case string:
		b, ok := b.(string)
		return ok && a == b
	case *List:
		b, ok := b.(*List)
		if !ok || a.Tuple != b.Tuple || len(a.Items) != len(b.Items) {
			return false
		}
		for i := range a.Items {
			if !s.equal(a.Items[i], b.Items[i], depth+1) {
				return false
			}
		}
		return true
	case *Dict:
		b, ok := b.(*Dict)
		if !ok || len(a.keys) != len(b.keys) {
			return false
		}
		for i, k := range a.keys {
			if v, ok := b.Get(k); !ok || !s.equal(a.values[i], v, depth+1) {
				return false
			}
		}
		return true
	}
	return a == b
}

// compare orders two values: negative, zero or positive.
func (s *state) compare(a, b any, depth int) int {
	s.work(1)
	if depth > maxDepth {
		fail(s.line, "values are nested more than %d deep", maxDepth)
	}
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		}
	}
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			return strings.Compare(x, y) // UTF-8 keeps the order of code points
		}
	}
	x, okX := a.(*List)
	y, okY := b.(*List)
	if !okX || !okY || x.Tuple != y.Tuple {
		fail(s.line, "'<' not supported between %s and %s", typeName(a), typeName(b))
	}
	for i := range min(len(x.Items), len(y.Items)) {
		if !s.equal(x.Items[i], y.Items[i], depth+1) {
			return s.compare(x.Items[i], y.Items[i], depth+1)
		}
	}
	return len(x.Items) - len(y.Items)
}

// iterate returns what a for loop goes through.
func (s *state) iterate(v any) []any {
	switch v := v.(type) {
	case undefined:
		return nil
	case *List:
		return v.Items
	case *Dict:
		return v.keys
	case string:
		s.work(len(v))
		out := make([]any, 0, len(v))
		for _, r := range v {
			out = append(out, string(r))
		}
		return out
	}
	fail(s.line, "'%s' object is not iterable", typeName(v))
	return nil
}

// length is Python's len(v).
func (s *state) length(v any) int {
	switch v := v.(type) {
	case undefined:
		return 0
	case string:
		return utf8.RuneCountInString(v)
	case *List:
		return len(v.Items)
	case *Dict:
		return len(v.keys)
	}
	fail(s.line, "object of type '%s' has no len()", typeName(v))
	return 0
}
