package rows

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is what is wrong with one row.
type Error struct {
	// File is the name that the Reader was given.
	File string
	// Line counts from 1. Column counts characters from 1; 0 means that the row as a whole is meant.
	Line, Column int
	// Field is the name of the offending field, or "".
	Field string
	// Msg says what is wrong and what was expected.
	Msg string
}

// Error formats the error as "file:line:column: field: what".
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d", e.File, e.Line)
	if e.Column > 0 {
		fmt.Fprintf(&b, ":%d", e.Column)
	}
	b.WriteString(": ")
	if e.Field != "" {
		fmt.Fprintf(&b, "field %q: ", e.Field)
	}
	b.WriteString(e.Msg)
	return b.String()
}

// origin is where a row starts in its file.
type origin struct {
	file         string
	line, column int
}

// errorAt makes an Error for the byte raw[at] of a row that starts at o.
func (o origin) errorAt(raw []byte, at int, field, msg string) *Error {
	line, column := o.line, o.column
	for {
		i := bytes.IndexByte(raw[:min(at, len(raw))], '\n')
		if i < 0 {
			break
		}
		line, column = line+1, 1
		raw, at = raw[i+1:], at-i-1
	}
	return &Error{File: o.file, Line: line, Column: column + utf8.RuneCount(raw[:min(at, len(raw))]), Field: field, Msg: msg}
}
