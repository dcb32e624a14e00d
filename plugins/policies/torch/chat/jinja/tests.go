package jinja

import (
	"strings"
)

type testFunc func(s *state, v any, b bound) bool

// tests are what may follow "is".
var tests map[string]testFunc

func init() { // the table's functions refer to it by way of the state's methods
	compare := func(op string) testFunc {
		return func(s *state, v any, b bound) bool { return s.holds(op, v, b.need(s, 0, "other")) }
	}
	kindOf := func(names ...string) testFunc {
		return func(_ *state, v any, _ bound) bool {
			for _, n := range names {
				if typeName(v) == n {
					return true
				}
			}
			return false
		}
	}
	remainder := func(s *state, v any, by int64) int64 {
		n, ok := integer(v)
		if !ok {
			fail(s.line, "expected an integer, found %s", typeName(v))
		}
		r, _ := s.integers("%", n, by).(int64)
		return r
	}
	sequence := kindOf("str", "list", "tuple", "dict", "Undefined")
	tests = map[string]testFunc{
		"defined":   func(_ *state, v any, _ bound) bool { _, is := v.(undefined); return !is },
		"undefined": kindOf("Undefined"),
		"none":      func(_ *state, v any, _ bound) bool { return v == nil },
		"boolean":   kindOf("bool"),
		"true":      func(_ *state, v any, _ bound) bool { return v == true },
		"false":     func(_ *state, v any, _ bound) bool { return v == false },
		"integer":   kindOf("int"),
		"float":     kindOf("float"),
		"number":    kindOf("bool", "int", "float"),
		"string":    kindOf("str"),
		"mapping":   kindOf("dict"),
		"sequence":  sequence,
		"iterable":  sequence,
		"callable":  kindOf("function"),
		"upper":     func(s *state, v any, _ bound) bool { return stringMethods["isupper"](s, s.str(v), nil, nil) == true },
		"lower":     func(s *state, v any, _ bound) bool { return stringMethods["islower"](s, s.str(v), nil, nil) == true },
		"even":      func(s *state, v any, _ bound) bool { return remainder(s, v, 2) == 0 },
		"odd":       func(s *state, v any, _ bound) bool { return remainder(s, v, 2) == 1 },
		"divisibleby": func(s *state, v any, b bound) bool {
			return remainder(s, v, b.int(s, 0, "num", 0)) == 0
		},
		"sameas": func(s *state, v any, b bound) bool {
			other := b.need(s, 0, "other")
			return typeName(v) == typeName(other) && (!isScalar(v) && v == other || isScalar(v) && s.equal(v, other, 0))
		},
		"in":     func(s *state, v any, b bound) bool { return s.contains(b.need(s, 0, "seq"), v) },
		"filter": func(s *state, v any, _ bound) bool { return filters[s.str(v)] != nil },
		"test":   func(s *state, v any, _ bound) bool { return tests[strings.TrimSpace(s.str(v))] != nil },
	}
	for op, names := range map[string][]string{
		"==": {"eq", "equalto"}, "!=": {"ne"}, "<": {"lt", "lessthan"}, "<=": {"le"}, ">": {"gt", "greaterthan"}, ">=": {"ge"},
	} {
		for _, n := range names {
			tests[n] = compare(op)
		}
	}
}
