// Package samples reads files of saved completions: ours, human-eval's and EvalPlus's.
//
// A row is one completion of one task:
//
//	{"task_id": 11, "completion": "…"}             human-eval's form, and ours: what a model answered
//	{"task_id": 11, "completion_base64": "…"}      ours, for bytes that JSON cannot hold
//	{"task_id": "Mbpp/11", "solution": "…"}        EvalPlus's: a program of its own
//
// Other fields are passed over. The package reads one row at a time, whatever the size of the file. It does not know the
// tasks, nor what of a completion is the program.
package samples

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/rlvr-harness/harness/benchmarks/rows"
)

// Format is the field that a completion stood in.
type Format string

// The formats.
const (
	Completion Format = "completion"        // an answer, which may continue its prompt
	Base64     Format = "completion_base64" // the same
	Solution   Format = "solution"          // a whole program
)

// Sample is one row.
type Sample struct {
	// TaskID is the task's id as text, RawID as it stands in the file: 11 and "11" are the same task.
	TaskID string
	RawID  json.RawMessage
	// Index numbers the samples of a task, from 0, in the order of the file.
	Index int
	// Text is the completion, byte for byte: it need not be UTF-8.
	Text   string
	Format Format
	// Line is the line of the file, from 1.
	Line int
}

// Reader yields samples in the order of the file.
type Reader struct {
	rows *rows.Reader
	seen map[string]int // samples per task
}

// Open opens a file, gzipped or not.
func Open(path string, lim rows.Limits) (*Reader, error) {
	r, err := rows.Open(path, lim)
	if err != nil {
		return nil, fmt.Errorf("samples: %w", err)
	}
	return &Reader{r, map[string]int{}}, nil
}

// NewReader reads from src; name stands for it in messages.
func NewReader(name string, src io.Reader, lim rows.Limits) *Reader {
	return &Reader{rows.NewReader(name, src, lim), map[string]int{}}
}

// Close closes the file that Open opened.
func (r *Reader) Close() error { return r.rows.Close() }

// Next returns the next sample. io.EOF is the end. An *rows.Error is about one row, and the next call goes on after it; any
// other error ends the reading.
func (r *Reader) Next() (Sample, error) {
	row, err := r.rows.Next()
	if errors.Is(err, io.EOF) {
		return Sample{}, io.EOF
	}
	var s Sample
	if err == nil {
		s, err = parse(row)
	}
	if err != nil {
		return Sample{}, fmt.Errorf("samples: %w", err)
	}
	s.Index = r.seen[s.TaskID]
	r.seen[s.TaskID]++
	return s, nil
}

func parse(row *rows.Object) (Sample, error) {
	s := Sample{Line: row.Line()}
	var err error
	if s.TaskID, s.RawID, err = row.ID("task_id"); err != nil {
		return s, err
	}
	for _, f := range []Format{Completion, Base64, Solution} {
		b, ok, err := row.Bytes(string(f))
		if err != nil {
			return s, err
		}
		if !ok {
			continue
		}
		if s.Format != "" {
			return s, row.Errorf(string(f), "the row has the field %q too; want one of them", s.Format)
		}
		s.Format, s.Text = f, string(b)
		if f == Base64 {
			text, err := base64.StdEncoding.DecodeString(s.Text)
			if err != nil {
				return s, row.Errorf(string(f), "not base64 (RFC 4648, with padding): %v", err)
			}
			s.Text = string(text)
		}
	}
	if s.Format == "" {
		return s, row.Missing(string(Completion), "the completion (or completion_base64, or solution as in EvalPlus's files)")
	}
	return s, nil
}
