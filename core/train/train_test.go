package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/rollout"
)

// judge takes the text as the program, passes what has an "a", and finds a style fault in what has none.
func judge() rollout.Judge {
	return rollout.Judge{
		Extract: func(_ context.Context, _ core.Task, _ core.Prompt, c core.Completion) (string, error) {
			return c.Text, nil
		},
		Verifier: verifier(func(p string) core.Verdict {
			switch {
			case strings.Contains(p, "dd"):
				return core.Verdict{Class: core.Infrastructure, Message: "the sandbox fell over"}
			case strings.Contains(p, "a"):
				return core.Verdict{Class: core.Passed, Tests: []core.TestResult{{Class: core.Passed}}}
			}
			return core.Verdict{Class: core.Failed, Tests: []core.TestResult{{Class: core.Failed}}}
		}),
		Linter: linter{},
	}
}

type verifier func(string) core.Verdict

func (v verifier) Verify(_ context.Context, _ core.Task, p string) (core.Verdict, error) {
	return v(p), nil
}

type linter struct{}

func (linter) Lint(_ context.Context, p string) (core.Lint, error) {
	return core.Lint{Convention: 1 - min(1, strings.Count(p, "a"))}, nil
}

type reward func(core.Sample) core.Score

func (r reward) Score(_ context.Context, g core.Group) ([]core.Score, error) {
	var out []core.Score
	for _, s := range g.Samples {
		out = append(out, r(s))
	}
	return out, nil
}

// countA rewards the letter a.
func countA(s core.Sample) core.Score {
	return core.Score{Value: float64(strings.Count(s.Completion.Text, "a"))}
}

func newLoop(p *tabular, o core.Optimizer, r core.Reward) *Loop {
	l := &Loop{
		Config: Config{
			Steps: 40, Prompts: 3, Group: 6, MaxTokens: 4, Temperature: 1, Iterations: 1, MiniBatches: 1,
			AdamW: core.AdamW{LR: 0.5, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8}, Seed: 7,
		},
		Policy: p, Optimizer: o, Reward: r,
		Collector: rollout.Collector{Judge: judge(), Workers: 3},
	}
	for i := range 7 {
		l.Questions = append(l.Questions, rollout.Question{Task: core.Task{ID: fmt.Sprint(i)}})
	}
	return l
}

func mean(r *Result) float64 {
	sum, n := 0.0, 0
	for _, g := range r.Scores {
		for _, s := range g {
			if !s.Abstain {
				sum += s.Value
				n++
			}
		}
	}
	return sum / float64(n)
}

