package rows

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
)

// Limits bound what a Reader holds in memory. The zero value stands for the defaults.
type Limits struct {
	// Line is the largest row in bytes; by default 32 MiB.
	Line int
	// Array is the largest file, unpacked, that holds an array instead of lines; by default 512 MiB.
	Array int
	// NonFinite takes NaN, Infinity and -Infinity, which Python writes and JSON does not know.
	NonFinite bool
}

const (
	defaultLine  = 32 << 20
	defaultArray = 512 << 20
)

// Reader yields the rows of one file in order. It holds one row at a time, or the whole file where that is an array.
type Reader struct {
	name  string
	lim   Limits
	close func() error
	src   *bufio.Reader
	line  int
	next  func() (*Object, error)
	err   error // the end of reading
}

// Open opens a file, gzipped or not.
func Open(path string, lim Limits) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		f.Close()
		return nil, fmt.Errorf("read rows: %s is a folder; want a file of JSON lines", path)
	}
	r := NewReader(path, f, lim)
	r.close = f.Close
	return r, nil
}

// NewReader reads rows from src; name stands for it in messages.
func NewReader(name string, src io.Reader, lim Limits) *Reader {
	if lim.Line <= 0 {
		lim.Line = defaultLine
	}
	if lim.Array <= 0 {
		lim.Array = defaultArray
	}
	r := &Reader{name: name, lim: lim, src: bufio.NewReaderSize(src, 64<<10)}
	r.next = r.begin
	return r
}

// Close closes the file that Open opened.
func (r *Reader) Close() error {
	r.err = errors.Join(r.err, os.ErrClosed)
	if r.close == nil {
		return nil
	}
	return r.close()
}

// Next returns the next row. io.EOF is the end; an *Error is about one row, and the next call goes on after it; any other
// error ends the reading.
func (r *Reader) Next() (*Object, error) {
	if r.err != nil {
		return nil, r.err
	}
	o, err := r.next()
	if err != nil && !IsRow(err) {
		r.err = err
	}
	return o, err
}

// IsRow says that err is about one row of a file, so that reading can go on after it.
func IsRow(err error) bool { return errors.As(err, new(*Error)) }

// foreign are beginnings of files that are no JSON in UTF-8, with what they are and how to mend that.
var foreign = []struct{ head, what string }{
	{"\xff\xfe\x00\x00", "UTF-32; save it as UTF-8"},
	{"\xff\xfe", "UTF-16; save it as UTF-8"},
	{"\xfe\xff", "UTF-16; save it as UTF-8"},
	{"{\x00", "UTF-16; save it as UTF-8"},
	{"\x00{", "UTF-16; save it as UTF-8"},
	{"\x28\xb5\x2f\xfd", "packed by zstd; unpack it, or pack it with gzip"},
	{"\xfd7zXZ\x00", "packed by xz; unpack it, or pack it with gzip"},
	{"BZh", "packed by bzip2; unpack it, or pack it with gzip"},
	{"PK\x03\x04", "a zip archive; unpack it"},
	{"PAR1", "Parquet; write it as JSON lines"},
}

// begin looks at the first bytes to learn what the file is.
func (r *Reader) begin() (*Object, error) {
	if head, _ := r.src.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(r.src)
		if err != nil {
			return nil, fmt.Errorf("unpack %s: %w", r.name, err)
		}
		r.src = bufio.NewReaderSize(z, 64<<10)
	}
	head, _ := r.src.Peek(6)
	for _, f := range foreign {
		if bytes.HasPrefix(head, []byte(f.head)) {
			return nil, fmt.Errorf("read %s: the file is %s", r.name, f.what)
		}
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = r.src.Discard(3) // just peeked at
	}
	r.next = r.fromLines
	for n := 1; ; n++ {
		head, err := r.src.Peek(n)
		if err != nil {
			break // short, or blank for a whole buffer: the line reader says what is wrong
		}
		switch head[n-1] {
		case ' ', '\t', '\r', '\n':
			continue
		case '[':
			return r.array()
		}
		break
	}
	return r.next()
}

// fromLines returns the object of the next line that is not blank.
func (r *Reader) fromLines() (*Object, error) {
	for {
		raw, long, err := r.readLine()
		if err != nil {
			return nil, err
		}
		if long {
			return nil, &Error{File: r.name, Line: r.line, Msg: fmt.Sprintf("the row is longer than the limit of %d bytes", r.lim.Line)}
		}
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		o, err := parse(origin{r.name, r.line, 1}, raw, r.lim.NonFinite)
		if err != nil {
			return nil, err
		}
		return o, nil
	}
}

// readLine returns the next line without its end, in memory of its own. A line over the limit is passed over and reported
// by long.
func (r *Reader) readLine() (raw []byte, long bool, err error) {
	r.line++
	for {
		part, err := r.src.ReadSlice('\n')
		if !long {
			raw = append(raw, part...)
		}
		if len(raw) > r.lim.Line+2 {
			raw, long = nil, true
		}
		switch {
		case err == nil:
			raw = bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte("\n")), []byte("\r"))
			return raw, long || len(raw) > r.lim.Line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			if len(raw) == 0 && !long {
				return nil, false, io.EOF
			}
			return raw, long || len(raw) > r.lim.Line, nil
		default:
			return nil, false, r.broken(err)
		}
	}
}

// broken words an error of the file itself.
func (r *Reader) broken(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read %s after line %d: the packed file is cut short: %w", r.name, r.line-1, err)
	}
	return fmt.Errorf("read %s after line %d: %w", r.name, r.line-1, err)
}

// array reads a file that is one array of objects and returns the first.
func (r *Reader) array() (*Object, error) {
	r.line = 1
	b, err := io.ReadAll(io.LimitReader(r.src, int64(r.lim.Array)+1))
	if err != nil {
		return nil, r.broken(err)
	}
	if len(b) > r.lim.Array {
		return nil, fmt.Errorf("read %s: an array larger than the limit of %d bytes; give it as one object a line", r.name, r.lim.Array)
	}
	at := origin{r.name, 1, 1}
	s := scanner{b: b, nonFinite: r.lim.NonFinite}
	s.space()
	var rows []span
	fault := s.array(0, func(v span) *syntaxError {
		rows = append(rows, v)
		return nil
	})
	if fault == nil {
		if s.space(); s.pos < len(b) {
			fault = s.fail("want the end of the file after the array, found %s", s.found())
		}
	}
	if fault != nil { // rows cannot be told apart behind the fault, so it is not about one row and not an *Error
		return nil, errors.New(at.errorAt(b, fault.at, "", "not a JSON array: "+fault.msg).Error())
	}
	done, line, column := 0, 1, 1
	r.next = func() (*Object, error) {
		if len(rows) == 0 {
			return nil, io.EOF
		}
		v := rows[0]
		rows = rows[1:]
		e := origin{line: line, column: column}.errorAt(b[done:], v.start-done, "", "")
		done, line, column = v.start, e.Line, e.Column
		return parse(origin{r.name, line, column}, b[v.start:v.end:v.end], r.lim.NonFinite)
	}
	return r.next()
}
