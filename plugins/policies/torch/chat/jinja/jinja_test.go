package jinja

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func render(t *testing.T, source string, vars map[string]any) (string, error) {
	t.Helper()
	program, err := Parse(source)
	if err != nil {
		return "", err
	}
	return program.Render(vars)
}

// A template from a stranger cannot keep the machine busy or fill its memory.
func TestLimits(t *testing.T) {
	deep := strings.Repeat("[", maxNesting+1) + strings.Repeat("]", maxNesting+1)
	rows := []struct{ name, source, want string }{
		{"loops in loops", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "too much work"},
		{"doubling text", "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "too much work"},
		{"doubling with ~", "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "too much work"},
		{"doubling lists", "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "too much work"},
		{"repeated text", "{{ 'x' * 99999999999 }}", "too much work"},
		{"repeated list", "{{ [1] * 99999999999 }}", "too much work"},
		{"padding", "{{ 'x'.zfill(99999999999) }}", "too much work"},
		{"replacing by more", "{% set s = 'a' * 100000 %}{{ s.replace('a', s) }}", "too much work"},
		{"joining", "{% set s = 'a' * 100000 %}{{ range(99999)|join(s) }}", "too much work"},
		{"batches", "{{ [1]|batch(99999999999, 'x') }}", "too much work"},
		{"output", "{% set s = 'a' * 1000000 %}{% for i in range(99) %}{{ s }}{% endfor %}", "bytes of output"},
		{"ranges", "{{ range(999999999) }}", "more than 100000 values"},
		{"macros without end", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "macros call one another more than"},
		{"recursive loops without end", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "goes more than"},
		{"brackets", "{{ " + deep + " }}", "nested more than"},
		{"not", "{{ " + strings.Repeat("not ", 500) + "x }}", "nested more than"},
		{"minus", "{{ " + strings.Repeat("-", 500) + "1 }}", "nested more than"},
		{"blocks", strings.Repeat("{% if x %}", 500), "nested more than"},
		{"attributes in a row", "{{ x" + strings.Repeat(".y", 5000) + " }}", "operators in a row"},
		{"sums in a row", "{{ 1" + strings.Repeat("+1", 5000) + " }}", "operators in a row"},
		{"filters in a row", "{{ x" + strings.Repeat("|string", 5000) + " }}", "operators in a row"},
		{"values in values", "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}", "nested more than"},
		{"values in values as JSON", "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l|tojson }}", "nested more than"},
		{"values in values compared", "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l == [ns.l] }}", "nested more than"},
		{"a long template", strings.Repeat("x", maxSource+1), "expected at most"},
		{"integers", "{{ 9223372036854775807 + 1 }}", "integer out of range"},
		{"powers", "{{ 10 ** 99 }}", "integer out of range"},
		{"least integer", "{{ (-9223372036854775807 - 1) // -1 }}", "integer out of range"},
	}
	for _, r := range rows {
		start := time.Now()
		text, err := render(t, r.source, nil)
		if err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: expected %q, found %d bytes, %v", r.name, r.want, len(text), err)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s: took %v", r.name, d)
		}
	}
}

// An error names the line, counted through every kind of tag.
func TestErrorsNameTheLine(t *testing.T) {
	rows := []struct{ name, source, want string }{
		{"in the first line", "{{ nope.x }}", "line 1: 'nope' is undefined"},
		{"after text", "a\nb\n{{ nope.x }}", "line 3: "},
		{"after a comment", "{# a\nb #}\n{{ nope.x }}", "line 3: "},
		{"after a raw block", "{% raw %}\n\n{% endraw %}\n{{ nope.x }}", "line 4: "},
		{"within a tag", "{% if\n\ntrue and\nnope.x %}{% endif %}", "line 4: "},
		{"while parsing", "a\n{% if %}", `line 2: expected an expression, found "%}"`},
		{"unclosed tag names its beginning", "a\n{{ x\n\n", "line 2: the tag is not closed"},
		{"unclosed comment", "\n{# x", "line 2: the comment is not closed"},
		{"unclosed raw", "\n{% raw %} x", "line 2: raw is not closed"},
		{"unclosed string", "\n{{ 'x }}", "line 2: the string is not closed"},
		{"bad escape", `{{ '\x4' }}`, "bad escape"},
		{"bracket of another kind", "{{ (1] }}", `unexpected "]"`},
		{"character that is no operator", "{{ 1 ? 2 }}", `unexpected character '?'`},
		{"number too large", "{{ 99999999999999999999 }}", "value out of range"},
		{"stray argument", "{{ f(a=1, 2) }}", "a positional argument follows a named one"},
		{"argument of a wrong type", "{{ 'a'.replace(1, 'b') }}", `str.replace: argument "old": expected str, found int`},
		{"argument that is missing", "{{ 'a'.replace('b') }}", `str.replace: argument "new" is missing`},
	}
	for _, r := range rows {
		if _, err := render(t, r.source, nil); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: expected %q, found %v", r.name, r.want, err)
		}
	}
}

