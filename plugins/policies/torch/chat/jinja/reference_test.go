package jinja

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

// ordered reads JSON with the keys of objects in their order.
func ordered(t testing.TB, d *json.Decoder) any {
	tok, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch v := tok.(type) {
	case json.Delim:
		if v == '[' {
			l := NewList()
			for d.More() {
				l.Items = append(l.Items, ordered(t, d))
			}
			_, _ = d.Token()
			return l
		}
		o := NewDict()
		for d.More() {
			k := ordered(t, d)
			o.Set(k, ordered(t, d))
		}
		_, _ = d.Token()
		return o
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	}
	return tok
}

type referenceCase struct{ Template, Out, Error string }

// reference reads templates of our own with what jinja2 3.1.6 makes of them in the environment of transformers.
func reference(t testing.TB) (map[string]any, []referenceCase) {
	text, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vars  json.RawMessage
		Cases []referenceCase
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(file.Vars))
	d.UseNumber()
	all, ok := ordered(t, d).(*Dict)
	if !ok {
		t.Fatal("vars: expected an object")
	}
	vars := map[string]any{"raise_exception": Function(func(args []any, _ *Dict) (any, error) { return nil, fmt.Errorf("%v", args) })}
	for i, k := range all.keys {
		name, _ := k.(string)
		vars[name] = all.values[i]
	}
	return vars, file.Cases
}

func TestReference(t *testing.T) {
	vars, cases := reference(t)
	for _, c := range cases {
		var got string
		program, err := Parse(c.Template)
		if err == nil {
			got, err = program.Render(vars)
		}
		switch {
		case c.Error != "" && err == nil:
			t.Errorf("%q:\nexpected the error %s\nfound    %q", c.Template, c.Error, got)
		case c.Error == "" && err != nil:
			t.Errorf("%q:\nexpected %q\nfound    the error %v", c.Template, c.Out, err)
		case got != c.Out:
			t.Errorf("%q:\nexpected %q\nfound    %q", c.Template, c.Out, got)
		}
	}
}

func FuzzRender(f *testing.F) {
	vars, cases := reference(f)
	for _, c := range cases {
		f.Add(c.Template)
	}
	f.Fuzz(func(t *testing.T, source string) {
		program, err := Parse(source)
		if err != nil {
			return
		}
		text, err := program.Render(vars)
		if err == nil && len(text) > maxOutput {
			t.Fatalf("%d bytes of output", len(text))
		}
	})
}
