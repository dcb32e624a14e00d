package plugins

import (
	"math"

	"github.com/rlvr-harness/harness/core"
)

// The checks on what a plugin answers, made once, here at the boundary. A plugin's NaN so never becomes a reward.

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func checkScores(scores []core.Score, samples int) error {
	if len(scores) != samples {
		return wrong("%d scores for %d samples: want one for each, in their order", len(scores), samples)
	}
	for i, s := range scores {
		if !finite(s.Value) {
			if s.Abstain {
				return wrong("score %d abstains with the value %v: abstaining is a field of its own, leave the value 0", i, s.Value)
			}
			return wrong("score %d is %v: a reward without an opinion abstains", i, s.Value)
		}
		for _, c := range s.Components {
			if c.Name == "" {
				return wrong("score %d has a component without a name", i)
			}
			if !finite(c.Value) || !finite(c.Weighted) || !finite(c.Weight) {
				return wrong("score %d: component %s is %v × %v = %v", i, c.Name, c.Value, c.Weight, c.Weighted)
			}
		}
	}
	return nil
}

func checkAdvantages(adv [][]float64, scores [][]core.Score) error {
	if len(adv) != len(scores) {
		return wrong("advantages of %d groups for %d groups", len(adv), len(scores))
	}
	for g := range scores {
		if len(adv[g]) != len(scores[g]) {
			return wrong("group %d: %d advantages for %d samples", g, len(adv[g]), len(scores[g]))
		}
		for i, a := range adv[g] {
			if !finite(a) {
				return wrong("group %d sample %d: advantage %v", g, i, a)
			}
			if scores[g][i].Abstain && a != 0 { //nolint:gosec // there are as many scores, as checked above
				return wrong("group %d sample %d abstained and has the advantage %v, not 0", g, i, a)
			}
		}
	}
	return nil
}

func checkLoss(l core.Loss, b core.Batch) error {
	if !finite(l.Value) {
		return wrong("loss %v", l.Value)
	}
	if len(l.Grad) != b.Rows*b.Cols {
		return wrong("derivative of %d entries for a batch of %d × %d", len(l.Grad), b.Rows, b.Cols)
	}
	for i, d := range l.Grad {
		if !finite(d) {
			return wrong("derivative %v at row %d token %d", d, i/b.Cols, i%b.Cols)
		}
		if d != 0 && !b.Mask[i] {
			return wrong("derivative %v at row %d token %d, which the mask leaves out", d, i/b.Cols, i%b.Cols)
		}
	}
	for name, v := range l.Metrics {
		if !finite(v) {
			return wrong("metric %s is %v", name, v)
		}
	}
	return nil
}

func checkGenerated(g core.Generated, prompts int, s core.Sampling, seen map[[2]int]bool) error {
	if g.Prompt < 0 || g.Prompt >= prompts || g.Sample < 0 || g.Sample >= s.N {
		return wrong("completion %d of prompt %d, where there are %d prompts with %d each", g.Sample, g.Prompt, prompts, s.N)
	}
	at := [2]int{g.Prompt, g.Sample}
	if seen[at] {
		return wrong("completion %d of prompt %d came twice", g.Sample, g.Prompt)
	}
	seen[at] = true
	c := g.Completion
	if len(c.LogProbs) != len(c.Tokens) {
		return wrong("completion %d of prompt %d has %d tokens and %d log-probabilities", g.Sample, g.Prompt, len(c.Tokens), len(c.LogProbs))
	}
	if s.MaxTokens > 0 && len(c.Tokens) > s.MaxTokens {
		return wrong("completion %d of prompt %d has %d tokens where %d are allowed", g.Sample, g.Prompt, len(c.Tokens), s.MaxTokens)
	}
	switch c.Finish {
	case "", core.FinishEOS, core.FinishStop, core.FinishLength:
	default: // it would count as one that is not truncated
		return wrong("completion %d of prompt %d ended by %q; want eos, stop, length or nothing", g.Sample, g.Prompt, c.Finish)
	}
	for i, lp := range c.LogProbs {
		if !finite(float64(lp)) {
			return wrong("completion %d of prompt %d: log-probability %v at token %d", g.Sample, g.Prompt, lp, i)
		}
	}
	return nil
}

func checkTokenScores(s core.TokenScores, seqs []core.Sequence) error {
	for _, m := range []struct {
		name string
		rows [][]float64
	}{{"log-probabilities", s.LogProbs}, {"entropy", s.Entropy}} {
		if m.rows == nil && m.name == "entropy" {
			continue
		}
		if len(m.rows) != len(seqs) {
			return wrong("%s of %d rows for %d sequences", m.name, len(m.rows), len(seqs))
		}
		for i, row := range m.rows {
			if len(row) != len(seqs[i].Completion) {
				return wrong("%s: row %d has %d entries for a completion of %d tokens", m.name, i, len(row), len(seqs[i].Completion))
			}
			for t, x := range row {
				if !finite(x) {
					return wrong("%s: %v at row %d token %d", m.name, x, i, t)
				}
			}
		}
	}
	return nil
}
