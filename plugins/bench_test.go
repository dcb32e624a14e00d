package plugins

import (
	"context"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// inProcess is the work of testdata/misbehave without a wire.
type inProcess struct{}

func (inProcess) Score(_ context.Context, g core.Group) ([]core.Score, error) {
	out := make([]core.Score, len(g.Samples))
	for i, s := range g.Samples {
		out[i].Value = s.Evidence.Verdict.TestsPassed()
	}
	return out, nil
}

func benchmarkScore(b *testing.B, r core.Reward) {
	g := group(64)
	for b.Loop() {
		if _, err := r.Score(context.Background(), g); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScore64 is one reward call for 64 samples, across the wire and in process.
func BenchmarkScore64(b *testing.B) {
	b.Run("plugin", func(b *testing.B) { benchmarkScore(b, openReward(b, odd("nothing"))) })
	b.Run("in-process", func(b *testing.B) { benchmarkScore(b, inProcess{}) })
}

// BenchmarkLoss64x512 is the wire's cost of one loss call: the plugin does next to nothing.
func BenchmarkLoss64x512(b *testing.B) {
	o := openOptimizer(b, odd("nothing"))
	batch := batch(64, 512)
	b.SetBytes(int64(len(batch.LogProbs) * (8 + 8 + 1 + 8))) // two matrices and the mask out, one back
	for b.Loop() {
		if _, err := o.Loss(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen is the time from nothing to a configured plugin.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		r, err := OpenReward(context.Background(), odd("nothing"))
		if err != nil {
			b.Fatal(err)
		}
		_ = r.Close()
	}
}
