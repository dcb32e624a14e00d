package main

import (
	"context"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/rollout"
	"github.com/rlvr-harness/harness/core/train"
	"github.com/rlvr-harness/harness/plugins"
)

// trainer makes steps of the loop with the real small model and real optimizer plugins, always from the same weights and
// with the same rollouts. Rewards are the samples' parity, so that every group teaches something.
type trainer struct {
	t      *testing.T
	parts  *parts
	policy *plugins.Policy
	start  string
	data   []rollout.Question
}

func newTrainer(t *testing.T) *trainer {
	t.Helper()
	t.Setenv("HARNESS_CACHE", cacheDir(t))
	t.Setenv("HARNESS_PLUGIN_PATH", pluginDir(t))
	p := newParts(newConsole(io.Discard))
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	ctx := t.Context()
	set, err := p.openDataset(ctx, "starter", "")
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := set.split("train", 2)
	if err != nil {
		t.Fatal(err)
	}
	x := &trainer{t: t, parts: p, start: filepath.Join(t.TempDir(), "start")}
	if x.data, err = set.questions(tasks, "chat-first/1", false); err != nil {
		t.Fatal(err)
	}
	model, err := p.openModelPath(ctx, defaultModel)
	if err != nil {
		t.Fatal(err)
	}
	if x.policy, err = p.openPolicy(ctx, policyConfig{Model: model, Device: "cpu", DType: "float32", Seed: 3, Rank: 8, Alpha: 16}, wanted{}); err != nil {
		t.Fatal(err)
	}
	if err := x.policy.SaveState(ctx, x.start); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *trainer) optimizer(name string, set map[string]string) core.Optimizer {
	x.t.Helper()
	o, err := x.parts.openOptimizer(x.t.Context(), wanted{kind: plugins.KindOptimizer, name: name, set: set})
	if err != nil {
		x.t.Fatal(err)
	}
	return o
}

// witness records what an optimizer is given and what it answers.
type witness struct {
	core.Optimizer
	batches []core.Batch
	losses  []core.Loss
}

func (w *witness) Loss(ctx context.Context, b core.Batch) (core.Loss, error) {
	l, err := w.Optimizer.Loss(ctx, b)
	w.batches, w.losses = append(w.batches, b), append(w.losses, l)
	return l, err
}

type parity struct{}

func (parity) Score(_ context.Context, g core.Group) ([]core.Score, error) {
	out := make([]core.Score, len(g.Samples))
	for i := range out {
		out[i].Value = float64(i % 2)
	}
	return out, nil
}

