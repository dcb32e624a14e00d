package jinja

// globals are the functions that every template has.
var globals = map[string]func(s *state, args []any, kwargs *Dict) any{
	"range": rangeFunc,
	"namespace": func(s *state, args []any, kwargs *Dict) any {
		ns := &namespace{}
		for _, arg := range args {
			d, ok := arg.(*Dict)
			if !ok {
				fail(s.line, "namespace(): expected a dict, found %s", typeName(arg))
			}
			ns.vars = *s.copyDict(d)
		}
		for i, k := range kwargs.keys {
			ns.vars.Set(k, kwargs.values[i])
		}
		return ns
	},
	"dict": func(s *state, args []any, kwargs *Dict) any {
		out := &Dict{}
		for _, arg := range args {
			d, ok := arg.(*Dict)
			if !ok {
				fail(s.line, "dict(): expected a dict, found %s", typeName(arg))
			}
			out = s.copyDict(d)
		}
		for i, k := range kwargs.keys {
			out.Set(k, kwargs.values[i])
		}
		return out
	},
}

// maxRange is the sandbox's limit in jinja2.
const maxRange = 100_000

func rangeFunc(s *state, args []any, _ *Dict) any {
	var n [3]int64
	if len(args) < 1 || len(args) > 3 {
		fail(s.line, "range() takes one to three arguments, found %d", len(args))
	}
	for i, arg := range args {
		v, ok := integer(arg)
		if !ok {
			fail(s.line, "range(): expected an integer, found %s", typeName(arg))
		}
		n[i] = v
	}
	start, stop, step := n[0], n[1], n[2]
	if len(args) == 1 {
		start, stop = 0, n[0]
	}
	if len(args) < 3 {
		step = 1
	}
	if step == 0 {
		fail(s.line, "range(): the step must not be zero")
	}
	out := NewList()
	for v := start; step > 0 && v < stop || step < 0 && v > stop; v += step {
		if len(out.Items) == maxRange {
			fail(s.line, "range(): more than %d values", maxRange)
		}
		s.work(1)
		out.Items = append(out.Items, v)
		if next := v + step; (next > v) != (step > 0) {
			break
		}
	}
	return out
}
