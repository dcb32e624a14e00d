package train

import (
	"context"
	"fmt"
	"math"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/rollout"
)

// advantages fills in a result's advantages: those of the kept groups among themselves, and 0 for the others.
func (l *Loop) advantages(ctx context.Context, r *Result) error {
	var kept [][]core.Score
	for i, scores := range r.Scores {
		if r.Kept[i] {
			kept = append(kept, scores)
		}
	}
	var adv [][]float64
	if len(kept) > 0 {
		var err error
		if adv, err = l.askAdvantages(ctx, kept); err != nil {
			return err
		}
	}
	for i, scores := range r.Scores {
		if !r.Kept[i] {
			r.Advantages = append(r.Advantages, make([]float64, len(scores)))
			continue
		}
		r.Advantages = append(r.Advantages, adv[0])
		adv = adv[1:]
	}
	return nil
}

// askAdvantages asks the optimizer and checks what it answers.
func (l *Loop) askAdvantages(ctx context.Context, scores [][]core.Score) ([][]float64, error) {
	adv, err := l.Optimizer.Advantages(ctx, scores)
	if err != nil {
		return nil, fmt.Errorf("advantages: %w", err)
	}
	if len(adv) != len(scores) {
		return nil, fmt.Errorf("advantages: the optimizer returned %d groups for %d", len(adv), len(scores))
	}
	for i, g := range adv {
		if len(g) != len(scores[i]) {
			return nil, fmt.Errorf("advantages: the optimizer returned %d values for the %d samples of group %d", len(g), len(scores[i]), i)
		}
		for j, a := range g {
			switch {
			case math.IsNaN(a) || math.IsInf(a, 0):
				return nil, fmt.Errorf("advantages: the optimizer returned %v for sample %d of group %d, whose reward is %v", a, j, i, scores[i][j].Value)
			case scores[i][j].Abstain && a != 0:
				return nil, fmt.Errorf("advantages: the optimizer returned %v for sample %d of group %d, which abstains; it must be 0", a, j, i)
			}
		}
	}
	return adv, nil
}

// row is a completion that takes part in an update.
type row struct {
	seq       core.Sequence
	advantage float64
	truncated bool
	old       []float64 // of the policy that sampled; nil until it is known
	ref       []float64 // of the reference policy; nil where it is not needed
	sampler   []float64 // as the sampler reported them; nil where they are not needed
}

// part is one mini-batch: the rows to compute and the counts of all that stood for it, idle ones included.
type part struct {
	rows                   []*row
	totalRows, totalTokens int
}

// Update is what one parameter update measured.
type Update struct {
	// Iteration is the pass over the rollout batch and MiniBatch the part of it, both from 1.
	Iteration, MiniBatch int
	// Rows and Tokens are what the loss divides by: completions and their tokens, those included that add nothing to it.
	Rows, Tokens   int
	Loss, GradNorm float64
	Metrics        map[string]float64
}

// parts splits a step's kept groups into mini-batches of whole groups, as evenly as they go, in the groups' order.
func (l *Loop) parts(r *Result, needs core.Needs) ([]part, error) {
	out := make([]part, l.Config.MiniBatches)
	total, at := len(r.Groups)-r.Sampled.Dropped, 0
	for i, g := range r.Groups {
		if !r.Kept[i] {
			continue
		}
		p := &out[at*len(out)/total]
		at++
		for j, s := range g.Samples {
			if r.Scores[i][j].Abstain {
				continue
			}
			p.totalRows++
			if needs.SkipTruncated && s.Completion.Truncated() {
				continue
			}
			p.totalTokens += len(s.Completion.Tokens)
			if needs.SkipIdle && r.Advantages[i][j] == 0 {
				continue
			}
			x := &row{
				seq:       core.Sequence{Prompt: s.Completion.PromptTokens, Completion: s.Completion.Tokens},
				advantage: r.Advantages[i][j],
				truncated: s.Completion.Truncated(),
			}
			if needs.Sampler {
				if got, want := len(s.Completion.LogProbs), len(s.Completion.Tokens); got != want {
					return nil, fmt.Errorf("the policy reported %d log-probabilities for the %d tokens of sample %d of task %s; the optimizer's correction needs all of them", got, want, j, g.Task.ID)
				}
				x.sampler = make([]float64, len(s.Completion.LogProbs))
				for k, v := range s.Completion.LogProbs {
					x.sampler[k] = float64(v)
				}
			}
			p.rows = append(p.rows, x)
		}
	}
	return out, nil
}