// step makes the first step from the starting weights.
func (x *trainer) step(o core.Optimizer, iterations, miniBatches int) (*train.Result, *witness) {
	x.t.Helper()
	if err := x.policy.LoadState(x.t.Context(), x.start); err != nil {
		x.t.Fatal(err)
	}
	w := &witness{Optimizer: o}
	l := train.Loop{
		Config: train.Config{
			Steps: 1, Prompts: 2, Group: 4, MaxTokens: 14, Temperature: 0.8, Iterations: iterations, MiniBatches: miniBatches,
			AdamW: core.AdamW{LR: 2e-4, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, Seed: 11,
		},
		Questions: x.data, Policy: x.policy, Optimizer: w, Reward: parity{},
		Collector: rollout.Collector{Judge: rollout.Judge{
			Extract: func(context.Context, core.Task, core.Prompt, core.Completion) (string, error) { return "", nil },
		}},
	}
	r, err := l.Step(x.t.Context(), 1)
	if err != nil {
		x.t.Fatal(err)
	}
	return r, w
}

// atStart scores a step's completions under the weights that sampled them.
func (x *trainer) atStart(r *train.Result) [][]float64 {
	x.t.Helper()
	if err := x.policy.LoadState(x.t.Context(), x.start); err != nil {
		x.t.Fatal(err)
	}
	var seqs []core.Sequence
	for _, g := range r.Groups {
		for _, s := range g.Samples {
			seqs = append(seqs, core.Sequence{Prompt: s.Completion.PromptTokens, Completion: s.Completion.Tokens})
		}
	}
	scores, err := x.policy.Score(x.t.Context(), seqs, 0.8, false)
	if err != nil {
		x.t.Fatal(err)
	}
	return scores.LogProbs
}

// farthest is the largest difference between two matrices where a mask is set.
func farthest(a, b []float64, mask []bool) float64 {
	most := 0.0
	for i, on := range mask {
		if on {
			most = max(most, math.Abs(a[i]-b[i]))
		}
	}
	return most
}

// With the real model: on the first update of a rollout batch GRPO and GSPO have the same derivative, since every ratio
// is 1; on the second one they do not, and each has that of its formula. The old log-probabilities are those of the policy
// that sampled, in all updates.
func TestGSPODiffersFromGRPOFromTheSecondUpdateOn(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a real model; leave out -short")
	}
	x := newTrainer(t)
	// The same divisions and no clip, so that what is left between the two is the ratio; the clip is told apart below.
	free := map[string]string{"beta": "0", "epsilon_low": "0.99", "epsilon_high": "100"}
	grpo, gspo := x.optimizer("grpo", free), x.optimizer("gspo", map[string]string{"epsilon_low": "0.99", "epsilon_high": "100"})
	r, seen := x.step(grpo, 2, 1)
	other, seenGSPO := x.step(gspo, 2, 1)
	if len(r.Updates) != 2 || len(other.Updates) != 2 {
		t.Fatalf("%d and %d updates, want 2", len(r.Updates), len(other.Updates))
	}
	for i := range r.Groups {
		for j, s := range r.Groups[i].Samples {
			if !slices.Equal(s.Completion.Tokens, other.Groups[i].Samples[j].Completion.Tokens) {
				t.Fatal("the two runs did not sample the same completions")
			}
		}
	}

	// the old log-probabilities
	first, second := seen.batches[0], seen.batches[1]
	sampled, row := x.atStart(r), 0
	for _, g := range r.Groups {
		for _, s := range g.Samples {
			for k := range s.Completion.Tokens {
				old := first.OldLogProbs[row*first.Cols+k]
				if d := math.Abs(old - sampled[row][k]); d > 1e-4 {
					t.Errorf("row %d, token %d: the old log-probability is off by %g from that of the weights that sampled", row, k, d)
				}
				if d := math.Abs(old - float64(s.Completion.LogProbs[k])); d > 5e-3 {
					t.Errorf("row %d, token %d: it is off by %g from what the sampler reported", row, k, d)
				}
			}
			row++
		}
	}
	if !slices.Equal(first.OldLogProbs, second.OldLogProbs) {
		t.Error("the second update has other old log-probabilities than the first")
	}
	if d := farthest(first.LogProbs, first.OldLogProbs, first.Mask); d != 0 {
		t.Errorf("a ratio of the first update is off 1 by %g", d)
	}
	if d := farthest(second.LogProbs, second.OldLogProbs, second.Mask); d < 1e-3 {
		t.Errorf("no ratio of the second update is farther from 1 than %g", d)
	}

	// first update: one derivative
	if d := farthest(seen.losses[0].Grad, seenGSPO.losses[0].Grad, first.Mask); d > 1e-12 {
		t.Errorf("on the first update the derivatives differ by %g", d)
	}
	if a, b := r.Updates[0].GradNorm, other.Updates[0].GradNorm; math.Abs(a-b) > 1e-6*a {
		t.Errorf("and the gradients' norms are %v and %v", a, b)
	}

	// second update, of the same log-probabilities: each its own
	sequence, err := gspo.Loss(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	token := seen.losses[1]
	apart, largest := 0.0, 0.0
	for i := range second.Rows {
		n, sum := 0.0, 0.0
		for k := range second.Cols {
			if at := i*second.Cols + k; second.Mask[at] {
				n++
				sum += second.LogProbs[at] - second.OldLogProbs[at]
			}
		}
		s := math.Exp(sum / n)
		for k := range second.Cols {
			at := i*second.Cols + k
			if !second.Mask[at] {
				continue
			}
			share := -second.Advantages[i] / (n * float64(second.TotalRows))
			w := math.Exp(second.LogProbs[at] - second.OldLogProbs[at])
			if want := share * s; math.Abs(sequence.Grad[at]-want) > 1e-12 {
				t.Errorf("GSPO's derivative at row %d, token %d is %v; eq. 10 of its paper gives %v", i, k, sequence.Grad[at], want)
			}
			if want := share * w; math.Abs(token.Grad[at]-want) > 1e-12 {
				t.Errorf("GRPO's derivative at row %d, token %d is %v; its formula gives %v", i, k, token.Grad[at], want)
			}
			apart, largest = max(apart, math.Abs(sequence.Grad[at]-token.Grad[at])), max(largest, math.Abs(token.Grad[at]))
		}
	}
	if apart < 0.01*largest {
		t.Errorf("on the second update the derivatives differ by %g at most, where the largest is %g", apart, largest)
	}
	if a, b := r.Updates[1].GradNorm, other.Updates[1].GradNorm; math.Abs(a-b) < 1e-3*a {
		t.Errorf("on the second update the gradients' norms are %v and %v", a, b)
	}
	t.Logf("first update: norms %.9g and %.9g; second: %.6g and %.6g, derivatives apart by up to %.1f%% of the largest",
		r.Updates[0].GradNorm, other.Updates[0].GradNorm, r.Updates[1].GradNorm, other.Updates[1].GradNorm, 100*apart/largest)

	// with the papers' own clips, GSPO's holds rows back where GRPO's lets every token pass
	for name, clips := range map[string]bool{"grpo": false, "gspo": true} {
		set := map[string]string{}
		if name == "grpo" {
			set["beta"] = "0"
		}
		l, err := x.optimizer(name, set).Loss(t.Context(), second)
		if err != nil {
			t.Fatal(err)
		}
		if share := l.Metrics["clip_low"] + l.Metrics["clip_high"]; (share > 0.25) != clips {
			t.Errorf("%s clips %.0f%% of its ratios on the second update", name, 100*share)
		}
	}
}

// Mini-batches: the old log-probabilities of a later one are those of the weights that sampled too, not of the weights that
// the update before it made.
func TestMiniBatchesKeepTheSamplersPolicy(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a real model; leave out -short")
	}
	x := newTrainer(t)
	r, seen := x.step(x.optimizer("grpo", map[string]string{"beta": "0"}), 1, 2)
	if len(r.Updates) != 2 || r.Updates[0].Rows != 4 || r.Updates[1].Rows != 4 || r.Updates[1].MiniBatch != 2 {
		t.Fatalf("the updates are %+v", r.Updates)
	}
	sampled := x.atStart(r)
	for k, b := range seen.batches {
		for i := range b.Rows {
			lp := sampled[4*k+i]
			if d := farthest(lp, b.OldLogProbs[i*b.Cols:i*b.Cols+len(lp)], b.Mask[i*b.Cols:i*b.Cols+len(lp)]); d > 1e-4 {
				t.Errorf("mini-batch %d, row %d: the old log-probabilities are off by %g", k+1, i, d)
			}
		}
	}
	if d := farthest(seen.batches[0].LogProbs, seen.batches[0].OldLogProbs, seen.batches[0].Mask); d > 1e-4 {
		t.Errorf("a ratio of the first mini-batch is off 1 by %g", d)
	}
	if d := farthest(seen.batches[1].LogProbs, seen.batches[1].OldLogProbs, seen.batches[1].Mask); d < 1e-3 {
		t.Errorf("the second mini-batch is still on policy: no ratio is farther from 1 than %g", d)
	}
}

