package jinja

// loopVar is the variable "loop" of a for loop.
type loopVar struct {
	items   []any
	at      int
	depth   int
	again   *function // of a recursive loop
	changed *List     // the last arguments of loop.changed
}

func (t textStmt) run(s *state) flow {
	s.write(t.text)
	return flowNext
}

func (p printStmt) run(s *state) flow {
	s.line = p.line
	v := p.of.eval(s)
	s.line = p.line
	s.write(s.str(v))
	return flowNext
}

func (i ifStmt) run(s *state) flow {
	for n, t := range i.tests {
		if truth(t.eval(s)) {
			return s.run(i.bodies[n])
		}
	}
	if len(i.bodies) > len(i.tests) {
		return s.run(i.bodies[len(i.tests)])
	}
	return flowNext
}

func (f forStmt) run(s *state) flow {
	s.line = f.line
	f.loop(s, f.in.eval(s), 1)
	return flowNext
}

func (f forStmt) loop(s *state, over any, depth int) {
	if depth > maxCalls {
		fail(f.line, "a recursive loop goes more than %d deep", maxCalls)
	}
	items := s.iterate(over)
	parent := s.scope
	if f.filter != nil {
		items = f.keep(s, items)
	}
	if len(items) == 0 {
		s.in(parent, map[string]any{}, func() flow { return s.run(f.other) })
		return
	}
	l := &loopVar{items: items, depth: depth}
	if f.again {
		l.again = &function{"loop", func(s *state, args []any, _ *Dict) any {
			if len(args) != 1 {
				fail(f.line, "loop() takes one argument")
			}
			return s.capture(func() {
				s.in(parent, map[string]any{}, func() flow { f.loop(s, args[0], depth+1); return flowNext })
			})
		}}
	}
	for i, item := range items {
		s.work(10) // a scope of its own
		l.at = i
		jump := s.in(parent, map[string]any{"loop": l}, func() flow {
			f.target.assign(s, item)
			return s.run(f.body)
		})
		if jump == flowBreak {
			return
		}
	}
}

// keep returns the items for which the loop's filter holds.
func (f forStmt) keep(s *state, items []any) []any {
	var out []any
	for _, item := range items {
		s.in(s.scope, map[string]any{}, func() flow {
			f.target.assign(s, item)
			if truth(f.filter.eval(s)) {
				out = append(out, item)
			}
			return flowNext
		})
	}
	return out
}

// assign sets a target in the innermost scope.
func (t target) assign(s *state, v any) {
	switch {
	case t.parts != nil:
		items := s.iterate(v)
		if len(items) != len(t.parts) {
			fail(t.line, "expected %d values to unpack, found %d", len(t.parts), len(items))
		}
		for i, part := range t.parts {
			part.assign(s, items[i])
		}
	case t.attr != "":
		of, _ := s.lookup(t.id)
		ns, ok := of.(*namespace)
		if !ok {
			fail(t.line, "cannot assign to an attribute of %s, only to that of a namespace", t.id)
		}
		ns.vars.Set(t.attr, v)
	default:
		s.scope.vars[t.id] = v
	}
}

func (t setStmt) run(s *state) flow {
	s.line = t.line
	t.target.assign(s, t.value.eval(s))
	return flowNext
}

func (t setBlock) run(s *state) flow {
	var v any = s.captureBody(t.body)
	s.line = t.line
	for _, f := range t.filters {
		v = f.apply(s, v)
	}
	t.target.assign(s, v)
	return flowNext
}

// captureBody returns what a body writes in a scope of its own.
func (s *state) captureBody(body []stmt) string {
	return s.capture(func() { s.in(s.scope, map[string]any{}, func() flow { return s.run(body) }) })
}

func (w withStmt) run(s *state) flow {
	values := make([]any, len(w.values))
	for i, e := range w.values {
		values[i] = e.eval(s)
	}
	return s.in(s.scope, map[string]any{}, func() flow {
		for i, t := range w.targets {
			t.assign(s, values[i])
		}
		return s.run(w.body)
	})
}

func (m macroStmt) run(s *state) flow {
	s.scope.vars[m.id] = m.function(s.scope)
	return flowNext
}

// function makes a macro callable; its body sees the scope that it was defined in.
func (m macroStmt) function(defined *scope) *function {
	return &function{m.id, func(s *state, args []any, kwargs *Dict) any {
		if s.calls++; s.calls > maxCalls {
			fail(m.line, "macros call one another more than %d deep", maxCalls)
		}
		defer func() { s.calls-- }()
		vars := map[string]any{"varargs": &List{Tuple: true}, "kwargs": &Dict{}, "caller": undefined{"'caller' is undefined"}}
		return s.capture(func() {
			s.in(defined, vars, func() flow {
				m.bind(s, vars, args, kwargs)
				return s.run(m.body)
			})
		})
	}}
}

// bind gives the parameters their values.
func (m macroStmt) bind(s *state, vars map[string]any, args []any, kwargs *Dict) {
	given := map[string]bool{}
	for i, k := range kwargs.keys {
		id, _ := k.(string)
		given[id] = true
		if id == "caller" {
			vars[id] = kwargs.values[i]
		}
	}
	for i, id := range m.params {
		required := len(m.params) - len(m.defaults)
		switch {
		case i < len(args):
			if given[id] {
				fail(s.line, "macro %q got two values for %q", m.id, id)
			}
			vars[id] = args[i]
		case given[id]:
			vars[id], _ = kwargs.Get(id)
		case i >= required:
			vars[id] = m.defaults[i-required].eval(s)
		default:
			vars[id] = undefined{"parameter '" + id + "' was not provided"}
		}
		delete(given, id)
	}
	if len(args) > len(m.params) {
		vars["varargs"] = &List{Items: args[len(m.params):], Tuple: true}
	}
	rest := &Dict{}
	for i, k := range kwargs.keys {
		if id, _ := k.(string); given[id] && id != "caller" {
			rest.Set(id, kwargs.values[i])
		}
	}
	vars["kwargs"] = rest
}

func (c callStmt) run(s *state) flow {
	s.line = c.line
	f := c.of.of.eval(s)
	args, kwargs := c.of.args.eval(s)
	kwargs.Set("caller", c.macro.function(s.scope))
	s.write(s.str(s.callValue(f, args, kwargs)))
	return flowNext
}

func (f filterStmt) run(s *state) flow {
	var v any = s.captureBody(f.body)
	for _, fl := range f.filters {
		v = fl.apply(s, v)
	}
	s.write(s.str(v))
	return flowNext
}

func (b scopeStmt) run(s *state) flow {
	return s.in(s.scope, map[string]any{}, func() flow { return s.run(b.body) })
}

func (j jumpStmt) run(*state) flow { return j.to }