// update makes the parameter updates of a step and fills in the result's means over them.
func (l *Loop) update(ctx context.Context, r *Result) error {
	needs := l.Optimizer.Needs()
	parts, err := l.parts(r, needs)
	if err != nil {
		return err
	}
	var all []*row
	for _, p := range parts {
		all = append(all, p.rows...)
	}
	if len(all) == 0 {
		return nil
	}
	if needs.Reference {
		ref, err := l.Policy.Score(ctx, sequences(all), l.Config.Temperature, true)
		if err != nil {
			return fmt.Errorf("score with the reference policy: %w", err)
		}
		if err := assign(all, ref, func(x *row, lp []float64) { x.ref = lp }); err != nil {
			return fmt.Errorf("score with the reference policy: %w", err)
		}
	}
	// The first update's forward pass gives the old log-probabilities of its own rows; those of later mini-batches must be
	// taken before the policy changes.
	if len(parts) > 1 {
		old, err := l.Policy.Score(ctx, sequences(all), l.Config.Temperature, false)
		if err != nil {
			return fmt.Errorf("score with the old policy: %w", err)
		}
		if err := assign(all, old, func(x *row, lp []float64) { x.old = lp }); err != nil {
			return fmt.Errorf("score with the old policy: %w", err)
		}
	}
	sum, told := map[string]float64{}, map[string]float64{}
	for iteration := range l.Config.Iterations {
		for k, p := range parts {
			if len(p.rows) == 0 {
				continue
			}
			loss, norm, err := l.apply(ctx, r.LR, p)
			if err != nil {
				return err
			}
			r.Updates = append(r.Updates, Update{
				Iteration: iteration + 1, MiniBatch: k + 1, Rows: p.totalRows, Tokens: p.totalTokens,
				Loss: loss.Value, GradNorm: norm, Metrics: loss.Metrics,
			})
			r.Loss += loss.Value
			r.GradNorm += norm
			for k, v := range loss.Metrics {
				sum[k] += v
				told[k]++
			}
		}
	}
	n := float64(len(r.Updates))
	r.Loss /= n
	r.GradNorm /= n
	r.Metrics = sum
	for k := range sum {
		sum[k] /= told[k] // an optimizer need not tell a number of every update
	}
	return nil
}

// apply makes one parameter update from a mini-batch.
func (l *Loop) apply(ctx context.Context, lr float64, p part) (core.Loss, float64, error) {
	var none core.Loss
	now, err := l.Policy.Forward(ctx, sequences(p.rows), l.Config.Temperature)
	if err != nil {
		return none, 0, fmt.Errorf("forward: %w", err)
	}
	if err := check(p.rows, now); err != nil {
		return none, 0, fmt.Errorf("forward: %w", err)
	}
	for i, x := range p.rows {
		if x.old == nil {
			x.old = now.LogProbs[i]
		}
	}
	b := batchOf(p, now.LogProbs, l.Optimizer.Needs(), l.Config.MaxTokens)
	loss, err := l.Optimizer.Loss(ctx, b)
	if err != nil {
		return none, 0, fmt.Errorf("loss: %w", err)
	}
	grad, err := ragged(b, p.rows, loss)
	if err != nil {
		return none, 0, fmt.Errorf("loss: %w", err)
	}
	if err := l.Policy.Backward(ctx, grad); err != nil {
		return none, 0, fmt.Errorf("backward: %w", err)
	}
	a := l.Config.AdamW
	a.LR = lr
	stats, err := l.Policy.Step(ctx, a)
	if err != nil {
		return none, 0, fmt.Errorf("update: %w", err)
	}
	return loss, stats.GradNorm, nil
}

