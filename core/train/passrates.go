package train

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/rlvr-harness/harness/core"
)

// PassRates is a curriculum by pass rate: it estimates how often each task is passed, and prefers tasks that are neither
// always nor never passed.
//
// A task's completions that passed and all its completions that were judged are counted, and both counts lose the factor
// Decay with every step that goes by, so that old policies are forgotten:
//
//	s = Σ passed_k · decay^(now−k)        n = Σ judged_k · decay^(now−k)        p = (s + 1) / (n + 2)
//
// k runs over the steps in which the task was asked. p is Laplace's estimate: a task without observations, or with old ones
// alone, stands near 1/2 and is asked soon. A task's weight is
//
//	w = floor + (1 − floor) · 4 p (1 − p)
//
// p(1−p) is the variance of a reward that is 0 or 1; a group without any teaches nothing («sampling for learnability», Foster
// et al., arXiv 2502.12272). The floor keeps every task in the draw. A step's tasks are drawn by these weights without
// putting back. What is then learned is the weighted mean over tasks, not the plain one.
type PassRates struct {
	decay, floor float64
	tasks        map[string]TaskRate
}

// TaskRate is what is known of one task: its counts as they stood at a step.
type TaskRate struct {
	Task   string  `json:"task"`
	Step   int     `json:"step"`
	Passed float64 `json:"passed"`
	Judged float64 `json:"judged"`
}

// NewPassRates returns estimates without observations. decay is in (0, 1], floor in [0, 1]: with 1 every task weighs the
// same.
func NewPassRates(decay, floor float64) (*PassRates, error) {
	if !(decay > 0 && decay <= 1) {
		return nil, fmt.Errorf("curriculum-decay is %v; it must be above 0 and at most 1", decay)
	}
	if !(floor >= 0 && floor <= 1) {
		return nil, fmt.Errorf("curriculum-floor is %v; it must lie between 0 and 1", floor)
	}
	return &PassRates{decay: decay, floor: floor, tasks: map[string]TaskRate{}}, nil
}

// at returns a task's counts as they stand at a step.
func (p *PassRates) at(task string, step int) TaskRate {
	t, ok := p.tasks[task]
	if !ok {
		return TaskRate{Task: task, Step: step}
	}
	f := math.Pow(p.decay, float64(step-t.Step))
	return TaskRate{Task: task, Step: step, Passed: t.Passed * f, Judged: t.Judged * f}
}

// Observe counts completions of a task that were judged in a step.
func (p *PassRates) Observe(step int, task string, passed, judged int) {
	if judged == 0 {
		return
	}
	t := p.at(task, step)
	t.Passed += float64(passed)
	t.Judged += float64(judged)
	p.tasks[task] = t
}

// observe counts the groups of a step. What the harness could not judge says nothing about a task.
func (p *PassRates) observe(step int, groups []core.Group) {
	for _, g := range groups {
		passed, judged := 0, 0
		for _, s := range g.Samples {
			switch s.Evidence.Verdict.Class {
			case core.Infrastructure:
			case core.Passed:
				passed++
				judged++
			default:
				judged++
			}
		}
		p.Observe(step, g.Task.ID, passed, judged)
	}
}

// Rate returns the estimate of a task's pass rate before a step.
func (p *PassRates) Rate(step int, task string) float64 {
	t := p.at(task, step)
	return (t.Passed + 1) / (t.Judged + 2)
}

// Weight returns a task's weight in the draw of a step, in 0..1.
func (p *PassRates) Weight(step int, task string) float64 {
	r := p.Rate(step, task)
	return p.floor + (1-p.floor)*4*r*(1-r)
}

// order draws all tasks by their weights without putting back: each gets an exponential waiting time with its weight as
// rate, and the shortest comes first (Efraimidis and Spirakis, «Weighted random sampling with a reservoir», 2006).
func (p *PassRates) order(seed uint64, step int, tasks []string) []int {
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a reproducible order is wanted, not an unpredictable one
	wait, out := make([]float64, len(tasks)), make([]int, len(tasks))
	for i, t := range tasks {
		wait[i], out[i] = r.ExpFloat64()/p.Weight(step, t), i
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(wait[a], wait[b]) })
	return out
}

// metrics describe the draw of a step.
func (p *PassRates) metrics(step int, questions []string) map[string]float64 {
	var seen, rate, sum, squares float64
	for _, t := range questions {
		if _, ok := p.tasks[t]; ok {
			seen++
		}
		w := p.Weight(step, t)
		rate += p.Rate(step, t)
		sum += w
		squares += w * w
	}
	n := float64(len(questions))
	m := map[string]float64{"curriculum_tasks_seen": seen, "curriculum_pass_rate": rate / n, "curriculum_effective_tasks": 0}
	if squares > 0 {
		m["curriculum_effective_tasks"] = sum * sum / squares
	}
	return m
}

// State returns what is known of every task that was observed, by its name; a checkpoint keeps it.
func (p *PassRates) State() []TaskRate {
	out := make([]TaskRate, 0, len(p.tasks))
	for _, task := range slices.Sorted(maps.Keys(p.tasks)) {
		out = append(out, p.tasks[task])
	}
	return out
}

// Restore takes back what State returned.
func (p *PassRates) Restore(state []TaskRate) error {
	tasks := map[string]TaskRate{}
	for i, t := range state {
		if _, twice := tasks[t.Task]; twice || t.Step < 0 || !(t.Passed >= 0) || !(t.Judged >= t.Passed) || math.IsInf(t.Judged, 0) {
			return fmt.Errorf("curriculum: entry %d of its state makes no sense: %+v", i, t)
		}
		tasks[t.Task] = t
	}
	p.tasks = tasks
	return nil
}
