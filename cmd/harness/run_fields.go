package main

import (
	"reflect"
	"strings"
)

// fieldsByFlag returns the fields of a configuration by the name of their flag, which is their name in YAML.
func fieldsByFlag(config any) map[string]reflect.Value {
	out := map[string]reflect.Value{}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		for i := range v.NumField() {
			name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			if options == "inline" {
				walk(v.Field(i))
				continue
			}
			out[name] = v.Field(i)
		}
	}
	walk(reflect.ValueOf(config).Elem())
	return out
}
