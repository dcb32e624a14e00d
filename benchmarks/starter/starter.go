// Package starter is a small benchmark of our own: 196 short tasks on numbers, strings, lists and dictionaries, easy enough
// that a model of 135 million parameters solves some and misses others, which is what reinforcement learning needs to start.
//
// The tasks are in the binary, in the fields of MBPP (tasks.jsonl): a task names its function with its parameters, has a
// reference solution that both lint profiles find nothing in, three or four tests and two challenge tests. No constant and
// no argument given back unchanged passes a task's tests.
//
// It owns the tasks and their splits. How a task is put to a model is the affair of core/prompt, how a program is graded
// that of runtime/python-wasm. Results on it say whether a loop learns; they compare with nothing published.
package starter

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/rlvr-harness/harness/core"
)

// Name is the name of the benchmark.
const Name = "starter"

// The splits, by task id. Tasks of each of three degrees of difficulty are spread over them in the same proportion.
const (
	Train      = "train"      // 1-128
	Validation = "validation" // 129-144: to look at while settings are chosen
	Test       = "test"       // 145-196
)

const (
	lastTrain      = 128
	lastValidation = 144
)

//go:embed tasks.jsonl
var file []byte

// Splits lists the splits.
func Splits() []string { return []string{Train, Validation, Test} }

// SHA256 is that of the file of tasks, in hex.
func SHA256() string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

// row is a task as it stands in the file. Every field is there in every row.
type row struct {
	ID        int      `json:"task_id"`
	Text      string   `json:"text"`
	Code      string   `json:"code"`
	Tests     []string `json:"test_list"`
	Setup     string   `json:"test_setup_code"`
	Challenge []string `json:"challenge_test_list"`
}

// Load returns all tasks in the order of their ids. Each call returns values of its own.
func Load() ([]core.Task, error) {
	d := json.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	var out []core.Task
	for {
		var r row
		err := d.Decode(&r)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("starter: task %d: %w", len(out)+1, err)
		}
		entry, err := entryOf(r.Code)
		if err != nil {
			return nil, fmt.Errorf("starter: task %d: %w", r.ID, err)
		}
		out = append(out, core.Task{
			ID: strconv.Itoa(r.ID), Benchmark: Name, Text: r.Text, Code: r.Code, Entry: entry,
			Setup: r.Setup, Tests: r.Tests, Challenge: r.Challenge,
		})
	}
}

// entryOf returns the name of the function that a reference solution begins with.
func entryOf(code string) (string, error) {
	name, _, ok := strings.Cut(strings.TrimPrefix(code, "def "), "(")
	if !ok || !strings.HasPrefix(code, "def ") {
		return "", fmt.Errorf("the reference solution does not begin with its function: %.40q", code)
	}
	return name, nil
}

// Split returns the tasks of a split in the order of their ids.
func Split(name string) ([]core.Task, error) {
	if !slices.Contains(Splits(), name) {
		return nil, fmt.Errorf("starter: no split is called %q; there are %s", name, strings.Join(Splits(), ", "))
	}
	tasks, err := Load()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(tasks, func(t core.Task) bool { return splitOf(t.ID) != name }), nil
}

// splitOf returns the split of one of the benchmark's ids.
func splitOf(id string) string {
	n, err := strconv.Atoi(id)
	switch {
	case err != nil:
		panic("starter: an id that is no number: " + id)
	case n <= lastTrain:
		return Train
	case n <= lastValidation:
		return Validation
	}
	return Test
}
