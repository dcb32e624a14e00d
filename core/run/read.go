package run

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/rlvr-harness/harness/core/jsonlines"
)

// whole passes on the lines of a file that have an end. A last line without one is still being written, or its writer was
// killed: it is not a record.
type whole struct {
	in   *bufio.Reader
	rest []byte
}

// Read implements io.Reader.
func (w *whole) Read(p []byte) (int, error) {
	if len(w.rest) == 0 {
		line, err := w.in.ReadBytes('\n')
		if err != nil {
			return 0, err // the unfinished line goes with it
		}
		w.rest = line
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// readLines yields the records of a file of lines. A file that is missing has none.
func readLines[T any](dir, name string) iter.Seq2[jsonlines.Line[T], error] {
	return func(yield func(jsonlines.Line[T], error) bool) {
		path := filepath.Join(dir, name)
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			return
		}
		if err != nil {
			yield(jsonlines.Line[T]{}, fmt.Errorf("read records: %w", err))
			return
		}
		defer f.Close() // it was only read
		for l, err := range decodeLines[T](f, path) {
			if !yield(l, err) {
				return
			}
		}
	}
}

func decodeLines[T any](r io.Reader, path string) iter.Seq2[jsonlines.Line[T], error] {
	return jsonlines.Read[T](&whole{in: bufio.NewReaderSize(r, 1<<20)}, path)
}

// ReadSteps returns the steps of a run in order. A line that is not finished is left out; a broken one is a
// *jsonlines.Error.
func ReadSteps(dir string) ([]Step, error) { return checkSteps(readLines[Step](dir, metricsName)) }

func checkSteps(lines iter.Seq2[jsonlines.Line[Step], error]) ([]Step, error) {
	var steps []Step
	for l, err := range lines {
		if err != nil {
			return nil, err
		}
		if want := len(steps) + 1; l.Value.Step != want {
			return nil, l.Fail("step", "is %d; step %d belongs here", l.Value.Step, want)
		}
		steps = append(steps, l.Value)
	}
	return steps, nil
}

// ReadEvaluations returns the evaluations that were made during a run, in order.
func ReadEvaluations(dir string) ([]Evaluation, error) {
	var list []Evaluation
	for l, err := range readLines[Evaluation](dir, evalsName) {
		if err != nil {
			return nil, err
		}
		list = append(list, l.Value)
	}
	return list, nil
}

// FirstEvaluation returns the evaluation of a run that was made before its first step, whole, as AppendEvaluation takes it; nil
// where there is none.
func FirstEvaluation(dir string) (json.RawMessage, error) {
	for l, err := range readLines[Evaluation](dir, evalsName) {
		if err != nil || l.Value.Step != 0 {
			return nil, err
		}
		return bytes.Clone(l.Raw), nil
	}
	return nil, nil
}

// ReadEvaluation returns eval.json of an evaluation's own folder.
func ReadEvaluation(dir string) (Evaluation, error) {
	path := filepath.Join(dir, evalName)
	text, err := os.ReadFile(path)
	if err != nil {
		return Evaluation{}, fmt.Errorf("read the evaluation: %w", err)
	}
	return jsonlines.Decode[Evaluation](text, path)
}

// ReadRows yields the completions of a run in order and stops at the first error.
func ReadRows(dir string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for l, err := range readLines[Row](dir, completionsName) {
			if !yield(l.Value, err) || err != nil {
				return
			}
		}
	}
}
