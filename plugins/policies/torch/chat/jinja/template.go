package jinja

import (
	"errors"
	"fmt"
)

// Limits of one rendering.
const (
	maxSource = 1 << 20 // bytes of a template
	maxWork   = 10_000_000
	maxOutput = 16 << 20 // bytes
	maxCalls  = 50       // of macros within macros
)

// Template is a parsed template. It may be rendered from several goroutines at once.
type Template struct{ body []stmt }

// Parse parses a template. Errors name the line.
func Parse(source string) (t *Template, err error) {
	defer recoverFailure(&err)
	if len(source) > maxSource {
		return nil, fmt.Errorf("a template of %d bytes: expected at most %d", len(source), maxSource)
	}
	p := &parser{tokens: lex(source)}
	return &Template{p.statements()}, nil
}

// Render renders the template with variables and functions by name. A variable's value is nil, a bool, int, int64, float64,
// string, *List, *Dict, []any, map[string]any (whose keys come in order of their names) or a Function.
func (t *Template) Render(vars map[string]any) (text string, err error) {
	defer recoverFailure(&err)
	s := &state{left: maxWork, line: 1}
	global := &scope{vars: map[string]any{}}
	for name, f := range globals {
		global.vars[name] = &function{name, f}
	}
	for name, v := range vars {
		global.vars[name] = s.value(name, v, 0)
	}
	s.scope = &scope{vars: map[string]any{}, parent: global}
	s.run(t.body)
	return string(s.out), nil
}

// value takes over a value of the caller's.
func (s *state) value(name string, v any, depth int) any {
	s.work(1)
	if depth > maxDepth {
		fail(s.line, "variable %q is nested more than %d deep", name, maxDepth)
	}
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v
	case int:
		return int64(v)
	case *List:
		out := &List{Tuple: v.Tuple}
		for _, item := range v.Items {
			out.Items = append(out.Items, s.value(name, item, depth+1))
		}
		return out
	case *Dict:
		out := &Dict{}
		for i, k := range v.keys {
			if k = s.value(name, k, depth+1); !isScalar(k) {
				fail(s.line, "variable %q: a %s cannot be a key", name, typeName(k))
			}
			out.Set(k, s.value(name, v.values[i], depth+1))
		}
		return out
	case []any:
		return s.value(name, &List{Items: v}, depth)
	case map[string]any:
		out := &Dict{}
		for _, k := range sortedKeys(v) {
			out.Set(k, s.value(name, v[k], depth+1))
		}
		return out
	case Function:
		return &function{name, func(s *state, args []any, kwargs *Dict) any {
			out, err := v(args, kwargs)
			if err != nil {
				fail(s.line, "%w", err)
			}
			return s.value(name, out, 0)
		}}
	}
	fail(s.line, "variable %q: a %T cannot be given to a template", name, v)
	return nil
}

// scope holds the variables of a loop's turn, a macro's call or the template.
type scope struct {
	vars   map[string]any
	parent *scope
}

// state is one rendering.
type state struct {
	scope *scope
	out   []byte
	left  int // work that may still be done
	calls int // macros that are running
	line  int // of what runs, for errors
}

var errWork = errors.New("the template does too much work; it may not end")

// work charges n units: about one per node that is evaluated, and one per eight bytes that are made.
func (s *state) work(n int) {
	if s.left -= n; s.left < 0 || n < 0 {
		fail(s.line, "%w", errWork)
	}
}

// made charges for a text that was made.
func (s *state) made(text string) string {
	s.work(len(text)/8 + 1)
	return text
}

func (s *state) write(text string) {
	s.work(len(text)/8 + 1)
	if len(s.out)+len(text) > maxOutput {
		fail(s.line, "more than %d bytes of output", maxOutput)
	}
	s.out = append(s.out, text...)
}

// run runs statements until one of them jumps.
func (s *state) run(body []stmt) flow {
	for _, st := range body {
		s.work(1)
		if f := st.run(s); f != flowNext {
			return f
		}
	}
	return flowNext
}

// in runs body in a scope of its own below parent.
func (s *state) in(parent *scope, vars map[string]any, body func() flow) flow {
	before := s.scope
	s.scope = &scope{vars, parent}
	defer func() { s.scope = before }()
	return body()
}

// capture returns what body writes.
func (s *state) capture(body func()) string {
	before := s.out
	s.out = nil
	body()
	text := string(s.out)
	s.out = before
	return text
}

func (s *state) lookup(id string) (any, bool) {
	for sc := s.scope; sc != nil; sc = sc.parent {
		if v, ok := sc.vars[id]; ok {
			return v, true
		}
	}
	return nil, false
}
