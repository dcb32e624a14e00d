// Package mbpp reads the Mostly Basic Python Problems (Austin et al. 2021, arXiv 2108.07732) and files of the same form:
// rows, splits, and the name that the tests call.
//
// The data is CC-BY-4.0 and not part of this repository: a caller names a file, or gets one from runtime/assets. How a task
// is put to a model is the affair of core/prompt, how a program is graded that of runtime/python-wasm.
//
// A row has the fields of the full file (text, code, task_id, test_setup_code, test_list, challenge_test_list), of the
// sanitized file (prompt for text, test_imports), and may name entry_point. A program runs in this order: imports, code,
// imports, setup, tests; with the setup first, tasks 367 and 927 fail, whose setup uses a class of the code.
package mbpp

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/benchmarks/rows"
	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/pytoken"
)

// The names of the benchmarks that are kept in this form.
const (
	Full      = "mbpp"           // 974 tasks, JSON lines
	Sanitized = "mbpp-sanitized" // 427 of them with better texts and tests, one JSON array
)

// Options say how a file is read.
type Options struct {
	// Benchmark is the name that the tasks carry; by default Full.
	Benchmark string
	// Strict ends the reading at the first bad row.
	Strict bool
	// TextOptional takes rows without text: enough for grading, not for asking a model.
	TextOptional bool
	// Limits bound what is held in memory.
	Limits rows.Limits
}

// Load reads a file, gzipped or not. See Read.
func Load(path string, o Options) (tasks []core.Task, bad []error, err error) {
	r, err := rows.Open(path, o.Limits)
	if err != nil {
		return nil, nil, fmt.Errorf("mbpp: %w", err)
	}
	defer r.Close()
	return read(r, o)
}

// Read reads tasks in the order of the file; name stands for it in messages. Rows that are no tasks are in bad, each an
// *rows.Error, and do not stop the others; with o.Strict the first of them is err. A file without any task is an error.
func Read(name string, src io.Reader, o Options) (tasks []core.Task, bad []error, err error) {
	return read(rows.NewReader(name, src, o.Limits), o)
}

func read(r *rows.Reader, o Options) (tasks []core.Task, bad []error, err error) {
	if o.Benchmark == "" {
		o.Benchmark = Full
	}
	tasks, bad, err = rows.Collect(r, o.Strict, func(row *rows.Object) (core.Task, error) { return parse(row, o) })
	if err != nil {
		return nil, bad, fmt.Errorf("mbpp: %w", err)
	}
	return tasks, bad, nil
}

// parse reads one row.
func parse(row *rows.Object, o Options) (core.Task, error) {
	t := core.Task{Benchmark: o.Benchmark}
	var err error
	if t.ID, _, err = row.ID("task_id"); err != nil {
		return t, err
	}
	read := func(name string, into *string) bool {
		if err != nil {
			return false
		}
		var ok bool
		*into, ok, err = row.Text(name)
		return ok
	}
	list := func(name string, into *[]string) bool {
		if err != nil {
			return false
		}
		var ok bool
		*into, ok, err = row.Texts(name)
		return ok
	}
	hasText := read("text", &t.Text) || read("prompt", &t.Text)
	read("code", &t.Code)
	read("test_setup_code", &t.Setup)
	read("entry_point", &t.Entry)
	hasTests := list("test_list", &t.Tests)
	list("test_imports", &t.Imports)
	list("challenge_test_list", &t.Challenge)
	switch {
	case err != nil:
		return t, err
	case !hasText && !o.TextOptional:
		return t, row.Missing("text", "what the program shall do (text, or prompt as in the sanitized file)")
	case !hasTests:
		return t, row.Missing("test_list", "an array of Python statements")
	case len(t.Tests) == 0:
		return t, row.Errorf("test_list", "task %s has no tests; nothing could be graded", t.ID)
	}
	for i, test := range slices.Concat(t.Tests, t.Challenge) {
		if strings.TrimSpace(test) != "" {
			continue
		}
		if i < len(t.Tests) {
			return t, row.Errorf("test_list", "entry %d is blank; want a Python statement", i+1)
		}
		return t, row.Errorf("challenge_test_list", "entry %d is blank; want a Python statement", i+1-len(t.Tests))
	}
	if t.Entry == "" {
		t.Entry = entry(t)
	} else if !pytoken.IsName(t.Entry) {
		return t, row.Errorf("entry_point", "%q is not a Python name", t.Entry)
	}
	return t, nil
}