func sequences(rows []*row) []core.Sequence {
	out := make([]core.Sequence, len(rows))
	for i, x := range rows {
		out[i] = x.seq
	}
	return out
}

// check compares the shape of what the policy answered with the rows that were asked for.
func check(rows []*row, s core.TokenScores) error {
	if len(s.LogProbs) != len(rows) {
		return fmt.Errorf("the policy returned log-probabilities of %d sequences for %d", len(s.LogProbs), len(rows))
	}
	for i, lp := range s.LogProbs {
		if len(lp) != len(rows[i].seq.Completion) {
			return fmt.Errorf("the policy returned %d log-probabilities for the %d tokens of sequence %d", len(lp), len(rows[i].seq.Completion), i)
		}
		for t, v := range lp {
			if !(v <= 0) || math.IsInf(v, 0) {
				return fmt.Errorf("the policy returned the log-probability %v at token %d of sequence %d", v, t, i)
			}
		}
	}
	return nil
}

func assign(rows []*row, s core.TokenScores, set func(*row, []float64)) error {
	if err := check(rows, s); err != nil {
		return err
	}
	for i, x := range rows {
		set(x, s.LogProbs[i])
	}
	return nil
}

// batchOf pads the rows of a mini-batch on the right.
func batchOf(p part, now [][]float64, needs core.Needs, maxTokens int) core.Batch {
	b := core.Batch{Rows: len(p.rows), TotalRows: p.totalRows, TotalTokens: p.totalTokens, MaxTokens: maxTokens}
	for _, x := range p.rows {
		b.Cols = max(b.Cols, len(x.seq.Completion))
	}
	n := b.Rows * b.Cols
	b.LogProbs, b.OldLogProbs, b.Mask = make([]float64, n), make([]float64, n), make([]bool, n)
	if needs.Reference {
		b.RefLogProbs = make([]float64, n)
	}
	if needs.Sampler {
		b.SamplerLogProbs = make([]float64, n)
	}
	for i, x := range p.rows {
		at := i * b.Cols
		copy(b.LogProbs[at:], now[i])
		copy(b.OldLogProbs[at:], x.old)
		if needs.Reference {
			copy(b.RefLogProbs[at:], x.ref)
		}
		if needs.Sampler {
			copy(b.SamplerLogProbs[at:], x.sampler)
		}
		for t := range x.seq.Completion {
			b.Mask[at+t] = true
		}
		b.Advantages = append(b.Advantages, x.advantage)
		b.Truncated = append(b.Truncated, x.truncated)
	}
	return b
}

// ragged checks a loss against its batch and cuts its derivative into rows.
func ragged(b core.Batch, rows []*row, loss core.Loss) ([][]float64, error) {
	if math.IsNaN(loss.Value) || math.IsInf(loss.Value, 0) {
		return nil, fmt.Errorf("the optimizer returned the loss %v", loss.Value)
	}
	if len(loss.Grad) != b.Rows*b.Cols {
		return nil, fmt.Errorf("the optimizer returned %d derivatives for %d × %d log-probabilities", len(loss.Grad), b.Rows, b.Cols)
	}
	for i, g := range loss.Grad {
		switch {
		case math.IsNaN(g) || math.IsInf(g, 0):
			return nil, fmt.Errorf("the optimizer returned the derivative %v at row %d, token %d", g, i/b.Cols, i%b.Cols)
		case g != 0 && !b.Mask[i]:
			return nil, fmt.Errorf("the optimizer returned the derivative %v at row %d, position %d, where there is no token", g, i/b.Cols, i%b.Cols)
		}
	}
	out := make([][]float64, len(rows))
	for i, x := range rows {
		out[i] = loss.Grad[i*b.Cols : i*b.Cols+len(x.seq.Completion)]
	}
	return out, nil
}

var _ rollout.Generator = Policy(nil)