func TestVariables(t *testing.T) {
	vars := map[string]any{
		"i": 1, "i64": int64(2), "f": 1.5, "b": true, "none": nil, "s": "x", "list": []any{1, []any{2}}, "map": map[string]any{"b": 1, "a": []any{}},
		"tuple": &List{Items: []any{1}, Tuple: true}, "dict": NewDict("z", 1, "a", 2),
		"double": Function(func(args []any, kwargs *Dict) (any, error) {
			n, _ := args[0].(int64)
			if m, ok := kwargs.Get("times"); ok {
				n *= m.(int64)
			}
			return []any{int(n)}, nil
		}),
	}
	got, err := render(t, "{{ i }} {{ i64 }} {{ f }} {{ b }} {{ s }} {{ list }} {{ map }} {{ tuple }} {{ dict }} {{ double(4, times=3)[0] }}", vars)
	if want := "1 2 1.5 True x [1, [2]] {'a': [], 'b': 1} (1,) {'z': 1, 'a': 2} 12"; err != nil || got != want {
		t.Errorf("expected %q, found %q, %v", want, got, err)
	}
	if _, err := render(t, "", map[string]any{"x": struct{}{}}); err == nil || !strings.Contains(err.Error(), `variable "x": a struct {} cannot be given`) {
		t.Errorf("struct: found %v", err)
	}
	if _, err := render(t, "", map[string]any{"x": NewDict("k", 1, "l", []any{struct{}{}})}); err == nil {
		t.Error("struct within: expected an error")
	}
	loop := make([]any, 1)
	loop[0] = loop
	if _, err := render(t, "", map[string]any{"x": loop}); err == nil || !strings.Contains(err.Error(), "nested more than") {
		t.Errorf("value that contains itself: found %v", err)
	}
	sentinel := errors.New("mine")
	failing := Function(func([]any, *Dict) (any, error) { return nil, sentinel })
	if _, err := render(t, "{{ f() }}", map[string]any{"f": failing}); !errors.Is(err, sentinel) {
		t.Errorf("error of a function: found %v", err)
	}
}

// What a template sets stays in its rendering.
func TestConcurrentRenderings(t *testing.T) {
	program, err := Parse("{% set ns = namespace(n=0) %}{% for i in l %}{% set ns.n = ns.n + i %}{% endfor %}{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(ns.n) }}")
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]any{"l": NewList(1, 2, 3)}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if text, err := program.Render(vars); err != nil || text != "<6>" {
					t.Errorf("found %q, %v", text, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestGenerationBlock(t *testing.T) {
	got, err := render(t, "a{% generation %}b{% set x = 1 %}{% endgeneration %}c{{ x is defined }}", nil)
	if err != nil || got != "abcFalse" {
		t.Errorf("found %q, %v", got, err)
	}
}

func BenchmarkRender(b *testing.B) {
	program, err := Parse("{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}")
	if err != nil {
		b.Fatal(err)
	}
	messages := NewList(NewDict("role", "system", "content", "Be brief."), NewDict("role", "user", "content", strings.Repeat("Write a function. ", 30)))
	for b.Loop() {
		if _, err := program.Render(map[string]any{"messages": messages}); err != nil {
			b.Fatal(err)
		}
	}
}
