package policy

import (
	"math"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/internal/testmodel"
)

// tasks are prompts as a benchmark makes them.
func tasks() []core.Prompt {
	var out []core.Prompt
	for _, text := range []string{
		"Write a function add(a, b) that returns the sum of two numbers. Example: add(2, 3) == 5. Answer only with the code.",
		"Write a function largest(xs) that returns the largest number of a list. Example: largest([1, 7, 3]) == 7. Answer only with the code.",
		"Write a function count_vowels(s) that counts the vowels in a text. Example: count_vowels('banana') == 3. Answer only with the code.",
		"Write a function is_even(n) that says whether a number is even. Example: is_even(4) == True. Answer only with the code.",
	} {
		out = append(out, core.Prompt{
			Messages: []core.Message{{Role: "user", Content: text}}, Prefill: "```python\n", Stop: []string{"```"},
		})
	}
	return out
}

// The real model writes Python, and an update against its own answers makes them less probable.
func TestSmolLM2(t *testing.T) {
	for _, dtype := range []string{"float32", "bfloat16"} {
		t.Run(dtype, func(t *testing.T) {
			p := open(t, func(s *Settings) { s.Model, s.DType, s.Threads = testmodel.SmolLM2(t), dtype, 0 })
			info, err := p.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if info.Architecture != "llama" || info.Parameters != 134515008 || info.Trainable != 4884480 || info.DType != dtype {
				t.Errorf("%+v", info)
			}
			var seqs []core.Sequence
			var sampler [][]float32
			if err := p.Generate(t.Context(), tasks()[:1], core.Sampling{N: 3, MaxTokens: 48, Temperature: 0.2, Seeds: seeds(3)}, func(g core.Generated) error {
				c := g.Completion
				t.Logf("%s, %d tokens: %q", c.Finish, len(c.Tokens), c.Text)
				if strings.Contains(c.Text, "```") || (c.Finish == core.FinishStop) != strings.Contains(decode(p, c.Tokens), "```") {
					t.Errorf("the stop text is not where it should be: %q", decode(p, c.Tokens))
				}
				if !strings.Contains(c.Text, "def ") {
					t.Errorf("no function in %q", c.Text)
				}
				seqs = append(seqs, core.Sequence{Prompt: c.PromptTokens, Completion: c.Tokens})
				sampler = append(sampler, c.LogProbs)
				return nil
			}, nil); err != nil {
				t.Fatal(err)
			}
			before, err := p.Forward(t.Context(), seqs, 0.2)
			if err != nil {
				t.Fatal(err)
			}
			tolerance := map[string]float64{"float32": 2e-3, "bfloat16": 0.5}[dtype]
			for i, row := range before.LogProbs {
				if d := apart(row, sampler[i]); d > tolerance {
					t.Errorf("completion %d: the sampler's and the trainer's log-probabilities differ by %g", i, d)
				}
			}
			grad := ragged(seqs)
			for _, row := range grad {
				for j := range row {
					row[j] = 0.01 // the loss grows with the log-probability
				}
			}
			if err := p.Backward(t.Context(), grad); err != nil {
				t.Fatal(err)
			}
			stats, err := p.Step(t.Context(), core.AdamW{LR: 1e-3, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, MaxGradNorm: 1})
			if err != nil {
				t.Fatal(err)
			}
			after, err := p.Score(t.Context(), seqs, 0.2, false)
			if err != nil {
				t.Fatal(err)
			}
			if !(stats.GradNorm > 0) || !(total(after.LogProbs) < total(before.LogProbs)-0.1) {
				t.Errorf("gradient norm %g; log-probability %g before, %g after", stats.GradNorm, total(before.LogProbs), total(after.LogProbs))
			}
			base, err := p.Score(t.Context(), seqs, 0.2, true)
			if err != nil {
				t.Fatal(err)
			}
			// the adapter began at zero: without it the policy is what it was
			if d := math.Abs(total(base.LogProbs) - total(before.LogProbs)); d > 1e-3*math.Abs(total(before.LogProbs))+tolerance {
				t.Errorf("the base model scores %g, the untrained policy scored %g", total(base.LogProbs), total(before.LogProbs))
			}
		})
	}
}

func decode(p *Policy, ids []int32) string { return p.model.Tokenizer.Decode(ids, true) }

func total(rows [][]float64) float64 {
	s := 0.0
	for _, r := range rows {
		for _, v := range r {
			s += v
		}
	}
	return s
}
