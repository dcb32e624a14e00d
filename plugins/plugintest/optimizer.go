package plugintest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
)

func (s *suite) optimizer(ctx context.Context) {
	var o *plugins.Optimizer
	if !s.ask(ctx, demand{"opens", func(ctx context.Context) (err error) {
		o, err = plugins.OpenOptimizer(ctx, s.options())
		return err
	}}) {
		return
	}
	defer o.Close()
	for _, d := range []demand{
		{"an advantage for each score", func(ctx context.Context) error { _, err := o.Advantages(ctx, Scores(3, 4)); return err }},
		{"no groups", func(ctx context.Context) error { _, err := o.Advantages(ctx, nil); return err }},
		{"empty and single groups", func(ctx context.Context) error {
			_, err := o.Advantages(ctx, [][]core.Score{{}, {{Value: 1}}, {{Abstain: true}}, {{Value: 0}, {Abstain: true}}})
			return err
		}},
		{"equal scores", func(ctx context.Context) error {
			_, err := o.Advantages(ctx, [][]core.Score{{{Value: 0.1}, {Value: 0.1}, {Value: 0.1}}, {{Value: 0}, {Value: 0}}})
			return err
		}},
		{"large and tiny scores", func(ctx context.Context) error {
			_, err := o.Advantages(ctx, [][]core.Score{{{Value: 1e12}, {Value: -1e12}}, {{Value: 1e-12}, {Value: 2e-12}}})
			return err
		}},
		{"abstaining has no influence", func(ctx context.Context) error { return withoutAbstaining(ctx, o) }},
		{"permutation of samples", func(ctx context.Context) error { return permuted(ctx, o) }},
		{"advantages sum to zero", func(ctx context.Context) error { return sumToZero(ctx, o) }},
		{"shift of rewards", func(ctx context.Context) error { return shifted(ctx, o) }},
		{"derivative", func(ctx context.Context) error { return differences(ctx, o) }},
		{"masked tokens", func(ctx context.Context) error { return masked(ctx, o) }},
		{"idle rows", func(ctx context.Context) error { return idle(ctx, o) }},
		{"micro-batches add up", func(ctx context.Context) error { return addsUp(ctx, o) }},
		{"empty batch", func(ctx context.Context) error {
			if _, err := o.Loss(ctx, core.Batch{MaxTokens: 8}); err != nil {
				return err
			}
			b := Batch(2, 3)
			b.Mask = make([]bool, 6)
			l, err := o.Loss(ctx, b)
			if err == nil && l.Value != 0 {
				err = fmt.Errorf("a batch without a token has the loss %v", l.Value)
			}
			return err
		}},
		{"huge log-ratios", func(ctx context.Context) error {
			for _, shift := range []float64{30, -30, 1000, -1000} {
				b := Batch(4, 5)
				for i := range b.LogProbs {
					b.OldLogProbs[i] = b.LogProbs[i] + shift
					b.RefLogProbs[i] = b.LogProbs[i] - shift
				}
				if _, err := o.Loss(ctx, b); err != nil {
					return fmt.Errorf("log-ratio %g: %w", shift, err)
				}
			}
			return nil
		}},
		{"deterministic", func(ctx context.Context) error {
			x, err := o.Loss(ctx, Batch(8, 16))
			if err != nil {
				return err
			}
			y, err := o.Loss(ctx, Batch(8, 16))
			if err == nil && !reflect.DeepEqual(x, y) {
				err = errors.New("the same batch has two losses")
			}
			return err
		}},
		{"batch over 4 MiB", func(ctx context.Context) error { _, err := o.Loss(ctx, Batch(64, 4096)); return err }},
		{"cancelled call", func(ctx context.Context) error {
			return cancelled(ctx, o.PID, func(ctx context.Context) error { _, err := o.Loss(ctx, Batch(64, 4096)); return err },
				func(ctx context.Context) error { _, err := o.Loss(ctx, Batch(2, 3)); return err })
		}},
		{"killed process", func(ctx context.Context) error {
			before, err := o.Loss(ctx, Batch(8, 16))
			if err != nil {
				return err
			}
			if err := kill(o.PID()); err != nil {
				return err
			}
			after, err := o.Loss(ctx, Batch(8, 16))
			if err != nil {
				return fmt.Errorf("after a restart: %w", err)
			}
			if !reflect.DeepEqual(before, after) {
				return errors.New("a fresh process has another loss for the same batch")
			}
			return nil
		}},
		{"process ends", func(context.Context) error { return ends(o.PID(), o.Close) }},
	} {
		s.ask(ctx, d)
	}
}

