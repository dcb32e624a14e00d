package plugins

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/rlvr-harness/harness/core/spelling"
)

// Presetter is implemented by settings that come in named sets. A setting "preset" then chooses the set that takes the
// place of the defaults; settings given beside it still win.
type Presetter[S any] interface {
	// Presets returns complete settings by name.
	Presets() map[string]S
}

// presetNames returns the names of the presets of S in order, or nil.
func presetNames[S any](defaults S) []string {
	p, ok := any(defaults).(Presetter[S])
	if !ok {
		return nil
	}
	var names []string
	for name := range p.Presets() {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// decodeSettings returns defaults overlaid with raw, a JSON object that agrees with the schema.
func decodeSettings[S any](schema, raw json.RawMessage, defaults S) (S, error) {
	var zero S
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = json.RawMessage("{}")
	}
	if err := checkSettings(schema, raw); err != nil {
		return zero, err
	}
	var chosen struct {
		Preset string `json:"preset"`
	}
	base := defaults
	if p, ok := any(defaults).(Presetter[S]); ok {
		if err := json.Unmarshal(raw, &chosen); err != nil {
			return zero, fmt.Errorf("settings: %w", err)
		}
		if chosen.Preset != "" {
			base = p.Presets()[chosen.Preset]
		}
	}
	// A round through JSON copies the maps and slices of the defaults, which belong to the author.
	text, err := json.Marshal(base)
	if err != nil {
		return zero, fmt.Errorf("settings: defaults: %w", err)
	}
	var s S
	for _, layer := range [][]byte{text, raw} {
		d := json.NewDecoder(bytes.NewReader(layer))
		d.DisallowUnknownFields()
		if err := d.Decode(&s); err != nil {
			return zero, fmt.Errorf("settings: %w", err)
		}
	}
	return s, nil
}

// checkSettings says what is wrong with settings by the names of the fields, or nil.
func checkSettings(schema, settings json.RawMessage) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return fmt.Errorf("settings schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // a schema stands alone: it may not make the harness read other files
	const url = "settings.json"
	if err := c.AddResource(url, doc); err != nil {
		return fmt.Errorf("settings schema: %w", err)
	}
	compiled, err := c.Compile(url)
	if err != nil {
		return fmt.Errorf("settings schema: %w", err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(settings))
	if err != nil {
		return fmt.Errorf("settings: no JSON object: %w", err)
	}
	err = compiled.Validate(value)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	var said []string
	explain(invalid, settingNames(schema), func(line string) { said = append(said, line) })
	sort.Strings(said)
	return fmt.Errorf("settings: %s", strings.Join(slices.Compact(said), "; "))
}

// explain tells the leaves of a validation error, each by its field.
func explain(e *jsonschema.ValidationError, names []string, say func(string)) {
	if len(e.Causes) > 0 {
		for _, c := range e.Causes {
			explain(c, names, say)
		}
		return
	}
	field := strings.Join(e.InstanceLocation, ".")
	if field == "" {
		field = "(all)"
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, p := range k.Properties {
			if len(e.InstanceLocation) > 0 {
				say(fmt.Sprintf("%s.%s: there is no such setting", field, p))
				continue
			}
			say(unknownSetting(p, names).Error())
		}
	case *kind.Required:
		for _, p := range k.Missing {
			say(fmt.Sprintf("%s: is required", p))
		}
	case *kind.Type:
		say(fmt.Sprintf("%s: want %s, got %s", field, strings.Join(k.Want, " or "), k.Got))
	case *kind.Enum:
		want := make([]string, 0, len(k.Want))
		for _, w := range k.Want {
			want = append(want, fmt.Sprintf("%q", fmt.Sprint(w)))
		}
		say(fmt.Sprintf("%s: want one of %s, got %q", field, strings.Join(want, ", "), fmt.Sprint(k.Got)))
	case *kind.Minimum:
		say(fmt.Sprintf("%s: want at least %s, got %s", field, decimal(k.Want), decimal(k.Got)))
	case *kind.ExclusiveMinimum:
		say(fmt.Sprintf("%s: want more than %s, got %s", field, decimal(k.Want), decimal(k.Got)))
	case *kind.Maximum:
		say(fmt.Sprintf("%s: want at most %s, got %s", field, decimal(k.Want), decimal(k.Got)))
	default:
		say(fmt.Sprintf("%s: breaks the schema's %s", field, strings.Join(e.ErrorKind.KeywordPath(), ".")))
	}
}

// decimal writes a number as a person would, and not as a fraction.
func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64() // the nearest
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func unknownSetting(name string, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("%s: there is no such setting; the plugin has none", name)
	}
	return fmt.Errorf("%s: there is no such setting;%s there are %s", name, didYouMean(name, names), strings.Join(names, ", "))
}

// didYouMean is the part of a message that suggests a name, or "".
func didYouMean(name string, names []string) string {
	if n := spelling.Nearest(name, names); n != "" {
		return " did you mean " + n + "?"
	}
	return ""
}

// settingNames lists the settings of a schema in order; none where the schema cannot be read.
func settingNames(schema json.RawMessage) []string {
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return nil
	}
	names := make([]string, 0, len(s.Properties))
	for n := range s.Properties {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// mergeSet lays the words of --set key=value over a JSON object; the schema says what type a word stands for. A key
// with a dot names an entry of a setting that is itself an object.
func mergeSet(schema, settings json.RawMessage, set map[string]string) (json.RawMessage, error) {
	if len(bytes.TrimSpace(settings)) == 0 {
		settings = json.RawMessage("{}")
	}
	if len(set) == 0 {
		return settings, nil
	}
	var all map[string]any
	d := json.NewDecoder(bytes.NewReader(settings))
	d.UseNumber() // a seed of 64 bits must not pass through a float
	if err := d.Decode(&all); err != nil || all == nil {
		return nil, fmt.Errorf("settings: want a JSON object, got %.60q", settings)
	}
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		key, entry, dotted := strings.Cut(k, ".")
		p, ok := schemaProperty(schema, key)
		if !ok {
			return nil, fmt.Errorf("settings: %w", unknownSetting(key, settingNames(schema)))
		}
		at := all
		if dotted {
			inner, isMap := all[key].(map[string]any)
			if !isMap {
				inner = map[string]any{}
				all[key] = inner
			}
			q, known := p.Properties[entry]
			if !known {
				q = p.AdditionalProperties
			}
			at, p = inner, schemaType{}
			if len(q) > 0 && json.Unmarshal(q, &p) != nil {
				p = schemaType{} // additionalProperties may be true
			}
			key = entry
		}
		v, err := p.parse(set[k])
		if err != nil {
			return nil, fmt.Errorf("settings: %s: %w", k, err)
		}
		at[key] = v
	}
	return json.Marshal(all)
}

// schemaType is what mergeSet reads of a property.
type schemaType struct {
	Type                 json.RawMessage            `json:"type"`
	Items                *schemaType                `json:"items"`
	Properties           map[string]json.RawMessage `json:"properties"`
	AdditionalProperties json.RawMessage            `json:"additionalProperties"`
}

func schemaProperty(schema json.RawMessage, name string) (schemaType, bool) {
	var s struct {
		Properties map[string]schemaType `json:"properties"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return schemaType{}, false
	}
	p, ok := s.Properties[name]
	return p, ok
}

// parse turns the word of a --set into a JSON value.
func (t schemaType) parse(word string) (any, error) {
	var types []string
	var one string
	switch {
	case json.Unmarshal(t.Type, &one) == nil:
		types = []string{one}
	case json.Unmarshal(t.Type, &types) != nil:
		types = nil
	}
	if slices.Contains(types, "null") && (word == "null" || word == "none") {
		return nil, nil
	}
	for _, want := range types {
		switch want {
		case "string":
			return word, nil
		case "integer":
			if n, err := strconv.ParseInt(word, 10, 64); err == nil {
				return n, nil // as JSON writes it: "007" is none of its numbers
			}
			n, err := strconv.ParseUint(strings.TrimPrefix(word, "+"), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("want a whole number, got %q", word)
			}
			return n, nil
		case "number":
			f, err := strconv.ParseFloat(word, 64)
			if err != nil || f-f != 0 { // neither infinity nor NaN has a place in JSON
				return nil, fmt.Errorf("want a number, got %q", word)
			}
			return f, nil
		case "boolean":
			b, err := strconv.ParseBool(word)
			if err != nil {
				return nil, fmt.Errorf("want true or false, got %q", word)
			}
			return b, nil
		case "array":
			if strings.HasPrefix(strings.TrimSpace(word), "[") {
				return parseJSON(word)
			}
			list := []any{}
			for _, part := range strings.Split(word, ",") {
				if part = strings.TrimSpace(part); part == "" {
					continue
				}
				item := any(part)
				if t.Items != nil {
					v, err := t.Items.parse(part)
					if err != nil {
						return nil, err
					}
					item = v
				}
				list = append(list, item)
			}
			return list, nil
		case "object":
			return parseJSON(word)
		}
	}
	if v, err := parseJSON(word); err == nil {
		return v, nil
	}
	return word, nil
}

func parseJSON(word string) (any, error) {
	d := json.NewDecoder(strings.NewReader(word))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return nil, fmt.Errorf("want JSON, got %q", word)
	}
	return v, nil
}

// Setting describes one setting for a person.
type Setting struct {
	Name string `json:"name"`
	// Type is the JSON type, or the choices.
	Type string `json:"type"`
	// Default is the default in JSON, or "".
	Default string `json:"default"`
	Doc     string `json:"doc"`
}

// DescribeSettings lists the settings of a schema by name.
func DescribeSettings(schema json.RawMessage) ([]Setting, error) {
	var s struct {
		Properties map[string]struct {
			Type        json.RawMessage
			Enum        []any
			Default     json.RawMessage
			Description string
		}
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, fmt.Errorf("settings schema: %w", err)
	}
	var out []Setting
	for _, name := range settingNames(schema) {
		p := s.Properties[name]
		t := strings.Trim(string(p.Type), `"`)
		if len(p.Enum) > 0 {
			var choices []string
			for _, e := range p.Enum {
				if word := fmt.Sprint(e); word != "" {
					choices = append(choices, word)
				}
			}
			t = strings.Join(choices, "|")
		}
		out = append(out, Setting{Name: name, Type: t, Default: string(p.Default), Doc: p.Description})
	}
	return out, nil
}
