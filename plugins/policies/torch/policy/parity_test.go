package policy

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
)

// What float32 allows between two implementations: logits and log-probabilities, and gradients.
const (
	logitTolerance    = 1e-4
	gradientTolerance = 1e-5
)

// expected is what the fixtures' expected.json says.
type expected struct {
	Lengths       []int     `json:"lengths"`
	PromptLengths []int     `json:"prompt_lengths"`
	Greedy        [][]int32 `json:"greedy"`
	Prompts       [][]int32 `json:"prompts"`
	GRPOLoss      float64   `json:"grpo.loss"`
	Losses        []float64 `json:"adamw_losses"`
	Norms         []float64 `json:"adamw_grad_norms"`
	GRPO          struct {
		Low  float64 `json:"eps_low"`
		High float64 `json:"eps_high_grpo"`
		Beta float64 `json:"beta"`
	} `json:"grpo_cfg"`
	AdamW struct {
		LR          float64    `json:"lr"`
		Betas       [2]float64 `json:"betas"`
		Eps         float64    `json:"eps"`
		WeightDecay float64    `json:"weight_decay"`
		Clip        float64    `json:"clip_norm"`
		Steps       int        `json:"steps"`
	} `json:"adamw"`
}

// parity is one model's fixtures.
type parity struct {
	dir    string
	want   expected
	values tensors
	// ids are the sequences without padding, first their columns in the padded tensors.
	ids   [][]int32
	first []int
}

func readParity(t *testing.T, dir string) *parity {
	t.Helper()
	f := &parity{dir: dir, values: read(t, filepath.Join(dir, "expected.safetensors"))}
	data, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &f.want); err != nil {
		t.Fatal(err)
	}
	mask := f.values.ints("left.attention_mask")
	for i, row := range f.values.ints("left.input_ids") {
		first := slices.Index(mask[i], 1)
		var ids []int32
		for _, id := range row[first:] {
			ids = append(ids, int32(id))
		}
		if len(ids) != f.want.Lengths[i] {
			t.Fatalf("sequence %d has %d tokens, expected.json says %d", i, len(ids), f.want.Lengths[i])
		}
		f.ids, f.first = append(f.ids, ids), append(f.first, first)
	}
	return f
}

// sequences cuts each sequence after a number of tokens, or after its prompt where that is 0.
func (f *parity) sequences(after int) []core.Sequence {
	var out []core.Sequence
	for i, ids := range f.ids {
		n := after
		if n == 0 {
			n = f.want.PromptLengths[i]
		}
		out = append(out, core.Sequence{Prompt: ids[:n], Completion: ids[n:]})
	}
	return out
}

func (f *parity) open(t *testing.T, change func(*Settings)) *Policy {
	return open(t, func(s *Settings) {
		s.Model, s.Adapter = f.dir, filepath.Join(f.dir, "adapter")
		if change != nil {
			change(s)
		}
	})
}

func (f *parity) adamw() core.AdamW {
	a := f.want.AdamW
	return core.AdamW{LR: a.LR, Beta1: a.Betas[0], Beta2: a.Betas[1], Eps: a.Eps, WeightDecay: a.WeightDecay, MaxGradNorm: a.Clip}
}

// within reports the largest difference if it is beyond the tolerance.
func within(t *testing.T, what string, tolerance, most float64) {
	t.Helper()
	if !(most <= tolerance) {
		t.Errorf("%s: differ by up to %.3g, allowed is %.3g", what, most, tolerance)
	} else {
		t.Logf("%s: within %.2g", what, most)
	}
}

func apart[A, B float32 | float64](a []A, b []B) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range a {
		if d := math.Abs(float64(a[i]) - float64(b[i])); !(d <= most) {
			most = d
		}
	}
	return most
}

// TestParity holds every model of the fixtures against another implementation's logits, log-probabilities, greedy texts,
// gradients and updates.
func TestParity(t *testing.T) {
	for _, dir := range models(t) {
		f := readParity(t, dir)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			p := f.open(t, nil)
			t.Run("logits", func(t *testing.T) { f.logits(t, p) })
			t.Run("log-probabilities", func(t *testing.T) { f.logProbs(t, p) })
			t.Run("gradient of the likelihood", func(t *testing.T) { f.likelihood(t, p) })
			t.Run("gradient of GRPO", func(t *testing.T) { f.grpo(t, p) })
			t.Run("AdamW", func(t *testing.T) { f.updates(t, p) })
			t.Run("greedy text", f.greedy)
		})
	}
}

