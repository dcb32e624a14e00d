package policy

import (
	"syscall"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/internal/testmodel"
)

// benchmarkPolicy is SmolLM2 on all cores.
func benchmarkPolicy(b *testing.B, dtype string) *Policy {
	return open(b, func(s *Settings) { s.Model, s.DType, s.Threads, s.MemoryMiB = testmodel.SmolLM2(b), dtype, 0, 4096 })
}

// processor is the processor time that this process has used: what counts on a machine with other work.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rollout is 4 prompts with 8 completions of exactly n tokens each.
func rollout(b *testing.B, p *Policy, n int) []core.Sequence {
	b.Helper()
	prompts := tasks()
	ids := make([][]int32, len(prompts))
	for i, q := range prompts {
		var err error
		if ids[i], err = p.model.EncodePrompt(q); err != nil {
			b.Fatal(err)
		}
	}
	var seqs []core.Sequence
	eos := p.eos
	defer func() { p.eos = eos }()
	p.eos = nil
	if err := p.thread.Do(func() error {
		s := core.Sampling{N: 8, MaxTokens: n, Temperature: 1, Seeds: seeds(8 * len(prompts))}
		return p.generate(b.Context(), ids, s, endless, func(g core.Generated) error {
			seqs = append(seqs, core.Sequence{Prompt: g.Completion.PromptTokens, Completion: g.Completion.Tokens})
			return nil
		}, nil)
	}); err != nil {
		b.Fatal(err)
	}
	return seqs
}

// BenchmarkGenerate samples 4 prompts × 8 completions × 80 tokens.
func BenchmarkGenerate(b *testing.B) {
	for _, dtype := range []string{"float32", "bfloat16"} {
		b.Run(dtype, func(b *testing.B) {
			p := benchmarkPolicy(b, dtype)
			rollout(b, p, 2)
			tokens, start := 0, processor(b)
			for b.Loop() {
				for _, s := range rollout(b, p, 80) {
					tokens += len(s.Completion)
				}
			}
			used := processor(b) - start
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
			b.ReportMetric(float64(tokens)/used.Seconds(), "tokens/cpu-s")
			b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}

// BenchmarkUpdate is Forward, Backward and Step for the completions of BenchmarkGenerate.
func BenchmarkUpdate(b *testing.B) {
	for _, dtype := range []string{"float32", "bfloat16"} {
		b.Run(dtype, func(b *testing.B) {
			p := benchmarkPolicy(b, dtype)
			seqs := rollout(b, p, 80)
			grad := ragged(seqs)
			for i, row := range grad {
				for j := range row {
					row[j] = float64(i%3-1) / 2560
				}
			}
			start := processor(b)
			for b.Loop() {
				if _, err := p.Forward(b.Context(), seqs, 1); err != nil {
					b.Fatal(err)
				}
				if err := p.Backward(b.Context(), grad); err != nil {
					b.Fatal(err)
				}
				if _, err := p.Step(b.Context(), core.AdamW{LR: 1e-6, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, MaxGradNorm: 1}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((processor(b)-start).Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}
