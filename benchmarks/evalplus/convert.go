package evalplus

import (
	"fmt"
	"strconv"
	"strings"
)

// mbppComparisons name the functions of judge.py for tasks whose answers are not simply compared
// (evalplus/eval/_special_oracle.py).
var mbppComparisons = map[string]string{
	"are_equivalent":      "_harness_any",            // Mbpp/164
	"sum_div":             "_harness_same_or_zero",   // Mbpp/295
	"surface_Area":        "_harness_same_area",      // Mbpp/581
	"digit_distance_nums": "_harness_same_distance",  // Mbpp/558
	"check_str":           "_harness_same_existence", // the three whose answers may be a match of a regular expression
	"text_match_three":    "_harness_same_existence",
	"text_starta_endb":    "_harness_same_existence",
	"similar_elements":    "_harness_same_set", // Mbpp/2, 7, 111, 140, 232, 249, 579, 769: the order is open
	"find_char_long":      "_harness_same_set", "common_in_nested_lists": "_harness_same_set", "extract_singly": "_harness_same_set",
	"larg_nnum": "_harness_same_set", "intersection_array": "_harness_same_set", "find_dissimilar": "_harness_same_set", "Diff": "_harness_same_set",
}

// conversions give arguments of MBPP+ the types that JSON does not have, by the number of the task
// (mbpp_deserialize_inputs in evalplus/data/mbpp.py).
var conversions = func() map[string]func([]value) ([]value, error) {
	m := map[string]func([]value) ([]value, error){}
	on := func(numbers string, convert func([]value) ([]value, error)) {
		for _, n := range strings.Fields(numbers) {
			m[n] = convert
		}
	}
	on("2 116 132 143 222 261 273 394 399 421 424 429 470 560 579 596 616 630 726 740 744 809", every(asTuple))
	on("63 64 70 94 120 237 272 299 400 409 417 438 473 614 780", every(each(asTuple)))
	on("75 413 444 753", at(0, each(asTuple)))
	on("106 750", at(1, asTuple))
	on("115", at(0, each(asSet)))
	on("124", both(at(0, call("float")), at(1, call("complex"))))
	on("250 307 405 446 617 720 763 808", at(0, asTuple))
	on("252", at(0, call("complex")))
	on("259 401 445", every(then(each(asTuple), asTuple)))
	on("278", at(0, then(each(ifList(asTuple)), asTuple)))
	on("580 615 791", every(deep))
	on("722", at(0, each(asTuple)))
	return m
}()

// unanswerable says that no answer to an input can be had, by the number of the task. Mbpp/255 asks once for all 1,663,740 selections
// of 77 from 5, 128 million references in more than half a gigabyte; its next largest answer has 6.3 million.
var unanswerable = map[string]func([]value) bool{
	"255": func(args []value) bool {
		if len(args) != 2 {
			return false
		}
		choose, err := strconv.Atoi(args[1].text)
		const most = 1_000_000
		selections := 1
		for i := 1; err == nil && i <= choose && selections < most; i++ { // C(n+k-1, k), with repetition
			selections = selections * (len(args[0].items) + i - 1) / i
		}
		return selections > most
	},
}

type conversion func(value) (value, error)

// every converts each argument.
func every(c conversion) func([]value) ([]value, error) {
	return func(args []value) ([]value, error) {
		v, err := each(c)(value{kind: list, items: args})
		return v.items, err
	}
}

// at converts one argument.
func at(i int, c conversion) func([]value) ([]value, error) {
	return func(args []value) ([]value, error) {
		if i >= len(args) {
			return nil, fmt.Errorf("it has %d arguments", len(args))
		}
		out := append([]value(nil), args...)
		var err error
		out[i], err = c(args[i])
		return out, err
	}
}

func both(a, b func([]value) ([]value, error)) func([]value) ([]value, error) {
	return func(args []value) ([]value, error) {
		args, err := a(args)
		if err != nil {
			return nil, err
		}
		return b(args)
	}
}

func then(a, b conversion) conversion {
	return func(v value) (value, error) {
		v, err := a(v)
		if err != nil {
			return v, err
		}
		return b(v)
	}
}

// each converts the elements of a list, or the values of a dict.
func each(c conversion) conversion {
	return func(v value) (value, error) {
		if v.kind != list && v.kind != dict {
			return v, fmt.Errorf("%s is not an array", v.python())
		}
		out := v
		out.items = make([]value, len(v.items))
		for i, e := range v.items {
			var err error
			if out.items[i], err = c(e); err != nil {
				return v, err
			}
		}
		return out, nil
	}
}

// asTuple is Python's tuple(): of a string it makes its characters, of a dict its keys.
func asTuple(v value) (value, error) {
	switch v.kind {
	case list, tuple:
		v.kind = tuple
		return v, nil
	case text:
		out := value{kind: tuple}
		for _, r := range v.text {
			out.items = append(out.items, value{kind: text, text: string(r)})
		}
		return out, nil
	case dict:
		out := value{kind: tuple}
		for _, k := range v.keys {
			out.items = append(out.items, value{kind: text, text: k})
		}
		return out, nil
	default:
		return v, fmt.Errorf("%s is not an array", v.python())
	}
}

// asSet makes a set of a list that has elements, and of anything else an empty dict, as EvalPlus does.
func asSet(v value) (value, error) {
	if v.kind == list && len(v.items) > 0 {
		v.kind = set
		return v, nil
	}
	return value{kind: dict}, nil
}

func ifList(c conversion) conversion {
	return func(v value) (value, error) {
		if v.kind == list {
			return c(v)
		}
		return v, nil
	}
}

// deep makes tuples of all lists.
func deep(v value) (value, error) {
	if v.kind != list {
		return v, nil
	}
	out, err := each(deep)(v)
	out.kind = tuple
	return out, err
}

// call wraps a number, or the text of one, into a call of its type.
func call(name string) conversion {
	return func(v value) (value, error) {
		if v.kind != text && v.kind != atom {
			return v, fmt.Errorf("%s is not a number", v.python())
		}
		return value{kind: atom, text: name + "(" + v.python() + ")"}, nil
	}
}
