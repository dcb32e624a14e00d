package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name     string
		settings string
		set      map[string]string
		want     string // of the resolved settings
		says     string // of the error
	}{
		{name: "defaults", want: `{"do":"nothing","mark":"","size":0,"rate":1,"list":null,"map":{"a":1},"on":false,"big":0,"by":"tests"}`},
		{name: "JSON", settings: `{"size": 7, "map": {"b": 2}}`, want: `"size":7,"rate":1,"list":null,"map":{"a":1,"b":2}`},
		{
			name: "words by type", set: map[string]string{"size": "3", "rate": "0.5", "list": "x, y", "map.b": "4", "on": "true", "big": "18446744073709551615"},
			want: `"size":3,"rate":0.5,"list":["x","y"],"map":{"a":1,"b":4},"on":true,"big":18446744073709551615`,
		},
		{name: "a word wins over JSON", settings: `{"size": 7}`, set: map[string]string{"size": "8"}, want: `"size":8`},
		{name: "unknown", settings: `{"sise": 7}`, says: "settings: sise: there is no such setting; did you mean size? there are big, by, do, list"},
		{name: "unknown word", set: map[string]string{"raet": "1"}, says: "raet: there is no such setting; did you mean rate?"},
		{name: "wrong type", settings: `{"size": "many"}`, says: "settings: size: want integer, got string"},
		{name: "wrong type inside", settings: `{"map": {"a": "x"}}`, says: "settings: map.a: want number, got string"},
		{name: "not a whole number", set: map[string]string{"size": "1.5"}, says: `size: want a whole number, got "1.5"`},
		{name: "not a number", set: map[string]string{"rate": "NaN"}, says: `rate: want a number, got "NaN"`},
		{name: "not a switch", set: map[string]string{"on": "perhaps"}, says: `on: want true or false`},
		{name: "too small", settings: `{"size": -1}`, says: "settings: size: want at least 0, got -1"},
		{name: "too large", settings: `{"size": 101}`, says: "settings: size: want at most 100"},
		{name: "not positive", settings: `{"rate": -0.1}`, says: "settings: rate: want more than 0, got -0.1"},
		{name: "no choice", set: map[string]string{"do": "dance"}, says: `settings: do: want one of "nothing", "die"`},
		{name: "two mistakes", settings: `{"size": -1, "rate": 0}`, says: "rate: want more than 0, got 0; size:"},
		{name: "no object", settings: `[1]`, says: "want object, got array"},
		{name: "no JSON", settings: `{`, says: "settings: no JSON object"},
		{name: "the author's own check", set: map[string]string{"do": "configure-error"}, says: "settings: do: asks for too much"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := OpenReward(ctx, Options{Name: "odd", Search: []string{bin}, Settings: json.RawMessage(c.settings), Set: c.set})
			if err == nil {
				defer r.Close()
			}
			if c.says != "" {
				var s *SettingsError
				if !errors.As(err, &s) {
					t.Fatalf("want a *SettingsError, got %v", err)
				}
				holds(t, err.Error(), "reward odd: ", c.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			holds(t, string(r.Plugin().Settings), c.want)
		})
	}
}

// family is a settings struct with presets.
type family struct {
	Preset string  `json:"preset"`
	Beta   float64 `json:"beta"`
	Eps    float64 `json:"eps"`
}

func (family) Presets() map[string]family {
	return map[string]family{"paper": {Beta: 1, Eps: 2}, "other": {Preset: "other", Beta: 3, Eps: 4}}
}