// Scores returns scores of groups of n samples, the same at every call.
func Scores(groups, n int) [][]core.Score {
	r := rand.New(rand.NewPCG(3, 5)) //nolint:gosec // the same numbers every time are wanted, not unpredictable ones
	out := make([][]core.Score, groups)
	for g := range out {
		out[g] = make([]core.Score, n)
		for i := range out[g] {
			out[g][i].Value = math.Round(r.Float64()*10) / 10
		}
		out[g][0].Value, out[g][n-1].Value = 0, 1 // some spread in every group
	}
	return out
}

// Batch returns a random batch with rows of different lengths, the same at every call. Its ratios are near 1 and far
// from it, on either side of every clip that rules use.
func Batch(rows, cols int) core.Batch {
	r := rand.New(rand.NewPCG(7, 11)) //nolint:gosec // the same numbers every time are wanted, not unpredictable ones
	n := rows * cols
	b := core.Batch{
		Rows: rows, Cols: cols, MaxTokens: cols, LogProbs: make([]float64, n), OldLogProbs: make([]float64, n),
		RefLogProbs: make([]float64, n), SamplerLogProbs: make([]float64, n), Mask: make([]bool, n),
		Advantages: make([]float64, rows), Truncated: make([]bool, rows),
	}
	for i := range rows {
		b.Advantages[i] = r.NormFloat64()
		length := cols
		if i > 0 {
			length = 1 + r.IntN(cols)
		}
		for t := range cols {
			k := i*cols + t
			b.OldLogProbs[k] = -3 * r.Float64()
			b.LogProbs[k] = b.OldLogProbs[k] + 0.25*r.NormFloat64()
			b.RefLogProbs[k] = b.OldLogProbs[k] + 0.1*r.NormFloat64()
			b.SamplerLogProbs[k] = b.OldLogProbs[k] + 0.01*r.NormFloat64()
			b.Mask[k] = t < length
		}
	}
	return b
}

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*max(1, math.Abs(a), math.Abs(b))
}

// withoutAbstaining asks that a sample that abstains might as well not be there.
func withoutAbstaining(ctx context.Context, o core.Optimizer) error {
	scores := Scores(3, 5)
	plain, err := o.Advantages(ctx, scores)
	if err != nil {
		return err
	}
	with := make([][]core.Score, len(scores))
	for g := range scores {
		with[g] = append([]core.Score{{Abstain: true, Value: 1e6}}, scores[g]...)
	}
	got, err := o.Advantages(ctx, with)
	if err != nil {
		return err
	}
	for g := range plain {
		for i := range plain[g] {
			if !near(plain[g][i], got[g][i+1], 1e-12) {
				return fmt.Errorf("group %d sample %d: advantage %v, and %v beside a sample that abstains", g, i, plain[g][i], got[g][i+1])
			}
		}
	}
	return nil
}

// permuted asks that advantages go with their samples.
func permuted(ctx context.Context, o core.Optimizer) error {
	scores := Scores(3, 5)
	plain, err := o.Advantages(ctx, scores)
	if err != nil {
		return err
	}
	back := make([][]core.Score, len(scores))
	for g := range scores {
		for i := range scores[g] {
			back[g] = append(back[g], scores[g][len(scores[g])-1-i])
		}
	}
	got, err := o.Advantages(ctx, back)
	if err != nil {
		return err
	}
	for g := range plain {
		for i := range plain[g] {
			if x := got[g][len(plain[g])-1-i]; !near(plain[g][i], x, 1e-12) {
				return fmt.Errorf("group %d sample %d: advantage %v, and %v in another order", g, i, plain[g][i], x)
			}
		}
	}
	return nil
}

func sumToZero(ctx context.Context, o core.Optimizer) error {
	adv, err := o.Advantages(ctx, Scores(3, 5))
	if err != nil {
		return err
	}
	all := 0.0
	own := true
	for _, group := range adv {
		sum := 0.0
		for _, a := range group {
			sum += a
		}
		own = own && math.Abs(sum) < 1e-9
		all += sum
	}
	switch {
	case own:
		return nil
	case math.Abs(all) < 1e-9:
		return notef("over the batch, not in each group")
	}
	return notef("they do not: the sum is %g; a rule without a baseline has noisier updates", all)
}

func shifted(ctx context.Context, o core.Optimizer) error {
	scores := Scores(3, 5)
	plain, err := o.Advantages(ctx, scores)
	if err != nil {
		return err
	}
	for g := range scores {
		for i := range scores[g] {
			scores[g][i].Value += 8
		}
	}
	got, err := o.Advantages(ctx, scores)
	if err != nil {
		return err
	}
	for g := range plain {
		for i := range plain[g] {
			if !near(plain[g][i], got[g][i], 1e-9) {
				return notef("adding a constant to all rewards changes advantages: %v became %v", plain[g][i], got[g][i])
			}
		}
	}
	return nil
}