func (f *parity) logits(t *testing.T, p *Policy) {
	want := f.values.rows("left.logits")
	width := len(want) / len(f.ids)
	most := 0.0
	for i, ids := range f.ids {
		var k scored
		k.segment(ids, 0, -1)
		for r := range ids {
			k.LogitRows = append(k.LogitRows, int64(r))
		}
		var got [][]float32
		if err := p.thread.Do(func() (err error) {
			got, err = p.engine.Logits(&k.Pack, false)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for r := range ids {
			most = math.Max(most, apart(got[r], want[i*width+f.first[i]+r]))
		}
	}
	within(t, "logits", logitTolerance, most)
}

// compare holds scores of f.sequences against a tensor of log-probabilities of token t+1 in column t.
func (f *parity) compare(t *testing.T, got [][]float64, name string) {
	t.Helper()
	want := f.values.rows(name)
	most := 0.0
	for i, row := range got {
		from := f.first[i] + len(f.ids[i]) - 1 - len(row)
		most = math.Max(most, apart(row, want[i][from:from+len(row)]))
	}
	within(t, name, logitTolerance, most)
}

func (f *parity) logProbs(t *testing.T, p *Policy) {
	base, err := p.Score(t.Context(), f.sequences(1), 1, true)
	if err != nil {
		t.Fatal(err)
	}
	f.compare(t, base.LogProbs, "left.logprobs")
	f.compare(t, base.Entropy, "left.entropy")
	tuned, err := p.Score(t.Context(), f.sequences(1), 1, false)
	if err != nil {
		t.Fatal(err)
	}
	f.compare(t, tuned.LogProbs, "lora.left.logprobs")
}

// gradient returns the accumulated gradient by PEFT's names without their prefix, and clears it.
func gradient(t *testing.T, p *Policy) map[string][]float32 {
	t.Helper()
	var flat []float32
	if err := p.thread.Do(func() (err error) {
		if flat, err = p.engine.Read(engine.Gradient); err != nil {
			return err
		}
		return p.engine.Write(engine.Gradient, make([]float32, len(flat)))
	}); err != nil {
		t.Fatal(err)
	}
	p.accumulated = false
	return p.named(flat)
}

func (p *Policy) named(flat []float32) map[string][]float32 {
	out := map[string][]float32{}
	for _, m := range p.layout.Matrices {
		out[strings.TrimPrefix(m.Name, "base_model.model.")] = flat[m.Offset : m.Offset+m.Len()]
	}
	return out
}

func (f *parity) compareMatrices(t *testing.T, got map[string][]float32, prefix string, tolerance float64) {
	t.Helper()
	most := 0.0
	for name, v := range got {
		most = math.Max(most, apart(v, f.values.flat(prefix+name)))
	}
	within(t, strings.TrimSuffix(prefix, "."), tolerance, most)
}

// nll runs the mean negative log-likelihood of the completions forward and backward.
func (f *parity) nll(t *testing.T, p *Policy) float64 {
	t.Helper()
	s, err := p.Forward(t.Context(), f.sequences(0), 1)
	if err != nil {
		t.Fatal(err)
	}
	n, sum := 0, 0.0
	for _, row := range s.LogProbs {
		for _, v := range row {
			n, sum = n+1, sum-v
		}
	}
	grad := ragged(f.sequences(0))
	for _, row := range grad {
		for j := range row {
			row[j] = -1 / float64(n)
		}
	}
	if err := p.Backward(t.Context(), grad); err != nil {
		t.Fatal(err)
	}
	return sum / float64(n)
}

func (f *parity) likelihood(t *testing.T, p *Policy) {
	within(t, "loss", logitTolerance, math.Abs(f.nll(t, p)-f.want.Losses[0]))
	f.compareMatrices(t, gradient(t, p), "grad_nll.", gradientTolerance)
}

func (f *parity) grpo(t *testing.T, p *Policy) {
	seqs := f.sequences(0)
	s, err := p.Forward(t.Context(), seqs, 1)
	if err != nil {
		t.Fatal(err)
	}
	advantages := f.values.flat("grpo.advantages")
	old, ref := f.values.rows("grpo.old_logprobs"), f.values.rows("grpo.ref_logprobs")
	o := objective{low: f.want.GRPO.Low, high: f.want.GRPO.High, beta: f.want.GRPO.Beta}
	for i, q := range seqs {
		from := f.first[i] + len(q.Prompt) - 1
		o.advantage = append(o.advantage, float64(advantages[i]))
		o.old = append(o.old, old[i][from:from+len(q.Completion)])
		o.ref = append(o.ref, ref[i][from:from+len(q.Completion)])
	}
	loss, _ := o.loss(s.LogProbs)
	within(t, "loss", logitTolerance, math.Abs(loss-f.want.GRPOLoss))
	// The derivative by each log-probability is taken at the fixture's: the ratio to the old policy turns what float32 leaves open
	// in a log-probability into a relative error of the gradient, and the backward pass is what is compared here.
	var at [][]float64
	for i, row := range f.values.rows("lora.left.logprobs") {
		from := f.first[i] + len(seqs[i].Prompt) - 1
		at = append(at, row[from:from+len(seqs[i].Completion)])
	}
	_, grad := o.loss(at)
	if err := p.Backward(t.Context(), grad); err != nil {
		t.Fatal(err)
	}
	f.compareMatrices(t, gradient(t, p), "grad_grpo.", gradientTolerance)
}

func (f *parity) updates(t *testing.T, p *Policy) {
	for i := range f.want.AdamW.Steps {
		loss := f.nll(t, p)
		within(t, "loss", 1e-3, math.Abs(loss-f.want.Losses[i]))
		s, err := p.Step(t.Context(), f.adamw())
		if err != nil {
			t.Fatal(err)
		}
		within(t, "norm", 1e-3, math.Abs(s.GradNorm-f.want.Norms[i]))
	}
	var flat []float32
	if err := p.thread.Do(func() (err error) {
		flat, err = p.engine.Read(engine.Parameters)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	// AdamW divides a gradient by its own size. Where it is nearly zero the last digits of float32 decide, so that single
	// parameters may part by a share of the learning rate; on the whole they must not.
	want := make([]float32, len(flat))
	for name, v := range p.named(want) {
		copy(v, f.values.flat("adamw3."+name))
	}
	sum := 0.0
	for i := range flat {
		d := float64(flat[i]) - float64(want[i])
		sum += d * d
	}
	within(t, "adamw3", f.want.AdamW.LR/5, apart(flat, want))
	within(t, "adamw3, root mean square", f.want.AdamW.LR/500, math.Sqrt(sum/float64(len(flat))))

	if err := p.thread.Do(func() error { return p.engine.Write(engine.Parameters, want) }); err != nil {
		t.Fatal(err)
	}
	s, err := p.Score(t.Context(), f.sequences(0), 1, false)
	if err != nil {
		t.Fatal(err)
	}
	f.compare(t, s.LogProbs, "merged_after3.logprobs")
}

func (f *parity) greedy(t *testing.T) {
	p := open(t, func(s *Settings) { s.Model = f.dir }) // a new adapter adds nothing yet
	got := make([][]int32, len(f.want.Prompts))
	tokens := len(f.want.Greedy[0])
	s := core.Sampling{N: 1, MaxTokens: tokens, Seeds: make([]uint64, len(got))}
	if err := p.thread.Do(func() error {
		p.eos = nil
		return p.generate(t.Context(), f.want.Prompts, s, endless, func(g core.Generated) error {
			got[g.Prompt] = g.Completion.Tokens
			return nil
		}, nil)
	}); err != nil {
		t.Fatal(err)
	}
	for i, want := range f.want.Greedy {
		if !slices.Equal(got[i], want) {
			t.Errorf("prompt %d:\n got %v\nwant %v", i, got[i], want)
		}
	}
}

// never is an ending for models without a tokenizer: nothing but the limit ends a completion.
type never struct{}

func (never) push(int32) bool { return false }
func (never) text() string    { return "" }

func endless(int) ending { return never{} }
