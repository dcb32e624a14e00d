package mbpp

import (
	"fmt"
	"strconv"

	"github.com/rlvr-harness/harness/core"
)

// The splits of the data set, by task id, as its README gives them; the sanitized file inherits them.
const (
	Prompt     = "prompt"     // 1-10: few-shot examples, never for training
	Test       = "test"       // 11-510
	Validation = "validation" // 511-600
	Train      = "train"      // 601-974
)

// Splits lists the splits.
func Splits() []string { return []string{Prompt, Test, Validation, Train} }

// SplitOf returns the split of a task id; ok is false for an id that is not one of MBPP's.
func SplitOf(id string) (split string, ok bool) {
	n, err := strconv.Atoi(id)
	switch {
	case err != nil || n < 1 || n > 974:
		return "", false
	case n <= 10:
		return Prompt, true
	case n <= 510:
		return Test, true
	case n <= 600:
		return Validation, true
	}
	return Train, true
}

// Select returns the tasks of a split in their order.
func Select(tasks []core.Task, split string) ([]core.Task, error) {
	known := false
	for _, s := range Splits() {
		known = known || s == split
	}
	if !known {
		return nil, fmt.Errorf("mbpp: no split is called %q; there are %v", split, Splits())
	}
	var out []core.Task
	for _, t := range tasks {
		s, ok := SplitOf(t.ID)
		if !ok {
			return nil, fmt.Errorf("mbpp: task %s is in no split: want an id in 1-974", t.ID)
		}
		if s == split {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("mbpp: none of the %d tasks is in split %q", len(tasks), split)
	}
	return out, nil
}

// Shots returns the three examples of the paper's few-shot prompt: tasks 2, 3 and 4, in this order.
func Shots(tasks []core.Task) ([]core.Task, error) {
	shots := make([]core.Task, 3)
	found := 0
	for _, t := range tasks {
		if n, err := strconv.Atoi(t.ID); err == nil && 2 <= n && n <= 4 {
			shots[n-2] = t
			found++
		}
	}
	if found != len(shots) {
		return nil, fmt.Errorf("mbpp: the few-shot prompt needs tasks 2, 3 and 4 of MBPP; %d of them are in the file", found)
	}
	return shots, nil
}
