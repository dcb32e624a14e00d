package rows

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Object is one row. Its getters return ok false where the field is absent or null, and an *Error where it has another type.
type Object struct {
	at     origin
	raw    []byte
	fields []field
}

type field struct {
	name  string
	value span
}

// maxFields bounds the fields of a row, which are compared with one another: a benchmark's have a dozen.
const maxFields = 1000

// parse reads raw, which starts at the given place of its file, as one object.
func parse(at origin, raw []byte, nonFinite bool) (*Object, error) {
	o := &Object{at: at, raw: raw}
	s := scanner{b: raw, nonFinite: nonFinite}
	s.space()
	err := s.object(0, func(key, value span) *syntaxError {
		name := string(unquote(raw[key.start:key.end]))
		if _, ok := o.find(name); ok {
			return &syntaxError{key.start, fmt.Sprintf("field %q is given twice", name)}
		}
		if len(o.fields) == maxFields {
			return &syntaxError{key.start, fmt.Sprintf("more than %d fields", maxFields)}
		}
		o.fields = append(o.fields, field{name, value})
		return nil
	})
	if err == nil {
		if s.space(); s.pos < len(raw) {
			err = s.fail("want the end of the row after its object, found %s", s.found())
		}
	}
	if err != nil {
		return nil, at.errorAt(raw, err.at, "", "not a JSON object: "+err.msg)
	}
	return o, nil
}

// find returns the value of a field.
func (o *Object) find(name string) (span, bool) {
	for _, f := range o.fields {
		if f.name == name {
			return f.value, true
		}
	}
	return span{}, false
}

// Line is the line of the file, from 1, that the object starts in.
func (o *Object) Line() int { return o.at.line }

// Errorf makes an Error at the given field, or at the start of the row where it has no such field.
func (o *Object) Errorf(name, format string, a ...any) *Error {
	v, _ := o.find(name)
	return o.at.errorAt(o.raw, v.start, name, fmt.Sprintf(format, a...))
}

// Missing is the Error of a field that must be there.
func (o *Object) Missing(name, want string) *Error {
	return o.Errorf(name, "it is missing; want %s", want)
}

// Raw returns the field's JSON. Null counts as absent.
func (o *Object) Raw(name string) (v json.RawMessage, ok bool) {
	at, ok := o.find(name)
	if !ok || o.kind(at) == "null" {
		return nil, false
	}
	return o.raw[at.start:at.end:at.end], true
}

// kind names the type of a scanned value.
func (o *Object) kind(v span) string { return kind(o.raw[v.start]) }

func kind(first byte) string {
	switch first {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// Bytes returns the content of a string field. Lone surrogates and bytes that are not UTF-8 are kept, as bytes that are not
// valid UTF-8.
func (o *Object) Bytes(name string) (b []byte, ok bool, err error) {
	v, ok := o.find(name)
	if !ok || o.kind(v) == "null" {
		return nil, false, nil
	}
	if k := o.kind(v); k != "a string" {
		return nil, false, o.Errorf(name, "want a string, found %s", k)
	}
	return unquote(o.raw[v.start:v.end]), true, nil
}

// Unquote decodes a JSON string that stands in a row, as Bytes does.
func Unquote(quoted json.RawMessage) []byte { return unquote(quoted) }

// Text is Bytes for a field that must be valid Unicode.
func (o *Object) Text(name string) (s string, ok bool, err error) {
	b, ok, err := o.Bytes(name)
	if err == nil && !utf8.Valid(b) {
		return "", false, o.Errorf(name, "want text, found bytes that are not UTF-8 or half a surrogate pair")
	}
	return string(b), ok, err
}

// Texts returns an array of strings.
func (o *Object) Texts(name string) (list []string, ok bool, err error) {
	v, ok := o.find(name)
	if !ok || o.kind(v) == "null" {
		return nil, false, nil
	}
	if k := o.kind(v); k != "an array" {
		return nil, false, o.Errorf(name, "want an array of strings, found %s", k)
	}
	s := scanner{b: o.raw[:v.end], pos: v.start, nonFinite: true}
	list = []string{}
	fault := s.array(0, func(e span) *syntaxError {
		if k := o.kind(e); k != "a string" {
			return &syntaxError{e.start, fmt.Sprintf("want an array of strings, found %s as its entry %d", k, len(list)+1)}
		}
		text := unquote(o.raw[e.start:e.end])
		if !utf8.Valid(text) {
			return &syntaxError{e.start, fmt.Sprintf("entry %d: want text, found bytes that are not UTF-8 or half a surrogate pair", len(list)+1)}
		}
		list = append(list, string(text))
		return nil
	})
	if fault != nil {
		return nil, false, o.at.errorAt(o.raw, fault.at, name, fault.msg)
	}
	return list, true, nil
}

// ID returns an identifier, a string that is not empty or a whole number, as text and as it stands in the file.
func (o *Object) ID(name string) (text string, raw json.RawMessage, err error) {
	v, ok := o.find(name)
	if !ok {
		return "", nil, o.Missing(name, "a string or a whole number")
	}
	switch k := o.kind(v); k {
	case "a string":
		if text, _, err = o.Text(name); err != nil {
			return "", nil, err
		}
		if text == "" {
			return "", nil, o.Errorf(name, "want a string or a whole number, found an empty string")
		}
	case "a number":
		text = string(o.raw[v.start:v.end])
		for i := range len(text) {
			if c := text[i]; (c < '0' || c > '9') && (c != '-' || i > 0) {
				return "", nil, o.Errorf(name, "want a string or a whole number, found %s", text)
			}
		}
	default:
		return "", nil, o.Errorf(name, "want a string or a whole number, found %s", k)
	}
	return text, o.raw[v.start:v.end:v.end], nil
}
