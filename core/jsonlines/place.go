package jsonlines

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decode decodes text into v; first is the number of text's first line in the file.
func decode(text []byte, v any, file string, first int) error {
	fail := func(offset int, field string, err error) error {
		offset = min(max(offset, 0), len(text))
		start := bytes.LastIndexByte(text[:offset], '\n') + 1
		return &Error{
			File: file, Line: first + bytes.Count(text[:offset], []byte("\n")),
			Column: column(text[start:], offset-start), Field: field, Err: err,
		}
	}
	if i := invalidUTF8(text); i >= 0 {
		return fail(i, fieldAt(text, i), fmt.Errorf("byte 0x%02x is not UTF-8", text[i]))
	}
	err := json.Unmarshal(text, v)
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset := int(syntax.Offset)
		if offset > 0 && offset <= len(text) && !strings.Contains(syntax.Error(), "unexpected end") {
			offset-- // the offset is behind the byte that is wrong
		}
		if len(bytes.TrimSpace(text)) == 0 {
			return fail(offset, "", errors.New("the file is empty"))
		}
		return fail(offset, fieldAt(text, offset), errors.New("not JSON: "+syntax.Error()))
	case errors.As(err, &kind):
		// The offset is behind the value, or at its first byte for an object or array: the path finds its beginning.
		field, start := valueBefore(text, int(kind.Offset))
		return fail(start, field, fmt.Errorf("%s where %s belongs", kind.Value, describe(kind.Type)))
	default:
		return fail(0, "", err)
	}
}

// describe names a Go type as a reader of JSON knows it.
func describe(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number that is not negative"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return describe(t.Elem())
	default:
		return t.String()
	}
}

// column counts the characters of line before offset, from 1.
func column(line []byte, offset int) int {
	return utf8.RuneCount(line[:min(offset, len(line))]) + 1
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(text []byte) int {
	if utf8.Valid(text) { // much faster than the search
		return -1
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// walk calls visit for every scalar, and for every object and array at its beginning and its end, with its path and its
// extent in text; it stops where visit says so or text is no longer JSON. It returns the path that it had reached.
func walk(text []byte, visit func(path string, start, end int) bool) string {
	type level struct {
		array bool
		key   string // of an object: the key whose value comes next; "" where a key comes next
		keyed bool
		index int
		start int
	}
	var stack []level
	path := func() string {
		var b strings.Builder
		for _, l := range stack {
			switch {
			case l.array:
				b.WriteString("[" + strconv.Itoa(l.index) + "]")
			case l.keyed:
				if b.Len() > 0 {
					b.WriteByte('.')
				}
				b.WriteString(l.key)
			}
		}
		return b.String()
	}
	done := func() { // a value ended
		if n := len(stack); n > 0 {
			if stack[n-1].array {
				stack[n-1].index++
			} else {
				stack[n-1].keyed = false
			}
		}
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	for {
		start := int(dec.InputOffset())
		for start < len(text) && strings.IndexByte(" \t\r\n,:", text[start]) >= 0 {
			start++
		}
		token, err := dec.Token()
		if err != nil {
			if errors.Is(err, io.EOF) && len(stack) == 0 {
				return ""
			}
			return path()
		}
		end := int(dec.InputOffset())
		n := len(stack)
		if delim, ok := token.(json.Delim); ok {
			switch delim {
			case '{', '[':
				if !visit(path(), start, end) {
					return path()
				}
				stack = append(stack, level{array: delim == '[', start: start})
			default:
				begin := stack[n-1].start
				stack = stack[:n-1]
				if !visit(path(), begin, end) {
					return path()
				}
				done()
			}
			continue
		}
		if key, ok := token.(string); ok && n > 0 && !stack[n-1].array && !stack[n-1].keyed {
			stack[n-1].key, stack[n-1].keyed = key, true
			continue
		}
		if !visit(path(), start, end) {
			return path()
		}
		done()
	}
}

// fieldAt returns the path of the value in which offset lies, or after which text stops to be JSON.
func fieldAt(text []byte, offset int) string {
	return walk(text, func(_ string, _, end int) bool { return end <= offset })
}

// valueBefore returns the path and the beginning of the value that encoding/json's type error points to with offset.
func valueBefore(text []byte, offset int) (field string, start int) {
	walk(text, func(path string, begin, end int) bool {
		if end >= offset {
			field, start = path, begin
			return false
		}
		return true
	})
	return field, start
}

// find returns the offset of the value with a path, or -1.
func find(text []byte, field string) int {
	at := -1
	walk(text, func(path string, start, _ int) bool {
		if path == field {
			at = start
		}
		return at < 0
	})
	return at
}
