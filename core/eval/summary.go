package eval

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/rlvr-harness/harness/core"
)

// Record is one judged completion.
type Record struct {
	TaskID string
	// Sample numbers the completions of a task.
	Sample  int
	Verdict core.Verdict
	Lint    core.Lint
	// Tokens is the completion's length; 0 where it is not known, as in a file of saved completions.
	Tokens    int
	Truncated bool
	// Visible is the number of tests, from the first, that the prompt showed.
	Visible int
	// Special says that the program special-cases the task's tests (package gaming).
	Special bool
}

// Options say what was asked.
type Options struct {
	Benchmark, Split string
	// Tasks are the ids of all tasks that were asked; nil takes those of the records. One without a record is not solved.
	Tasks []string
	// Ks are the k of pass@k; nil stands for 1.
	Ks []int
	// Protocol is how it was measured: prompt, extraction, sampling, limits.
	Protocol map[string]any
}

// Result is an evaluation. Its JSON is that of `harness eval`.
type Result struct {
	Benchmark string `json:"benchmark"`
	Split     string `json:"split"`
	// Tasks counts tasks, Samples the completions of each (the most, where they differ), Completions all of them.
	Tasks       int `json:"tasks"`
	Samples     int `json:"samples"`
	Completions int `json:"completions"`
	// Unanswered tasks have no completion and count as not solved; Unscored ones have none that the harness could judge and
	// are left out of pass@k.
	Unanswered int `json:"unanswered,omitempty"`
	Unscored   int `json:"unscored,omitempty"`
	// PassAtK maps k, as text, to the estimate of the mean over tasks.
	PassAtK map[string]Estimate `json:"pass_at_k"`
	// CompletionTokens is nil where no length is known.
	CompletionTokens *Lengths `json:"completion_tokens"`
	// TruncatedRate is the share of completions that the token limit cut.
	TruncatedRate float64            `json:"truncated_rate"`
	Verdicts      map[core.Class]int `json:"verdicts"`
	// Weak counts verdicts that rest on a comparison inside the candidate's interpreter.
	Weak int `json:"weak,omitempty"`
	// Exceptions counts the exception types of verdicts that did not pass.
	Exceptions map[string]int `json:"exceptions"`
	Lint       Lint           `json:"lint"`
	// Diagnostics are visible_minus_hidden, the mean share of passed tests among those that the prompt showed less that
	// among the others, and visible_only, the share of completions that pass every shown test and fail another; over the
	// completions that ran and have tests of both kinds; and special_casing, the share of completions that special-case
	// the task's tests, where there are any.
	Diagnostics map[string]float64 `json:"diagnostics,omitempty"`
	Protocol    map[string]any     `json:"protocol"`
}

// Lengths describe lengths in tokens. Percentiles are interpolated linearly between the two nearest ranks.
type Lengths struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
}

// Lint is the mean number of findings per completion that was linted.
type Lint struct {
	Fatal      float64 `json:"fatal"`
	Error      float64 `json:"error"`
	Warning    float64 `json:"warning"`
	Refactor   float64 `json:"refactor"`
	Convention float64 `json:"convention"`
	// Codes counts findings by rule over all completions.
	Codes map[string]int `json:"codes,omitempty"`
	// Linted counts completions.
	Linted int `json:"linted"`
}

// ErrTooFewSamples says that a k is larger than the number of a task's samples.
var ErrTooFewSamples = errors.New("too few samples")

// Summarize computes a Result.
func Summarize(records []Record, o Options) (Result, error) {
	if len(records) == 0 {
		return Result{}, errors.New("eval: there are no completions to summarize")
	}
	tasks, err := tally(records, o.Tasks)
	if err != nil {
		return Result{}, fmt.Errorf("eval: %w", err)
	}
	r := Result{
		Benchmark: o.Benchmark, Split: o.Split, Tasks: len(tasks), Completions: len(records),
		PassAtK: map[string]Estimate{}, Verdicts: map[core.Class]int{}, Exceptions: map[string]int{}, Protocol: o.Protocol,
	}
	if r.Protocol == nil {
		r.Protocol = map[string]any{}
	}
	for _, t := range tasks {
		r.Samples = max(r.Samples, t.samples)
		switch {
		case t.samples == 0:
			r.Unanswered++
		case t.scored == 0:
			r.Unscored++
		}
	}
	ks := o.Ks
	if ks == nil {
		ks = []int{1}
	}
	for _, k := range ks {
		if r.PassAtK[strconv.Itoa(k)], err = passAtK(tasks, k); err != nil {
			return Result{}, fmt.Errorf("eval: %w", err)
		}
	}
	r.describe(records)
	return r, nil
}

// counts are the outcomes of one task.
type counts struct {
	id                      string
	samples, scored, passed int
}