func TestPresets(t *testing.T) {
	d := family{Preset: "paper", Beta: 1, Eps: 2}
	schema := schemaOf(d, presetNames(d))
	for _, c := range []struct {
		settings string
		want     family
	}{
		{``, d},
		{`{"preset":"other"}`, family{"other", 3, 4}},
		{`{"preset":"other","beta":9}`, family{"other", 9, 4}},
		{`{"beta":9}`, family{"paper", 9, 2}},
	} {
		got, err := decodeSettings(schema, json.RawMessage(c.settings), d)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.settings, got, err, c.want)
		}
	}
	_, err := decodeSettings(schema, json.RawMessage(`{"preset":"trl"}`), d)
	if err == nil || !strings.Contains(err.Error(), `preset: want one of "", "other", "paper", got "trl"`) {
		t.Errorf("got %v", err)
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	type s struct {
		Map map[string]int `json:"map"`
	}
	d := s{Map: map[string]int{"a": 1}}
	got, err := decodeSettings(schemaOf(d, nil), json.RawMessage(`{"map":{"a":2}}`), d)
	if err != nil || got.Map["a"] != 2 || d.Map["a"] != 1 {
		t.Errorf("got %v, %v; defaults are %v", got, err, d)
	}
}

func TestSchemaStandsAlone(t *testing.T) {
	err := checkSettings(json.RawMessage(`{"$ref":"file:///etc/hostname"}`), json.RawMessage(`{}`))
	if err == nil || !strings.Contains(err.Error(), "settings schema") {
		t.Errorf("a schema made the harness read a file: %v", err)
	}
}

func TestSchemaPanics(t *testing.T) {
	for name, defaults := range map[string]any{
		"no struct": 1,
		"no tag":    struct{ A int }{},
		"a channel": struct {
			A chan int `json:"a"`
		}{},
		"a wrong tag": struct {
			A int `json:"a" min:"x"`
		}{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			schemaOf(defaults, nil)
		}()
	}
}

func TestTypesOfForeignSchemas(t *testing.T) {
	schema := json.RawMessage(`{"type":"object","properties":{
		"maybe":{"type":["number","null"]},"any":{},"list":{"type":"array","items":{"type":"integer"}},
		"open":{"type":"object","additionalProperties":true},"fixed":{"type":"object","properties":{"n":{"type":"integer"}}}}}`)
	for _, c := range []struct{ key, word, want string }{
		{"maybe", "none", `{"maybe":null}`},
		{"maybe", "1.5", `{"maybe":1.5}`},
		{"any", "[1]", `{"any":[1]}`},
		{"any", "word", `{"any":"word"}`},
		{"list", "1,2", `{"list":[1,2]}`},
		{"list", "[3]", `{"list":[3]}`},
		{"open.a", "x", `{"open":{"a":"x"}}`},
		{"open", `{"b":1}`, `{"open":{"b":1}}`},
		{"fixed.n", "3", `{"fixed":{"n":3}}`},
		{"fixed.n", "+007", `{"fixed":{"n":7}}`},
		{"fixed.n", "+18446744073709551615", `{"fixed":{"n":18446744073709551615}}`},
	} {
		got, err := mergeSet(schema, nil, map[string]string{c.key: c.word})
		if err != nil || string(got) != c.want {
			t.Errorf("%s=%s: got %s, %v, want %s", c.key, c.word, got, err, c.want)
		}
	}
	for _, c := range []struct{ key, word string }{{"list", "x"}, {"open", "{"}, {"fixed.n", "x"}} {
		if got, err := mergeSet(schema, nil, map[string]string{c.key: c.word}); err == nil {
			t.Errorf("%s=%s: got %s", c.key, c.word, got)
		}
	}
}

func FuzzSettings(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"type":"integer"}}}`, `{"a":1}`, "a", "2")
	f.Add(`{"type":"object","properties":{"m":{"type":"object","additionalProperties":{"type":"number"}}}}`, `{}`, "m.x", "1e3")
	f.Add(`{"properties":{"a":{"type":["array","null"],"items":{"type":"boolean"}}}}`, ``, "a", "true,false")
	f.Add(`{"$ref":"#/$defs/x","$defs":{"x":true}}`, `{"a":{}}`, "a.b", "{}")
	f.Fuzz(func(t *testing.T, schema, settings, key, word string) {
		merged, err := mergeSet(json.RawMessage(schema), json.RawMessage(settings), map[string]string{key: word})
		if err != nil {
			return
		}
		if !json.Valid(merged) {
			t.Fatalf("no JSON: %s", merged)
		}
		_ = checkSettings(json.RawMessage(schema), merged) // foreign schemas may be wrong in any way, and must not panic
	})
}
