// Package jsonlines reads JSON that the harness wrote itself, a value a line or a document a file, into Go values, and
// says exactly where a file is wrong: file, line, column and field.
//
// It is strict: the first fault ends the reading, for a record that is broken in one place cannot be trusted in another.
// What a record's fields mean is its reader's business, which reports a bad one through Line.Fail. Files from elsewhere,
// in which a bad row is no reason to lose the others, are the affair of benchmarks/rows. Writing needs no package: a line
// is json.Marshal and a newline.
//
// The package imports the standard library only and opens no files.
package jsonlines

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// MaxLine is the length in bytes that a line may have.
const MaxLine = 64 << 20

// Error is a fault in a JSON file.
type Error struct {
	// File is the name that the reader was given.
	File string
	// Line counts from 1. Column counts characters, not bytes, from 1; 0 where the fault has no column.
	Line, Column int
	// Field is the path of the value at fault, as "tests[2].verdict"; "" for the whole value.
	Field string
	// Err is what is wrong.
	Err error
}

// Error puts the place in front in the form that editors and compilers know: file:line:column.
func (e *Error) Error() string {
	where := fmt.Sprintf("%s:%d", e.File, e.Line)
	if e.Column > 0 {
		where += fmt.Sprintf(":%d", e.Column)
	}
	if e.Field != "" {
		where += fmt.Sprintf(": field %q", e.Field)
	}
	return where + ": " + e.Err.Error()
}

// Unwrap returns what is wrong without its place.
func (e *Error) Unwrap() error { return e.Err }

// Line is one decoded line.
type Line[T any] struct {
	Value T
	// Raw is the line's text without its end. It is valid until the next line is read.
	Raw []byte
	// Number counts lines from 1, blank ones too.
	Number int

	file string
}

// Fail returns an Error about a field of the line: its column is where the field's value begins, or the line's
// beginning where the field is missing. The path is as in Error.Field.
func (l Line[T]) Fail(field, format string, args ...any) error {
	offset := max(find(l.Raw, field), 0)
	return &Error{File: l.file, Line: l.Number, Column: column(l.Raw, offset), Field: field, Err: fmt.Errorf(format, args...)}
}

// Read decodes each line of r into a T and stops at the first fault, which it yields as an *Error, or as r's own error
// with the file's name before it. Blank lines and a byte order mark at the beginning are skipped; fields that T does not
// have are let through. The name is for messages only.
func Read[T any](r io.Reader, name string) iter.Seq2[Line[T], error] {
	return func(yield func(Line[T], error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		var buf []byte
		for number := 1; ; number++ {
			var err error
			buf, err = readLine(in, buf[:0])
			end := errors.Is(err, io.EOF)
			if err != nil && !end {
				if errors.Is(err, errTooLong) {
					err = &Error{File: name, Line: number, Err: err}
				} else {
					err = fmt.Errorf("%s: line %d: %w", name, number, err)
				}
				yield(Line[T]{}, err)
				return
			}
			raw := buf
			if number == 1 {
				raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
			}
			if len(bytes.TrimSpace(raw)) > 0 {
				line := Line[T]{Raw: raw, Number: number, file: name}
				if err := decode(raw, &line.Value, name, number); err != nil {
					yield(line, err)
					return
				}
				if !yield(line, nil) {
					return
				}
			}
			if end {
				return
			}
		}
	}
}

var errTooLong = fmt.Errorf("longer than %d MiB; one JSON value a line is expected", MaxLine>>20)

// readLine appends the next line to buf without its end, which is \n or \r\n. It returns io.EOF with the last line, which
// may be empty.
func readLine(in *bufio.Reader, buf []byte) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		buf = append(buf, part...)
		if len(buf) > MaxLine+2 {
			return nil, errTooLong
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		buf = bytes.TrimSuffix(buf, []byte("\n"))
		buf = bytes.TrimSuffix(buf, []byte("\r"))
		return buf, err
	}
}

// Decode decodes a whole document, which may have many lines, and reports a fault as an *Error with the line in it.
func Decode[T any](data []byte, name string) (T, error) {
	var v T
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	err := decode(data, &v, name, 1)
	return v, err
}