// tally counts by task, in the order of ids, or of the records' first appearance where ids is nil.
func tally(records []Record, ids []string) ([]counts, error) {
	var tasks []counts
	at := map[string]int{}
	for _, id := range ids {
		if _, ok := at[id]; ok {
			return nil, fmt.Errorf("task %s is listed twice", id)
		}
		at[id] = len(tasks)
		tasks = append(tasks, counts{id: id})
	}
	type key struct {
		id     string
		sample int
	}
	seen := map[key]bool{}
	for _, r := range records {
		k := key{r.TaskID, r.Sample}
		if seen[k] {
			return nil, fmt.Errorf("task %s has sample %d twice", r.TaskID, r.Sample)
		}
		seen[k] = true
		i, ok := at[r.TaskID]
		if !ok {
			if ids != nil {
				return nil, fmt.Errorf("a completion is for task %s, which is not among the %d tasks", r.TaskID, len(ids))
			}
			i = len(tasks)
			at[r.TaskID] = i
			tasks = append(tasks, counts{id: r.TaskID})
		}
		tasks[i].samples++
		if r.Verdict.Class == core.Infrastructure {
			continue
		}
		tasks[i].scored++
		if r.Verdict.Class == core.Passed {
			tasks[i].passed++
		}
	}
	slices.SortStableFunc(tasks, func(a, b counts) int { // sums of floats depend on the order
		switch {
		case a.id < b.id:
			return -1
		case a.id > b.id:
			return 1
		}
		return 0
	})
	return tasks, nil
}

func passAtK(tasks []counts, k int) (Estimate, error) {
	if k < 1 {
		return Estimate{}, fmt.Errorf("pass@%d means nothing; k counts from 1", k)
	}
	var values []float64
	for _, t := range tasks {
		switch {
		case t.samples == 0:
			values = append(values, 0)
		case t.scored == 0:
		case t.scored < k:
			return Estimate{}, fmt.Errorf("%w: pass@%d needs %d scored samples of each task, and task %s has %d", ErrTooFewSamples, k, k, t.id, t.scored)
		default:
			values = append(values, PassAtK(t.scored, t.passed, k))
		}
	}
	if len(values) == 0 {
		return Estimate{}, errors.New("no task has a verdict; the harness could judge none of the completions")
	}
	return meanOf(values), nil
}

// describe fills in what is counted over completions.
func (r *Result) describe(records []Record) {
	var tokens []float64
	truncated, both, visibleOnly, special := 0, 0, 0, 0
	gap := 0.0
	var lint core.Lint
	for _, c := range records {
		r.Verdicts[c.Verdict.Class]++
		if c.Verdict.Class != core.Passed && c.Verdict.Exception != "" {
			r.Exceptions[c.Verdict.Exception]++
		}
		if c.Verdict.Weak {
			r.Weak++
		}
		if c.Truncated {
			truncated++
		}
		if c.Special {
			special++
		}
		if c.Tokens > 0 {
			tokens = append(tokens, float64(c.Tokens))
		}
		if c.Visible > 0 && c.Visible < len(c.Verdict.Tests) {
			shown, hidden := share(c.Verdict.Tests[:c.Visible]), share(c.Verdict.Tests[c.Visible:])
			both++
			gap += shown - hidden
			if shown == 1 && hidden < 1 {
				visibleOnly++
			}
		}
		if c.Verdict.Class == core.NoCode || c.Verdict.Class == core.Infrastructure || c.Lint.Unavailable {
			continue
		}
		r.Lint.Linted++
		lint.Fatal += c.Lint.Fatal
		lint.Error += c.Lint.Error
		lint.Warning += c.Lint.Warning
		lint.Refactor += c.Lint.Refactor
		lint.Convention += c.Lint.Convention
		for code, n := range c.Lint.Codes {
			if r.Lint.Codes == nil {
				r.Lint.Codes = map[string]int{}
			}
			r.Lint.Codes[code] += n
		}
	}
	r.TruncatedRate = float64(truncated) / float64(len(records))
	if n := float64(r.Lint.Linted); n > 0 {
		r.Lint.Fatal, r.Lint.Error, r.Lint.Warning = float64(lint.Fatal)/n, float64(lint.Error)/n, float64(lint.Warning)/n
		r.Lint.Refactor, r.Lint.Convention = float64(lint.Refactor)/n, float64(lint.Convention)/n
	}
	if both > 0 {
		r.Diagnostics = map[string]float64{"visible_minus_hidden": gap / float64(both), "visible_only": float64(visibleOnly) / float64(both)}
	}
	if special > 0 {
		if r.Diagnostics == nil {
			r.Diagnostics = map[string]float64{}
		}
		r.Diagnostics["special_casing"] = float64(special) / float64(len(records))
	}
	if len(tokens) > 0 {
		slices.Sort(tokens)
		sum := 0.0
		for _, n := range tokens {
			sum += n
		}
		r.CompletionTokens = &Lengths{Mean: sum / float64(len(tokens)), P50: quantile(tokens, 0.5), P95: quantile(tokens, 0.95)}
	}
}

// share is the part of tests that passed; there is at least one.
func share(tests []core.TestResult) float64 {
	return core.Verdict{Tests: tests}.TestsPassed()
}

// quantile interpolates linearly in sorted values: Hyndman and Fan's type 7, the default of R and NumPy.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := math.Floor(at)
	i := int(low)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-low)*(sorted[i+1]-sorted[i])
}
