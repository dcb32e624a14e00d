package train

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/rollout"
)

// flat is a reward under which the tasks of a list earn the same for every completion, and the others what their letters
// say.
type flat []string

func (f flat) Score(ctx context.Context, g core.Group) ([]core.Score, error) {
	if slices.Contains(f, g.Task.ID) {
		return make([]core.Score, len(g.Samples)), nil
	}
	return reward(func(s core.Sample) core.Score { return core.Score{Value: float64(s.Index)} }).Score(ctx, g)
}

func asked(r *Result) (all, kept []string) {
	for i, g := range r.Groups {
		all = append(all, g.Task.ID)
		if r.Kept[i] {
			kept = append(kept, g.Task.ID)
		}
	}
	return all, kept
}

func TestDynamicSampling(t *testing.T) {
	// The first step of newLoop asks three of seven tasks; which ones is the seed's choice.
	first, err := newLoop(newTabular(), &reinforce{}, flat(nil)).Step(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	batch, _ := asked(first)
	var others []string
	for i := range 7 {
		if id := fmt.Sprint(i); !slices.Contains(batch, id) {
			others = append(others, id)
		}
	}
	all := append(slices.Clone(batch), others...)
	for _, tt := range []struct {
		name  string
		bound int
		flat  flat
		want  Sampled
		kept  int
	}{
		{"off", 0, all, Sampled{Rounds: 1}, 3},
		{"every group differs", 3, nil, Sampled{Rounds: 1}, 3},
		{"one is replaced", 3, batch[1:2], Sampled{Rounds: 2, Extra: 6, Dropped: 1}, 3},
		{"all are replaced", 1, batch, Sampled{Rounds: 2, Extra: 18, Dropped: 3}, 3},
		{"the bound is reached: what there is", 1, all[1:], Sampled{Rounds: 2, Extra: 12, Dropped: 4, Missing: 2}, 1},
		{"no task is left: what there is", 9, all[1:], Sampled{Rounds: 3, Extra: 24, Dropped: 6, Missing: 2}, 1},
		{"nothing differs: no update", 9, all, Sampled{Rounds: 3, Extra: 24, Dropped: 7, Missing: 3}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newTabular()
			for i := range p.logits {
				p.logits[i][4] = -50 // no "dd", which abstains
			}
			l := newLoop(p, &reinforce{}, tt.flat)
			l.Config.DynamicSampling = tt.bound
			r, err := l.Step(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if r.Sampled != tt.want {
				t.Errorf("got %+v, want %+v", r.Sampled, tt.want)
			}
			drawn, kept := asked(r)
			if !slices.Equal(drawn[:3], batch) {
				t.Errorf("the step began with %v, want %v as without dynamic sampling", drawn[:3], batch)
			}
			once := map[string]bool{}
			for _, id := range drawn {
				if once[id] {
					t.Errorf("task %s was asked twice in one step: %v", id, drawn)
				}
				once[id] = true
			}
			if len(kept) != tt.kept {
				t.Errorf("%d groups are trained on, want %d", len(kept), tt.kept)
			}
			if updates := len(r.Updates); updates != min(tt.kept, 1) {
				t.Errorf("%d updates", updates)
			} else if updates == 1 && r.Updates[0].Rows != 6*tt.kept {
				t.Errorf("the update divides by %d rows, want %d", r.Updates[0].Rows, 6*tt.kept)
			}
			for i := range r.Groups {
				if idle := !slices.ContainsFunc(r.Advantages[i], func(a float64) bool { return a != 0 }); len(r.Advantages[i]) != 6 || !r.Kept[i] && !idle {
					t.Errorf("group %d: kept %v, advantages %v", i, r.Kept[i], r.Advantages[i])
				}
			}
		})
	}
}

// Later completions of a step have seeds of their own: asking further tasks changes nothing of those before, and a loop
// that starts in the middle draws the same ones.
func TestDynamicSamplingRepeats(t *testing.T) {
	texts := func(start *tabular, first int) (lines []string) {
		l := newLoop(start, &reinforce{}, flat{"0", "3", "5"})
		l.Config.Steps, l.Config.DynamicSampling = 6, 2
		err := l.Run(t.Context(), first, nil, func(_ context.Context, r *Result) error {
			for i, g := range r.Groups {
				line := fmt.Sprintf("%d %s %v", r.Step, g.Task.ID, r.Kept[i])
				for _, s := range g.Samples {
					line += " " + s.Completion.Text
				}
				lines = append(lines, line)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	whole := texts(newTabular(), 1)
	if again := texts(newTabular(), 1); !reflect.DeepEqual(whole, again) {
		t.Errorf("two runs differ:\n%s\n%s", strings.Join(whole, "\n"), strings.Join(again, "\n"))
	}
	p := newTabular()
	l := newLoop(p, &reinforce{}, flat{"0", "3", "5"})
	l.Config.Steps, l.Config.DynamicSampling = 3, 2
	if err := l.Run(t.Context(), 1, nil, func(context.Context, *Result) error { return nil }); err != nil {
		t.Fatal(err)
	}
	rest := texts(p, 4)
	if !reflect.DeepEqual(whole[len(whole)-len(rest):], rest) {
		t.Errorf("resumed:\n%s\nwhole:\n%s", strings.Join(rest, "\n"), strings.Join(whole, "\n"))
	}
	if len(whole) < 20 {
		t.Errorf("only %d groups in 6 steps of 3: nothing was replaced, and the test shows nothing", len(whole))
	}
}

func TestDiffer(t *testing.T) {
	s := func(v float64) core.Score { return core.Score{Value: v} }
	none := core.Score{Value: 9, Abstain: true}
	for _, tt := range []struct {
		scores []core.Score
		want   bool
	}{
		{nil, false},
		{[]core.Score{s(1)}, false},
		{[]core.Score{s(1), s(1), s(1)}, false},
		{[]core.Score{s(1), s(1), s(0)}, true},
		{[]core.Score{none, s(1), s(1), none}, false},
		{[]core.Score{none, s(1), none, s(0.5)}, true},
		{[]core.Score{none, none}, false},
	} {
		if got := differ(tt.scores); got != tt.want {
			t.Errorf("%v: %v", tt.scores, got)
		}
	}
}

func TestDynamicSamplingNeedsGroups(t *testing.T) {
	l := newLoop(newTabular(), &reinforce{}, reward(countA))
	l.Config.Group, l.Config.DynamicSampling = 1, 1
	if err := l.Config.Validate(); err == nil || !strings.Contains(err.Error(), "group of one") {
		t.Errorf("got %v", err)
	}
	l.Config.DynamicSampling = -1
	if err := l.Config.Validate(); err == nil || !strings.Contains(err.Error(), "dynamic-sampling is -1") {
		t.Errorf("got %v", err)
	}
}

// The estimate is Laplace's, over counts that decay with the steps.
func TestPassRates(t *testing.T) {
	p, err := NewPassRates(0.5, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-15 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	near("the rate of a task never asked", p.Rate(1, "x"), 0.5)
	near("its weight", p.Weight(1, "x"), 1)
	p.Observe(1, "x", 8, 8)
	near("the rate at once", p.Rate(1, "x"), 9./10)
	near("after two steps", p.Rate(3, "x"), 3./4)
	near("the weight then", p.Weight(3, "x"), 0.1+0.9*4*0.75*0.25)
	p.Observe(3, "x", 0, 2)
	near("after another observation", p.Rate(3, "x"), 3./6)
	near("long after", p.Rate(200, "x"), 0.5)
	p.Observe(4, "y", 0, 0)
	if got := len(p.State()); got != 1 {
		t.Errorf("%d tasks were observed, want 1: none of y's completions was judged", got)
	}
	for _, bad := range [][2]float64{{0, 0.1}, {1.1, 0.1}, {math.NaN(), 0.1}, {0.9, -0.1}, {0.9, 1.5}, {0.9, math.NaN()}} {
		if _, err := NewPassRates(bad[0], bad[1]); err == nil {
			t.Errorf("decay %v and floor %v were accepted", bad[0], bad[1])
		}
	}
}

// Tasks that are passed about half the time are asked more often, and none is lost.
func TestCurriculumPrefersWhatCanBeLearned(t *testing.T) {
	p, err := NewPassRates(1, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	tasks := []string{"always", "half", "never", "seldom"}
	p.Observe(0, "always", 98, 98)
	p.Observe(0, "half", 49, 98)
	p.Observe(0, "never", 0, 98)
	p.Observe(0, "seldom", 9, 98)
	first := map[string]float64{}
	const draws = 20000
	for i := range draws {
		order := p.order(rollout.Seed(1, "test", uint64(i)), 1, tasks)
		first[tasks[order[0]]]++
		if slices.Sort(order); !slices.Equal(order, []int{0, 1, 2, 3}) {
			t.Fatalf("a draw without putting back gave %v", order)
		}
	}
	sum := 0.0
	for _, task := range tasks {
		sum += p.Weight(1, task)
	}
	for _, task := range tasks { // the first of a draw falls on a task in proportion to its weight
		want := p.Weight(1, task) / sum
		if got := first[task] / draws; math.Abs(got-want) > 4*math.Sqrt(want*(1-want)/draws) {
			t.Errorf("%s came first in %.4f of the draws, its weight is %.4f of all", task, got, want)
		}
	}
}

// A run with a curriculum that is resumed from its state makes the steps of one that was never stopped.
func TestCurriculumResumes(t *testing.T) {
	rates := func() *PassRates {
		p, err := NewPassRates(0.9, 0.1)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	steps := func(p *tabular, r *PassRates, first, last int) (lines []string) {
		l := newLoop(p, &reinforce{}, reward(countA))
		l.Config.Steps, l.Config.DynamicSampling, l.PassRates = last, 1, r
		if err := l.Run(t.Context(), first, nil, func(_ context.Context, r *Result) error {
			all, kept := asked(r)
			lines = append(lines, fmt.Sprintf("%d %v %v %.17g %v", r.Step, all, kept, r.Loss, r.Curriculum))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	whole := steps(newTabular(), rates(), 1, 30)
	p, before := newTabular(), rates()
	halves := steps(p, before, 1, 13)
	state, err := json.Marshal(before.State()) // as a checkpoint keeps it
	if err != nil {
		t.Fatal(err)
	}
	var back []TaskRate
	if err := json.Unmarshal(state, &back); err != nil {
		t.Fatal(err)
	}
	after := rates()
	if err := after.Restore(back); err != nil {
		t.Fatal(err)
	}
	halves = append(halves, steps(p, after, 14, 30)...)
	if !slices.Equal(whole, halves) {
		t.Errorf("whole:\n%s\nresumed:\n%s", strings.Join(whole, "\n"), strings.Join(halves, "\n"))
	}
	fresh := steps(p, rates(), 31, 33)
	if len(fresh) != 3 || strings.Contains(fresh[0], "curriculum_tasks_seen:7") {
		t.Errorf("estimates without observations say %v", fresh)
	}
}

func TestCurriculumStateIsChecked(t *testing.T) {
	p, err := NewPassRates(0.9, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]TaskRate{
		{{Task: "a", Step: -1}},
		{{Task: "a", Passed: 2, Judged: 1}},
		{{Task: "a", Passed: math.NaN(), Judged: 1}},
		{{Task: "a", Judged: math.Inf(1)}},
		{{Task: "a"}, {Task: "a"}},
	} {
		if err := p.Restore(bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

// A batch may be larger than the split: the draw goes round again.
func TestCurriculumOfFewTasks(t *testing.T) {
	l := newLoop(newTabular(), &reinforce{}, reward(countA))
	var err error
	if l.PassRates, err = NewPassRates(0.9, 0.1); err != nil {
		t.Fatal(err)
	}
	l.Config.Prompts = 10
	r, err := l.Step(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := asked(r)
	lap := slices.Sorted(slices.Values(all[:7]))
	if len(all) != 10 || !slices.Equal(lap, []string{"0", "1", "2", "3", "4", "5", "6"}) {
		t.Errorf("asked %v", all)
	}
}

// A correction needs the sampler's log-probabilities of every token.
func TestSamplerLogProbsAreChecked(t *testing.T) {
	p := newTabular()
	l := newLoop(p, &reinforce{needs: core.Needs{Sampler: true}}, reward(countA))
	l.Policy = silent{p}
	_, err := l.Step(t.Context(), 1)
	if err == nil || !strings.Contains(err.Error(), "0 log-probabilities for the") {
		t.Errorf("got %v", err)
	}
}

// silent is a policy whose sampler reports no log-probabilities.
type silent struct{ *tabular }

func (s silent) Generate(ctx context.Context, prompts []core.Prompt, how core.Sampling, yield func(core.Generated) error, progress func(int)) error {
	return s.tabular.Generate(ctx, prompts, how, func(g core.Generated) error {
		g.Completion.LogProbs = nil
		return yield(g)
	}, progress)
}

// Each update is told by itself, and the step's numbers are their means.
func TestUpdatesAreTold(t *testing.T) {
	calls := 0
	seldom := func(l *core.Loss) { // a number of the first two updates alone
		if calls++; calls <= 2 {
			l.Metrics["seldom"] = float64(calls)
		}
	}
	l := newLoop(newTabular(), &reinforce{spoil: seldom}, reward(countA))
	l.Config.Iterations, l.Config.MiniBatches = 2, 3
	r, err := l.Step(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	loss, norm, rows := 0.0, 0.0, 0
	for i, u := range r.Updates {
		if u.Iteration != i/3+1 || u.MiniBatch != i%3+1 || u.Tokens < u.Rows || u.Metrics["total_rows"] != float64(u.Rows) {
			t.Errorf("update %d is %+v", i, u)
		}
		loss, norm, rows = loss+u.Loss/6, norm+u.GradNorm/6, rows+u.Rows
	}
	if len(r.Updates) != 6 || math.Abs(loss-r.Loss) > 1e-12 || math.Abs(norm-r.GradNorm) > 1e-12 || rows == 0 {
		t.Errorf("%d updates with mean loss %v and norm %v; the step says %v and %v", len(r.Updates), loss, norm, r.Loss, r.GradNorm)
	}
	if r.Metrics["seldom"] != 1.5 {
		t.Errorf("the mean of 1 and 2 is %v", r.Metrics["seldom"])
	}
	if r.LR != 0.5 {
		t.Errorf("the rate is %v", r.LR)
	}
}

// The schedule counts steps: all updates of a step have its rate, however many there are.
func TestScheduleCountsSteps(t *testing.T) {
	p := newTabular()
	l := newLoop(p, &reinforce{}, reward(countA))
	l.Config.Steps, l.Config.Iterations, l.Config.MiniBatches = 4, 2, 3
	l.Config.AdamW.LR, l.Config.Schedule = 1, Schedule{Decay: "linear", Warmup: 2}
	if err := l.Run(t.Context(), 1, nil, func(context.Context, *Result) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var want []float64
	for _, rate := range []float64{0.5, 1, 1, 0.5} {
		want = append(want, slices.Repeat([]float64{rate}, 6)...)
	}
	if !slices.Equal(p.rates, want) {
		t.Errorf("the updates had the rates %v, want %v", p.rates, want)
	}
}