func TestLoopLearns(t *testing.T) {
	var means []float64
	l := newLoop(newTabular(), &reinforce{}, reward(countA))
	err := l.Run(t.Context(), 1, nil, func(_ context.Context, r *Result) error {
		means = append(means, mean(r))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(means) != 40 {
		t.Fatalf("%d steps, want 40", len(means))
	}
	// the most that four letters can earn is 4; a uniform policy earns about 0.6
	if first, last := means[0], means[39]; first > 1.5 || last < 3.5 {
		t.Errorf("the mean reward went from %.2f to %.2f", first, last)
	}
}

// A step is a function of its number and the policy's state: a loop that starts in the middle makes the same steps.
func TestResumedLoopIsTheSameLoop(t *testing.T) {
	record := func(dst *[]string) func(context.Context, *Result) error {
		return func(_ context.Context, r *Result) error {
			line := fmt.Sprintf("%d %.17g %.17g", r.Step, r.Loss, r.GradNorm)
			for _, g := range r.Groups {
				line += " " + g.Task.ID
				for _, s := range g.Samples {
					line += ":" + s.Completion.Text
				}
			}
			*dst = append(*dst, line)
			return nil
		}
	}
	var whole, halves []string
	if err := newLoop(newTabular(), &reinforce{}, reward(countA)).Run(t.Context(), 1, nil, record(&whole)); err != nil {
		t.Fatal(err)
	}
	p := newTabular()
	first := newLoop(p, &reinforce{}, reward(countA))
	first.Config.Steps = 17
	if err := first.Run(t.Context(), 1, nil, record(&halves)); err != nil {
		t.Fatal(err)
	}
	if err := newLoop(p, &reinforce{}, reward(countA)).Run(t.Context(), 18, nil, record(&halves)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(whole, halves) {
		t.Errorf("the resumed run differs:\n%s\n%s", strings.Join(whole, "\n"), strings.Join(halves, "\n"))
	}
}

func TestStopEndsBetweenSteps(t *testing.T) {
	stop := make(chan struct{})
	steps := 0
	err := newLoop(newTabular(), &reinforce{}, reward(countA)).Run(t.Context(), 1, stop, func(_ context.Context, r *Result) error {
		if steps++; r.Step == 5 {
			close(stop)
		}
		return nil
	})
	if err != nil || steps != 5 {
		t.Errorf("%d steps and %v, want 5 and no error", steps, err)
	}
}

// Which passes a step makes over the policy.
func TestPassesOfAStep(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Loop, *reinforce)
		want   []string
	}{
		{"on policy: old log-probabilities are those of the update", func(*Loop, *reinforce) {}, []string{"generate", "forward 18", "backward", "step"}},
		{
			"a second iteration keeps the first one's", func(l *Loop, _ *reinforce) { l.Config.Iterations = 2 },
			[]string{"generate", "forward 18", "backward", "step", "forward 18", "backward", "step"},
		},
		{
			"mini-batches take them before the first update", func(l *Loop, _ *reinforce) { l.Config.MiniBatches = 3 },
			[]string{"generate", "score 18 reference=false", "forward 6", "backward", "step", "forward 6", "backward", "step", "forward 6", "backward", "step"},
		},
		{
			"a reference is scored once", func(l *Loop, o *reinforce) { o.needs.Reference, l.Config.Iterations = true, 2 },
			[]string{"generate", "score 18 reference=true", "forward 18", "backward", "step", "forward 18", "backward", "step"},
		},
		{"no advantage and nothing else to learn from: no update", func(l *Loop, o *reinforce) {
			o.needs.SkipIdle = true
			l.Reward = reward(func(core.Sample) core.Score { return core.Score{Value: 1} })
		}, []string{"generate"}},
		{"all abstain: no update", func(l *Loop, _ *reinforce) {
			l.Reward = reward(func(core.Sample) core.Score { return core.Score{Abstain: true} })
		}, []string{"generate"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, o := newTabular(), &reinforce{}
			p.logits[0][0], p.logits[3][4] = -50, -50 // every completion has a token, and none is "dd" at the end
			for i := range p.logits {
				p.logits[i][4] = -50
			}
			l := newLoop(p, o, reward(countA))
			tt.change(l, o)
			if _, err := l.Step(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(p.calls, tt.want) {
				t.Errorf("got %q\nwant %q", p.calls, tt.want)
			}
		})
	}
}

// On policy every ratio is exactly 1; after an update of the same batch it is not.
func TestRatios(t *testing.T) {
	o := &reinforce{}
	l := newLoop(newTabular(), o, reward(countA))
	l.Config.Iterations = 2
	if _, err := l.Step(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	half := len(o.ratios) / 2
	for _, r := range o.ratios[:half] {
		if r != 1 {
			t.Fatalf("a ratio of the first update is %v", r)
		}
	}
	moved := 0
	for _, r := range o.ratios[half:] {
		if math.Abs(r-1) > 1e-6 {
			moved++
		}
	}
	if moved < half/2 {
		t.Errorf("only %d of %d ratios of the second update differ from 1", moved, half)
	}
}

// watched keeps the batches that an optimizer was asked about.
type watched struct {
	reinforce
	batches []core.Batch
}

func (w *watched) Loss(ctx context.Context, b core.Batch) (core.Loss, error) {
	w.batches = append(w.batches, b)
	return w.reinforce.Loss(ctx, b)
}

// Every mini-batch of every iteration is told the log-probabilities of the policy before the step's first update, which
// sampled it, and those of the reference, which knows nothing.
func TestOldAndReference(t *testing.T) {
	p := newTabular()
	for at := range p.logits {
		p.logits[at][1], p.logits[at][3] = 1, -1
	}
	o := &watched{reinforce: reinforce{needs: core.Needs{Reference: true, Sampler: true}}}
	l := newLoop(p, o, reward(countA))
	l.Config.Iterations, l.Config.MiniBatches = 2, 3
	if _, err := l.Step(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	moved := 0
	for k, b := range o.batches {
		for i, on := range b.Mask {
			if !on {
				continue
			}
			if math.Abs(b.OldLogProbs[i]-b.SamplerLogProbs[i]) > 1e-6 {
				t.Fatalf("update %d: the old log-probability is %v and the sampler's %v", k, b.OldLogProbs[i], b.SamplerLogProbs[i])
			}
			if math.Abs(b.RefLogProbs[i]+math.Log(float64(len(letters)))) > 1e-12 {
				t.Fatalf("update %d: the reference's log-probability is %v", k, b.RefLogProbs[i])
			}
			if math.Abs(b.LogProbs[i]-b.OldLogProbs[i]) > 1e-6 {
				moved++
			}
		}
	}
	if len(o.batches) != 6 || moved == 0 {
		t.Errorf("%d updates, %d ratios that are not 1", len(o.batches), moved)
	}
}

// spoiled is a policy that answers with a log-probability that cannot be.
type spoiled struct {
	*tabular
	logProb float64
}

func (s spoiled) Forward(ctx context.Context, seqs []core.Sequence, temperature float64) (core.TokenScores, error) {
	out, err := s.tabular.Forward(ctx, seqs, temperature)
	out.LogProbs[0][0] = s.logProb
	return out, err
}

// boundless is an optimizer that answers with such an advantage.
type boundless struct {
	reinforce
	by float64
}

func (o *boundless) Advantages(ctx context.Context, scores [][]core.Score) ([][]float64, error) {
	out, err := o.reinforce.Advantages(ctx, scores)
	out[0][0] = o.by
	return out, err
}

// The rows that are left out because they add nothing still count in the totals that a loss divides by.
func TestIdleRowsCountInTotals(t *testing.T) {
	o := &reinforce{needs: core.Needs{SkipIdle: true}}
	l := newLoop(newTabular(), o, reward(func(s core.Sample) core.Score { return core.Score{Value: float64(s.Index / 5)} }))
	l.Reward = perTask{l.Reward}
	r, err := l.Step(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Metrics["rows"] >= r.Metrics["total_rows"] || r.Metrics["total_rows"] == 0 {
		t.Errorf("rows %v of %v: the constant group should have been left out but counted", r.Metrics["rows"], r.Metrics["total_rows"])
	}
	full := newLoop(newTabular(), &reinforce{}, l.Reward)
	f, err := full.Step(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if f.Loss != r.Loss || f.GradNorm != r.GradNorm {
		t.Errorf("leaving idle rows out changed the step: loss %v and %v, norm %v and %v", f.Loss, r.Loss, f.GradNorm, r.GradNorm)
	}
}

// perTask gives every sample of the step's first group the same score.
type perTask struct{ core.Reward }

func (p perTask) Score(ctx context.Context, g core.Group) ([]core.Score, error) {
	if g.Task.ID <= "3" {
		return make([]core.Score, len(g.Samples)), nil
	}
	return p.Reward.Score(ctx, g)
}

// A failure of the harness never becomes a reward.
func TestInfrastructureAbstains(t *testing.T) {
	p := newTabular()
	for i := range p.logits {
		p.logits[i][4] = 3 // many d: "dd" makes the verifier fail
	}
	r, err := newLoop(p, &reinforce{}, reward(func(core.Sample) core.Score { return core.Score{Value: 1} })).Step(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, g := range r.Groups {
		for j, s := range g.Samples {
			broken := strings.Contains(s.Completion.Text, "dd")
			if broken {
				n++
			}
			if r.Scores[i][j].Abstain != broken || (broken && r.Advantages[i][j] != 0) {
				t.Errorf("%q: abstain %v, advantage %v", s.Completion.Text, r.Scores[i][j].Abstain, r.Advantages[i][j])
			}
		}
	}
	if n == 0 {
		t.Fatal("no sample met the failing verifier: the test shows nothing")
	}
}

func TestWrongAnswersAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Loop, *reinforce)
		want   string
	}{
		{"NaN loss", func(_ *Loop, o *reinforce) { o.spoil = func(l *core.Loss) { l.Value = math.NaN() } }, "the loss NaN"},
		{"NaN derivative", func(_ *Loop, o *reinforce) { o.spoil = func(l *core.Loss) { l.Grad[1] = math.NaN() } }, "the derivative NaN"},
		{"infinite loss", func(_ *Loop, o *reinforce) { o.spoil = func(l *core.Loss) { l.Value = math.Inf(-1) } }, "the loss -Inf"},
		{"infinite derivative", func(_ *Loop, o *reinforce) { o.spoil = func(l *core.Loss) { l.Grad[1] = math.Inf(1) } }, "the derivative +Inf"},
		{"NaN advantage", func(l *Loop, _ *reinforce) { l.Optimizer = &boundless{by: math.NaN()} }, "returned NaN for sample 0 of group 0"},
		{"infinite advantage", func(l *Loop, _ *reinforce) { l.Optimizer = &boundless{by: math.Inf(1)} }, "returned +Inf for sample 0 of group 0"},
		{"probability above 1", func(l *Loop, _ *reinforce) { l.Policy = spoiled{newTabular(), 0.1} }, "the log-probability 0.1 at token 0"},
		{"NaN log-probability", func(l *Loop, _ *reinforce) { l.Policy = spoiled{newTabular(), math.NaN()} }, "the log-probability NaN"},
		{"token that cannot be", func(l *Loop, _ *reinforce) { l.Policy = spoiled{newTabular(), math.Inf(-1)} }, "the log-probability -Inf"},
		{"short derivative", func(_ *Loop, o *reinforce) { o.spoil = func(l *core.Loss) { l.Grad = l.Grad[1:] } }, "derivatives for"},
		{"derivative at padding", func(_ *Loop, o *reinforce) {
			o.spoil = func(l *core.Loss) {
				for i := range l.Grad {
					l.Grad[i] = 1
				}
			}
		}, "where there is no token"},
		{"NaN reward", func(l *Loop, _ *reinforce) {
			l.Reward = reward(func(core.Sample) core.Score { return core.Score{Value: math.NaN()} })
		}, "unusable scores: the value is NaN"},
		{"too few scores", func(l *Loop, _ *reinforce) { l.Reward = fewer{} }, "5 for 6 samples"},
		{"a reward that fails", func(l *Loop, _ *reinforce) { l.Reward = broken{} }, "score task"},
		{"temperature without end", func(l *Loop, _ *reinforce) { l.Config.Temperature = math.Inf(1) }, "temperature is +Inf"},
		{"lr without end", func(l *Loop, _ *reinforce) { l.Config.AdamW.LR = math.Inf(1) }, "lr is +Inf"},
		{"top-p above 1", func(l *Loop, _ *reinforce) { l.Config.TopP = 1.5 }, "top-p is 1.5"},
		{"top-k below 0", func(l *Loop, _ *reinforce) { l.Config.TopK = -1 }, "top-k is -1"},
		{"a moment that never forgets", func(l *Loop, _ *reinforce) { l.Config.AdamW.Beta2 = 1 }, "adam-beta2 is 1"},
		{"no epsilon", func(l *Loop, _ *reinforce) { l.Config.AdamW.Eps = 0 }, "adam-eps is 0"},
		{"a decay that is no number", func(l *Loop, _ *reinforce) { l.Config.AdamW.WeightDecay = math.NaN() }, "weight-decay is NaN"},
		{"a negative norm", func(l *Loop, _ *reinforce) { l.Config.AdamW.MaxGradNorm = -1 }, "max-grad-norm is -1"},
		{"temperature 0", func(l *Loop, _ *reinforce) { l.Config.Temperature = 0 }, "temperature is 0"},
		{"more mini-batches than prompts", func(l *Loop, _ *reinforce) { l.Config.MiniBatches = 4 }, "only 3 prompts"},
		{"no tasks", func(l *Loop, _ *reinforce) { l.Questions = nil }, "no tasks"},
		{"a schedule that does not exist", func(l *Loop, _ *reinforce) { l.Config.Schedule.Decay = "step" }, "lr-schedule"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := &reinforce{}
			l := newLoop(newTabular(), o, reward(countA))
			tt.change(l, o)
			err := l.Run(t.Context(), 1, nil, func(context.Context, *Result) error { return nil })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

type fewer struct{}

func (fewer) Score(_ context.Context, g core.Group) ([]core.Score, error) {
	return make([]core.Score, len(g.Samples)-1), nil
}

type broken struct{}

func (broken) Score(context.Context, core.Group) ([]core.Score, error) {
	return nil, errors.New("no scores today")
}

// A completion without a token has rows of its own kind: no log-probability, and a place in every matrix.
func TestEmptyCompletions(t *testing.T) {
	p, o := newTabular(), &reinforce{needs: core.Needs{Reference: true, Sampler: true}}
	l := newLoop(p, o, reward(func(s core.Sample) core.Score { return core.Score{Value: float64(s.Index)} }))
	l.Policy = emptied{p}
	var got core.Batch
	l.Optimizer = seen{o, &got}
	if _, err := l.Step(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if n := got.Rows * got.Cols; n == 0 || len(got.RefLogProbs) != n || len(got.SamplerLogProbs) != n || got.Mask[0] {
		t.Errorf("%d × %d with %d reference and %d sampler log-probabilities, mask %v", got.Rows, got.Cols, len(got.RefLogProbs), len(got.SamplerLogProbs), got.Mask)
	}
}

// emptied is a policy whose first completion of each prompt has no token.
type emptied struct{ *tabular }

func (e emptied) Generate(ctx context.Context, prompts []core.Prompt, how core.Sampling, yield func(core.Generated) error, progress func(int)) error {
	return e.tabular.Generate(ctx, prompts, how, func(g core.Generated) error {
		if g.Sample == 0 {
			g.Completion.Text, g.Completion.Tokens, g.Completion.LogProbs = "", nil, nil
		}
		return yield(g)
	}, progress)
}

// seen is an optimizer that keeps the last batch.
type seen struct {
	core.Optimizer
	batch *core.Batch
}

func (s seen) Loss(ctx context.Context, b core.Batch) (core.Loss, error) {
	*s.batch = b
	return s.Optimizer.Loss(ctx, b)
}

// Every task comes once in an epoch, and epochs differ.
func TestOrder(t *testing.T) {
	l := newLoop(nil, nil, nil)
	var ids []string
	for step := 1; step <= 14; step++ { // 14 steps of 3 are 6 epochs of 7
		for _, at := range l.order(step) {
			ids = append(ids, l.Questions[at].Task.ID)
		}
	}
	epochs := map[string]bool{}
	for e := range 6 {
		seen := map[string]bool{}
		for _, id := range ids[e*7 : e*7+7] {
			seen[id] = true
		}
		if len(seen) != 7 {
			t.Errorf("epoch %d has %d tasks of 7: %v", e, len(seen), ids[e*7:e*7+7])
		}
		epochs[strings.Join(ids[e*7:e*7+7], " ")] = true
	}
	if len(epochs) < 5 {
		t.Errorf("only %d orders in 6 epochs", len(epochs))
	}
}

func TestSchedule(t *testing.T) {
	for _, tt := range []struct {
		s    Schedule
		want []float64 // of 4 steps, peak 1
	}{
		{Schedule{}, []float64{1, 1, 1, 1}},
		{Schedule{Decay: "linear"}, []float64{1, 0.75, 0.5, 0.25}},
		{Schedule{Decay: "cosine"}, []float64{1, (1 + math.Sqrt2/2) / 2, 0.5, (1 - math.Sqrt2/2) / 2}},
		{Schedule{Warmup: 2}, []float64{0.5, 1, 1, 1}},
		{Schedule{Warmup: 2, Decay: "linear"}, []float64{0.5, 1, 1, 0.5}},
	} {
		for i, want := range tt.want {
			if got := tt.s.LR(1, i+1, 4); math.Abs(got-want) > 1e-15 {
				t.Errorf("%+v: step %d has %v, want %v", tt.s, i+1, got, want)
			}
		}
	}
}