// differences asks that the derivative is the loss's, by central differences. Entries at a kink of the loss, where the
// differences to either side disagree, are passed over.
func differences(ctx context.Context, o core.Optimizer) error {
	const h = 1e-5
	b := Batch(4, 5)
	l, err := o.Loss(ctx, b)
	if err != nil {
		return err
	}
	at := func(i int, d float64) (float64, error) {
		moved := b
		moved.LogProbs = append([]float64(nil), b.LogProbs...)
		moved.LogProbs[i] += d
		l, err := o.Loss(ctx, moved)
		return l.Value, err
	}
	tested := 0
	for i := range b.LogProbs {
		up, err := at(i, h)
		if err != nil {
			return err
		}
		down, err := at(i, -h)
		if err != nil {
			return err
		}
		right, left := (up-l.Value)/h, (l.Value-down)/h
		if !near(right, left, 1e-3) {
			continue
		}
		tested++
		if want := (up - down) / (2 * h); math.Abs(l.Grad[i]-want) > 1e-6*max(1, math.Abs(want)) {
			return fmt.Errorf("row %d token %d: the derivative is %v and the loss changes by %v; a loss with a stop-gradient leaves this demand out",
				i/b.Cols, i%b.Cols, l.Grad[i], want)
		}
	}
	if tested < len(b.LogProbs)/2 {
		return fmt.Errorf("only %d of %d entries could be tested: the loss is not smooth", tested, len(b.LogProbs))
	}
	return nil
}

// masked asks that entries outside the mask have no influence.
func masked(ctx context.Context, o core.Optimizer) error {
	b := Batch(4, 6)
	x, err := o.Loss(ctx, b)
	if err != nil {
		return err
	}
	for i, on := range b.Mask {
		if !on {
			b.LogProbs[i], b.OldLogProbs[i], b.RefLogProbs[i], b.SamplerLogProbs[i] = 1e6, -1e6, 3, 1e9
		}
	}
	y, err := o.Loss(ctx, b)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(x, y) {
		return fmt.Errorf("entries that the mask leaves out change the loss from %v to %v, or its derivative or metrics", x.Value, y.Value)
	}
	return nil
}

// idle asks that a rule keeps its word when it says that rows without an advantage add nothing.
func idle(ctx context.Context, o core.Optimizer) error {
	if !o.Needs().SkipIdle {
		return notef("rows with the advantage 0 are computed: the rule does not say that they add nothing")
	}
	b := Batch(4, 5)
	for i := range b.Advantages {
		b.Advantages[i] = 0
	}
	l, err := o.Loss(ctx, b)
	if err != nil {
		return err
	}
	if l.Value != 0 {
		return fmt.Errorf("rows with the advantage 0 add nothing by Needs, and they add %v", l.Value)
	}
	for i, d := range l.Grad {
		if d != 0 {
			return fmt.Errorf("rows with the advantage 0 add nothing by Needs, and the derivative at %d is %v", i, d)
		}
	}
	return nil
}

// addsUp compares a batch with its two halves, which know the size of the whole.
func addsUp(ctx context.Context, o core.Optimizer) error {
	whole := Batch(4, 5)
	for _, on := range whole.Mask {
		if on {
			whole.TotalTokens++
		}
	}
	whole.TotalRows = whole.Rows
	want, err := o.Loss(ctx, whole)
	if err != nil {
		return err
	}
	sum := 0.0
	for k := range 2 {
		h := whole
		h.Rows = 2
		row, cell := 2*k, 2*k*whole.Cols
		end, endCell := row+2, cell+2*whole.Cols
		h.LogProbs, h.OldLogProbs = whole.LogProbs[cell:endCell], whole.OldLogProbs[cell:endCell]
		h.RefLogProbs, h.SamplerLogProbs = whole.RefLogProbs[cell:endCell], whole.SamplerLogProbs[cell:endCell]
		h.Mask, h.Advantages, h.Truncated = whole.Mask[cell:endCell], whole.Advantages[row:end], whole.Truncated[row:end]
		l, err := o.Loss(ctx, h)
		if err != nil {
			return err
		}
		sum += l.Value
	}
	if !near(sum, want.Value, 1e-9) {
		return notef("a batch has the loss %v and its halves %v together: the objective depends on how a step is cut", want.Value, sum)
	}
	return nil
}
