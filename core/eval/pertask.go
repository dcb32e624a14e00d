package eval

import (
	"fmt"

	"github.com/rlvr-harness/harness/core/run"
)

// PerTask counts the outcomes of each task, by its id: what Compare needs of an evaluation whose completions are not kept.
func PerTask(records []Record) ([]run.TaskOutcome, error) {
	tasks, err := tally(records, nil)
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	out := make([]run.TaskOutcome, len(tasks))
	for i, t := range tasks {
		out[i] = run.TaskOutcome{Task: t.id, Passed: t.passed, Scored: t.scored}
	}
	return out, nil
}

// ComparePerTask is Compare for outcomes that PerTask counted. A task that comes several times, as from several runs, has
// the sum of its outcomes.
func ComparePerTask(a, b []run.TaskOutcome) (Comparison, error) {
	return compare(sum(a), sum(b))
}

func sum(outcomes []run.TaskOutcome) []counts {
	var tasks []counts
	at := map[string]int{}
	for _, o := range outcomes {
		i, ok := at[o.Task]
		if !ok {
			i = len(tasks)
			at[o.Task] = i
			tasks = append(tasks, counts{id: o.Task})
		}
		tasks[i].samples += o.Scored
		tasks[i].scored += o.Scored
		tasks[i].passed += o.Passed
	}
	return tasks
}
