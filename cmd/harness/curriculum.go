package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/checksum"
	"github.com/rlvr-harness/harness/core/jsonlines"
	"github.com/rlvr-harness/harness/core/rollout"
	"github.com/rlvr-harness/harness/core/train"
)

// openCurriculum returns the curriculum that a run's settings describe, and the sha256 of the results that it begins with;
// nil and "" where there is none.
func openCurriculum(config runConfig, questions []rollout.Question) (*train.PassRates, string, error) {
	if config.Curriculum != "pass-rate" {
		return nil, "", nil
	}
	rates, err := train.NewPassRates(config.CurrDecay, config.CurrFloor)
	if err != nil {
		return nil, "", usagef("--%w", err)
	}
	if config.CurrFrom == "" {
		return rates, "", nil
	}
	file := config.CurrFrom
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		file = filepath.Join(file, "completions.jsonl")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, "", usagef("--curriculum-from %s: %w; it is the folder of an earlier eval or run, or a file of lines with task_id and verdict", config.CurrFrom, err)
	}
	results, err := countResults(f, file)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, "", usagef("--curriculum-from: %w", err)
	}
	known := 0
	for _, q := range questions {
		if r := results[q.Task.ID]; r.judged > 0 {
			rates.Observe(0, q.Task.ID, r.passed, r.judged)
			known++
		}
	}
	if known == 0 {
		return nil, "", usagef("--curriculum-from %s: it has results of %d tasks, and none is among the %d of this run's split", config.CurrFrom, len(results), len(questions))
	}
	sum, err := checksum.File(file)
	return rates, sum, err
}

// outcomes count a task's results.
type outcomes struct{ passed, judged int }

// result is what a line of results must say; lines of completions.jsonl and of verify have it.
type result struct {
	TaskID  taskID     `json:"task_id"`
	Verdict core.Class `json:"verdict"`
}

// taskID is a string or a number in JSON.
type taskID string

// UnmarshalJSON implements json.Unmarshaler.
func (t *taskID) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err == nil {
		*t = taskID(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(text, &n); err != nil {
		return fmt.Errorf("want a string or a number")
	}
	*t = taskID(n.String())
	return nil
}

// countResults counts results by task. What could not be judged is left out.
func countResults(f *os.File, name string) (map[string]outcomes, error) {
	out := map[string]outcomes{}
	for l, err := range jsonlines.Read[result](f, name) {
		if err != nil {
			return nil, err
		}
		if l.Value.Verdict == "" {
			return nil, l.Fail("verdict", "is missing")
		}
		if l.Value.Verdict == core.Infrastructure {
			continue
		}
		o := out[string(l.Value.TaskID)]
		o.judged++
		if l.Value.Verdict == core.Passed {
			o.passed++
		}
		out[string(l.Value.TaskID)] = o
	}
	return out, nil
}
