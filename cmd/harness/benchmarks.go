package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/rlvr-harness/harness/benchmarks/evalplus"
	"github.com/rlvr-harness/harness/benchmarks/humaneval"
	"github.com/rlvr-harness/harness/benchmarks/mbpp"
	"github.com/rlvr-harness/harness/benchmarks/starter"
	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/checksum"
	"github.com/rlvr-harness/harness/core/prompt"
	"github.com/rlvr-harness/harness/core/rollout"
)

// benchmark is a set of tasks that commands know by name.
type benchmark struct {
	name string
	// splits are those it has; heldOut is the one to measure on while training.
	splits  []string
	heldOut string
	// load reads the tasks of a file; embedded benchmarks have none and ignore the name.
	load func(file string) (tasks []core.Task, bad []error, err error)
	// embedded says that the tasks are in the binary.
	embedded bool
	pick     func(tasks []core.Task, split string) ([]core.Task, error)
}

func benchmarks() []benchmark {
	mbppFile := func(name string) func(string) ([]core.Task, []error, error) {
		return func(file string) ([]core.Task, []error, error) { return mbpp.Load(file, mbpp.Options{Benchmark: name}) }
	}
	mbppSplits := []string{"train", "validation", "test", "prompt"}
	onlyTest := func(tasks []core.Task, _ string) ([]core.Task, error) { return tasks, nil }
	return []benchmark{
		{
			name: starter.Name, splits: starter.Splits(), heldOut: starter.Test, embedded: true,
			load: func(string) ([]core.Task, []error, error) {
				t, err := starter.Load()
				return t, nil, err
			},
			pick: func(_ []core.Task, split string) ([]core.Task, error) { return starter.Split(split) },
		},
		{name: "mbpp", splits: mbppSplits, heldOut: "validation", load: mbppFile("mbpp"), pick: mbpp.Select},
		{name: "mbpp-sanitized", splits: mbppSplits, heldOut: "validation", load: mbppFile("mbpp-sanitized"), pick: mbpp.Select},
		{
			name: "mbpp-plus", splits: []string{"test"}, heldOut: "test", pick: onlyTest,
			load: func(file string) ([]core.Task, []error, error) {
				return evalplus.Load(file, evalplus.Options{Benchmark: "mbpp-plus"})
			},
		},
		{
			name: "humaneval", splits: []string{"test"}, heldOut: "test", pick: onlyTest,
			load: func(file string) ([]core.Task, []error, error) { return humaneval.Load(file, humaneval.Options{}) },
		},
		{
			name: "humaneval-plus", splits: []string{"test"}, heldOut: "test", pick: onlyTest,
			load: func(file string) ([]core.Task, []error, error) {
				return evalplus.Load(file, evalplus.Options{Benchmark: "humaneval-plus"})
			},
		},
	}
}

func benchmarkNames() []string {
	var names []string
	for _, b := range benchmarks() {
		names = append(names, b.name)
	}
	return names
}

func findBenchmark(name string) (benchmark, error) {
	for _, b := range benchmarks() {
		if b.name == name {
			return b, nil
		}
	}
	return benchmark{}, unknownName("benchmark", name, benchmarkNames())
}

// dataset is a benchmark's tasks with where they came from.
type dataset struct {
	benchmark
	tasks []core.Task
	// sha256 is of the tasks' file or embedded text.
	sha256 string
}

// openDataset reads a benchmark's tasks from file, or from the asset of its name where file is "".
func (p *parts) openDataset(ctx context.Context, name, file string) (*dataset, error) {
	b, err := findBenchmark(name)
	if err != nil {
		return nil, err
	}
	d := &dataset{benchmark: b}
	if b.embedded {
		if file != "" {
			return nil, usagef("--data %s: the benchmark %s is built in and reads no file", file, name)
		}
		d.sha256 = starter.SHA256()
	} else {
		if file == "" {
			cache, err := p.cache()
			if err != nil {
				return nil, err
			}
			if file, err = cache.Path(ctx, name); err != nil {
				return nil, err
			}
		}
		if d.sha256, err = checksum.File(file); err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return nil, usagef("--data %s: there is no such file", file)
			}
			return nil, err
		}
	}
	tasks, bad, err := b.load(file)
	if err != nil {
		return nil, usageError{err}
	}
	for _, e := range bad {
		p.con.line("warning: a task is left out: %s", printable(e.Error()))
	}
	if len(tasks) == 0 {
		return nil, usagef("%s holds no task that can be used", file)
	}
	d.tasks = tasks
	return d, nil
}

// split returns the first n tasks of a split (0: all of them).
func (d *dataset) split(name string, n int) ([]core.Task, error) {
	ok := false
	for _, s := range d.splits {
		ok = ok || s == name
	}
	if !ok {
		return nil, unknownName("split of "+d.name, name, d.splits)
	}
	tasks, err := d.pick(d.tasks, name)
	if err != nil {
		return nil, usageError{err}
	}
	if len(tasks) == 0 {
		return nil, usagef("the split %s of %s has no tasks in this file", name, d.name)
	}
	if n > 0 {
		tasks = tasks[:min(n, len(tasks))]
	}
	return tasks, nil
}

// questions puts tasks to the policy in the words of a prompt protocol. With challenge the tasks' challenge tests are graded
// behind the others; no prompt shows them.
func (d *dataset) questions(tasks []core.Task, protocol string, challenge bool) ([]rollout.Question, error) {
	proto, err := prompt.Lookup(protocol)
	if err != nil {
		return nil, unknownName("prompt protocol", protocol, prompt.Names())
	}
	var shots []core.Task
	if proto.Shots > 0 {
		if shots, err = mbpp.Shots(d.tasks); err != nil {
			return nil, usageError{fmt.Errorf("--prompt %s: %w", protocol, err)}
		}
	}
	out := make([]rollout.Question, len(tasks))
	for i, t := range tasks {
		p, err := proto.Prompt(t, shots)
		if err != nil {
			return nil, fmt.Errorf("prompt for task %s: %w", t.ID, err)
		}
		if challenge {
			t = challenged(t)
		}
		out[i] = rollout.Question{Task: t, Prompt: p}
	}
	return out, nil
}

// challenged is a task whose challenge tests are graded like the others, behind them.
func challenged(t core.Task) core.Task {
	t.Tests, t.Challenge = slices.Concat(t.Tests, t.Challenge), nil
	return t
}

// challengeUsage is the help of --challenge, which several commands have.
const challengeUsage = "grade the tasks' challenge tests too; no prompt shows them"
