package plugins

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// property is one setting in a JSON schema, in the part of the vocabulary that this package writes.
type property struct {
	Type                 string               `json:"type"`
	Description          string               `json:"description,omitempty"`
	Default              any                  `json:"default,omitempty"`
	Enum                 []string             `json:"enum,omitempty"`
	Minimum              *float64             `json:"minimum,omitempty"`
	ExclusiveMinimum     *float64             `json:"exclusiveMinimum,omitempty"`
	Maximum              *float64             `json:"maximum,omitempty"`
	Items                *property            `json:"items,omitempty"`
	Properties           map[string]*property `json:"properties,omitempty"`
	Required             []string             `json:"required,omitempty"`
	AdditionalProperties any                  `json:"additionalProperties,omitempty"`
}

// schemaOf derives the JSON schema of a settings struct. The json tag names a setting, doc describes it; enum, min, max
// and exclusiveMin bound it (on a map or a slice they bound its values), required:"true" demands it. Defaults are the
// values of defaults. It panics on a struct that has no schema: that is the author's mistake, met at the first start.
func schemaOf(defaults any, presets []string) json.RawMessage {
	p := structProperty(reflect.ValueOf(defaults))
	if preset := p.Properties["preset"]; preset != nil && len(presets) > 0 {
		preset.Enum = append([]string{""}, presets...)
	}
	out, err := json.Marshal(struct {
		Schema string `json:"$schema"`
		*property
	}{"https://json-schema.org/draft/2020-12/schema", p})
	if err != nil {
		panic(fmt.Sprintf("plugins: schema of %T: %v", defaults, err))
	}
	return out
}

func structProperty(v reflect.Value) *property {
	if v.Kind() != reflect.Struct {
		panic(fmt.Sprintf("plugins: settings are a struct, not %s", v.Type()))
	}
	p := &property{Type: "object", Properties: map[string]*property{}, AdditionalProperties: false}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous && f.Tag.Get("json") == "" && f.Type.Kind() == reflect.Struct {
			embedded := structProperty(v.Field(i))
			for name, q := range embedded.Properties {
				p.Properties[name] = q
			}
			p.Required = append(p.Required, embedded.Required...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			panic(fmt.Sprintf("plugins: field %s of %s needs a json tag that names the setting", f.Name, v.Type()))
		}
		q := typeProperty(f.Type, v.Field(i))
		q.Description = f.Tag.Get("doc")
		bound(q, f.Tag)
		if f.Tag.Get("required") == "true" {
			p.Required = append(p.Required, name)
			q.Default = nil
		}
		p.Properties[name] = q
	}
	return p
}

func typeProperty(t reflect.Type, v reflect.Value) *property {
	p := &property{}
	if v.IsValid() && t.Kind() != reflect.Struct {
		p.Default = v.Interface()
	}
	switch t.Kind() {
	case reflect.String:
		p.Type = "string"
	case reflect.Bool:
		p.Type = "boolean"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.Type = "integer"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.Type, p.Minimum = "integer", new(float64)
	case reflect.Float32, reflect.Float64:
		p.Type = "number"
	case reflect.Slice:
		p.Type, p.Items = "array", typeProperty(t.Elem(), reflect.Value{})
		if v.IsValid() && v.IsNil() {
			p.Default = []any{}
		}
	case reflect.Map:
		p.Type, p.AdditionalProperties = "object", typeProperty(t.Elem(), reflect.Value{})
		if v.IsValid() && v.IsNil() {
			p.Default = map[string]any{}
		}
	case reflect.Struct:
		if !v.IsValid() {
			v = reflect.Zero(t)
		}
		return structProperty(v)
	default:
		panic(fmt.Sprintf("plugins: a setting cannot be of type %s", t))
	}
	return p
}

func bound(p *property, tag reflect.StructTag) {
	values := p
	if p.Items != nil {
		values = p.Items
	}
	if q, ok := p.AdditionalProperties.(*property); ok {
		values = q
	}
	if e := tag.Get("enum"); e != "" {
		values.Enum = strings.Split(e, ",")
	}
	for _, b := range []struct {
		tag string
		to  **float64
	}{{"min", &values.Minimum}, {"exclusiveMin", &values.ExclusiveMinimum}, {"max", &values.Maximum}} {
		if s := tag.Get(b.tag); s != "" {
			x, err := strconv.ParseFloat(s, 64)
			if err != nil {
				panic(fmt.Sprintf("plugins: tag %s:%q is no number", b.tag, s))
			}
			*b.to = &x
		}
	}
}
