package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/rlvr-harness/harness/core"
)

// tabular is a whole policy with exact gradients: a table of logits by position and token. Its tokens are letters, and
// token 0 ends a completion. The base is all zeros, so the reference policy is uniform.
type tabular struct {
	logits  [][]float64 // position × token
	grad    [][]float64
	forward []core.Sequence
	temp    float64
	steps   int
	rates   []float64 // of the updates made
	calls   []string
}

const letters = "\x00abcd"

// longest is the number of tokens of a completion that does not end by itself.
const longest = 4

func newTabular() *tabular {
	p := &tabular{}
	for range longest {
		p.logits = append(p.logits, make([]float64, len(letters)))
		p.grad = append(p.grad, make([]float64, len(letters)))
	}
	return p
}

func (p *tabular) logProbs(at int, temperature float64, reference bool) []float64 {
	out := make([]float64, len(letters))
	sum := 0.0
	for k := range out {
		if !reference {
			out[k] = p.logits[at][k] / temperature
		}
		sum += math.Exp(out[k])
	}
	for k := range out {
		out[k] -= math.Log(sum)
	}
	return out
}

func (p *tabular) Generate(ctx context.Context, prompts []core.Prompt, s core.Sampling, yield func(core.Generated) error, progress func(int)) error {
	p.calls = append(p.calls, "generate")
	// completions come out in reverse, so that nothing may rely on their order
	for at := len(prompts)*s.N - 1; at >= 0; at-- {
		r := rand.New(rand.NewPCG(s.Seeds[at], 1))
		c := core.Completion{PromptTokens: []int32{int32(at / s.N)}, Finish: core.FinishLength}
		for pos := 0; pos < min(s.MaxTokens, len(p.logits)); pos++ {
			lp, u, k := p.logProbs(pos, s.Temperature, false), r.Float64(), 0
			for u -= math.Exp(lp[0]); u > 0 && k < len(letters)-1; u -= math.Exp(lp[k]) {
				k++
			}
			c.Tokens = append(c.Tokens, int32(k))
			c.LogProbs = append(c.LogProbs, float32(lp[k]))
			if k == 0 {
				c.Finish = core.FinishEOS
				break
			}
			c.Text += letters[k : k+1]
		}
		if err := yield(core.Generated{Prompt: at / s.N, Sample: at % s.N, Completion: c}); err != nil {
			return err
		}
	}
	progress(1)
	return ctx.Err()
}

func (p *tabular) Score(_ context.Context, seqs []core.Sequence, temperature float64, reference bool) (core.TokenScores, error) {
	p.calls = append(p.calls, fmt.Sprintf("score %d reference=%v", len(seqs), reference))
	var out core.TokenScores
	for _, s := range seqs {
		var row []float64
		for t, k := range s.Completion {
			row = append(row, p.logProbs(t, temperature, reference)[k])
		}
		out.LogProbs = append(out.LogProbs, row)
	}
	return out, nil
}

func (p *tabular) Forward(ctx context.Context, seqs []core.Sequence, temperature float64) (core.TokenScores, error) {
	out, err := p.Score(ctx, seqs, temperature, false)
	p.calls[len(p.calls)-1] = fmt.Sprintf("forward %d", len(seqs))
	p.forward, p.temp = seqs, temperature
	return out, err
}

func (p *tabular) Backward(_ context.Context, grad [][]float64) error {
	p.calls = append(p.calls, "backward")
	for i, s := range p.forward {
		for t, k := range s.Completion {
			for j, lp := range p.logProbs(t, p.temp, false) {
				d := -math.Exp(lp)
				if j == int(k) {
					d++
				}
				p.grad[t][j] += grad[i][t] * d / p.temp
			}
		}
	}
	p.forward = nil
	return nil
}

// Step is plain gradient descent: the loop does not care.
func (p *tabular) Step(_ context.Context, a core.AdamW) (core.StepStats, error) {
	p.calls = append(p.calls, "step")
	p.steps++
	p.rates = append(p.rates, a.LR)
	norm := 0.0
	for t := range p.grad {
		for k, g := range p.grad[t] {
			norm += g * g
			p.logits[t][k] -= a.LR * g
			p.grad[t][k] = 0
		}
	}
	return core.StepStats{GradNorm: math.Sqrt(norm)}, nil
}

// reinforce is the plain policy gradient with a group-mean baseline: loss = −Σ A·ratio / rows.
type reinforce struct {
	needs  core.Needs
	spoil  func(*core.Loss)
	ratios []float64
}

func (reinforce) Advantages(_ context.Context, scores [][]core.Score) ([][]float64, error) {
	var out [][]float64
	for _, g := range scores {
		sum, n := 0.0, 0
		for _, s := range g {
			if !s.Abstain {
				sum += s.Value
				n++
			}
		}
		row := make([]float64, len(g))
		for i, s := range g {
			if !s.Abstain {
				row[i] = s.Value - sum/float64(n)
			}
		}
		out = append(out, row)
	}
	return out, nil
}

func (o *reinforce) Loss(_ context.Context, b core.Batch) (core.Loss, error) {
	l := core.Loss{Grad: make([]float64, len(b.LogProbs)), Metrics: map[string]float64{"rows": float64(b.Rows), "total_rows": float64(b.TotalRows)}}
	for i, m := range b.Mask {
		if !m {
			continue
		}
		ratio := math.Exp(b.LogProbs[i] - b.OldLogProbs[i])
		o.ratios = append(o.ratios, ratio)
		l.Grad[i] = -ratio * b.Advantages[i/b.Cols] / float64(b.TotalRows)
		l.Value += l.Grad[i]
	}
	if o.spoil != nil {
		o.spoil(&l)
	}
	return l, nil
}

func (o *reinforce) Needs() core.Needs { return o.needs }