// The off-policy correction reads what the sampler reported, through the loop and the wire.
func TestCorrectionReachesTheUpdate(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a real model; leave out -short")
	}
	x := newTrainer(t)
	plain, _ := x.step(x.optimizer("grpo", map[string]string{"beta": "0"}), 1, 1)
	for _, c := range []struct {
		how       string
		cap       float64
		times     float64 // what the gradient's norm becomes, of the plain one
		tolerance float64
		bounded   float64
	}{
		// sampler and learner have the same weights: the correction is 1 but for the arithmetic of decoding
		{"token-truncate", 2, 1, 1e-3, 0},
		{"token-mask", 2, 1, 1e-3, 0},
		{"sequence-truncate", 3, 1, 1e-2, 0},
		{"sequence-mask", 3, 1, 1e-2, 0},
		// a bound below 1 shows that each is applied: every token is truncated to exactly one half, or masked
		{"token-truncate", 0.5, 0.5, 1e-6, 1},
		{"sequence-truncate", 0.5, 0.5, 1e-6, 1},
		{"token-mask", 0.5, 0, 0, 1},
		{"sequence-mask", 0.5, 0, 0, 1},
	} {
		o := x.optimizer("grpo", map[string]string{"beta": "0", "correction": c.how, "correction_cap": strconv.FormatFloat(c.cap, 'g', -1, 64)})
		if !o.Needs().Sampler {
			t.Fatalf("%s does not ask for the sampler's log-probabilities", c.how)
		}
		r, seen := x.step(o, 1, 1)
		for i, g := range r.Groups {
			for j, s := range g.Samples {
				row := (4*i + j) * seen.batches[0].Cols
				for k, lp := range s.Completion.LogProbs {
					if got := seen.batches[0].SamplerLogProbs[row+k]; got != float64(lp) {
						t.Fatalf("group %d, sample %d, token %d: the loss has %v, the sampler reported %v", i, j, k, got, lp)
					}
				}
			}
		}
		if got, want := r.GradNorm, c.times*plain.GradNorm; math.Abs(got-want) > c.tolerance*plain.GradNorm {
			t.Errorf("%s at %g: the gradient's norm is %v, want %v", c.how, c.cap, got, want)
		}
		if mean := r.Metrics["correction_mean"]; math.Abs(mean-1) > 1e-2 {
			t.Errorf("%s at %g: the mean weight is %v before its bound; sampler and learner have the same weights", c.how, c.cap, mean)
		}
		if got := r.Metrics["correction_bounded"]; got != c.bounded {
			t.Errorf("%s at %g: %v of the weights are bounded, want %v", c.how, c.cap, got, c.bounded)
		}
	}
}
