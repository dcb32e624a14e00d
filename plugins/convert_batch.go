package plugins

import (
	"fmt"
	"math"

	"github.com/rlvr-harness/harness/core"
	wire "github.com/rlvr-harness/harness/plugins/wire/harness/v1"
)

func batchToWire(b core.Batch) *wire.LossRequest {
	return &wire.LossRequest{
		Rows: uint32(b.Rows), Cols: uint32(b.Cols), // CheckBatch has bounded both
		LogProbs: b.LogProbs, OldLogProbs: b.OldLogProbs, RefLogProbs: b.RefLogProbs, SamplerLogProbs: b.SamplerLogProbs,
		Mask: b.Mask, Advantages: b.Advantages, Truncated: b.Truncated,
		TotalRows: uint64(max(b.TotalRows, 0)), TotalTokens: uint64(max(b.TotalTokens, 0)), MaxTokens: uint64(max(b.MaxTokens, 0)),
	}
}

func batchFromWire(r *wire.LossRequest) core.Batch {
	return core.Batch{
		Rows: int(r.GetRows()), Cols: int(r.GetCols()),
		LogProbs: orNil(r.GetLogProbs()), OldLogProbs: orNil(r.GetOldLogProbs()),
		RefLogProbs: orNil(r.GetRefLogProbs()), SamplerLogProbs: orNil(r.GetSamplerLogProbs()),
		Mask: orNil(r.GetMask()), Advantages: orNil(r.GetAdvantages()), Truncated: orNil(r.GetTruncated()),
		TotalRows: fromUint(r.GetTotalRows()), TotalTokens: fromUint(r.GetTotalTokens()), MaxTokens: fromUint(r.GetMaxTokens()),
	}
}

// fromUint keeps a foreign number within int.
func fromUint(u uint64) int { return int(min(u, math.MaxInt)) } // bounded by min

// CheckBatch says what is wrong with a batch's shape, or nil. Both ends call it before a loss is computed.
func CheckBatch(b core.Batch) error {
	if b.Rows < 0 || b.Cols < 0 || b.Rows > math.MaxInt32 || b.Cols > math.MaxInt32 {
		return fmt.Errorf("batch of %d rows and %d columns", b.Rows, b.Cols)
	}
	n := b.Rows * b.Cols
	for _, m := range []struct {
		name      string
		got, want int
		optional  bool
	}{
		{"LogProbs", len(b.LogProbs), n, false},
		{"OldLogProbs", len(b.OldLogProbs), n, false},
		{"RefLogProbs", len(b.RefLogProbs), n, true},
		{"SamplerLogProbs", len(b.SamplerLogProbs), n, true},
		{"Mask", len(b.Mask), n, false},
		{"Advantages", len(b.Advantages), b.Rows, false},
		{"Truncated", len(b.Truncated), b.Rows, true},
	} {
		if m.got != m.want && !(m.optional && m.got == 0) {
			return fmt.Errorf("batch of %d rows and %d columns: %s has %d entries, want %d", b.Rows, b.Cols, m.name, m.got, m.want)
		}
	}
	return nil
}

func groupScoresToWire(groups [][]core.Score) []*wire.GroupScores {
	out := make([]*wire.GroupScores, len(groups))
	for i, g := range groups {
		out[i] = &wire.GroupScores{Scores: scoresToWire(g)}
	}
	return out
}

func groupScoresFromWire(groups []*wire.GroupScores) [][]core.Score {
	out := make([][]core.Score, len(groups))
	for i, g := range groups {
		out[i] = scoresFromWire(g.GetScores())
	}
	return out
}

func advantagesToWire(groups [][]float64) []*wire.GroupAdvantages {
	out := make([]*wire.GroupAdvantages, len(groups))
	for i, g := range groups {
		out[i] = &wire.GroupAdvantages{Values: g}
	}
	return out
}

func advantagesFromWire(groups []*wire.GroupAdvantages) [][]float64 {
	out := make([][]float64, len(groups))
	for i, g := range groups {
		out[i] = orNil(g.GetValues())
	}
	return out
}

func lossToWire(l core.Loss) *wire.LossResponse {
	out := &wire.LossResponse{Value: l.Value, Grad: l.Grad}
	if len(l.Metrics) > 0 {
		out.Metrics = make(map[string]float64, len(l.Metrics))
		for name, v := range l.Metrics {
			out.Metrics[text(name)] = v
		}
	}
	return out
}

func lossFromWire(r *wire.LossResponse) core.Loss {
	out := core.Loss{Value: r.GetValue(), Grad: orNil(r.GetGrad())}
	if len(r.GetMetrics()) > 0 {
		out.Metrics = r.GetMetrics()
	}
	return out
}
