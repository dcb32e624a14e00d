package surrogate

import (
	"context"
	"math"

	"github.com/rlvr-harness/harness/core"
)

// Advantages implements core.Optimizer: A = (r − baseline) / (std + eps), with the baseline and the deviation that the
// settings name (DeepSeekMath, arXiv 2402.03300, §4.1.2; RLOO, arXiv 2402.14740; REINFORCE++, arXiv 2501.03262).
// Deviations are unbiased (N−1). A group whose scores are all the same gets exactly 0, and so does a group of one.
func (r *Rule) Advantages(_ context.Context, scores [][]core.Score) ([][]float64, error) {
	if r.s.Parts == "normalize-then-sum" {
		return r.partwise(scores), nil
	}
	rewards := make([][]value, len(scores))
	for g, group := range scores {
		rewards[g] = make([]value, len(group))
		for i, s := range group {
			rewards[g][i] = value{s.Value, !s.Abstain}
		}
	}
	return r.normalise(rewards), nil
}

// value is a number that may be missing.
type value struct {
	x  float64
	ok bool
}

func (r *Rule) normalise(rewards [][]value) [][]float64 {
	batch := describe(rewards...)
	out := make([][]float64, len(rewards))
	for g, group := range rewards {
		out[g] = make([]float64, len(group))
		own := describe(group)
		for i, v := range group {
			if !v.ok {
				continue
			}
			a := v.x
			switch r.s.Baseline {
			case "group":
				a = own.deviation(v.x)
			case "leave-one-out": // r − Σ_{j≠i} r_j/(n−1) = (r − mean) n/(n−1); without others there is nothing to compare with
				a = 0
				if own.n > 1 {
					a = own.deviation(v.x) * float64(own.n) / float64(own.n-1)
				}
			case "batch":
				a = batch.deviation(v.x)
			}
			switch r.s.Scale {
			case "group":
				a = own.scaled(a, r.s.StdEps)
			case "batch":
				a = batch.scaled(a, r.s.StdEps)
			}
			out[g][i] = a
		}
	}
	return out
}

// stats are of the values that are not missing.
type stats struct {
	n         int
	mean, std float64 // std is 0 where n < 2
	same      bool    // all are the same number
}

func describe(groups ...[]value) stats {
	s := stats{same: true}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, g := range groups {
		for _, v := range g {
			if v.ok {
				s.n++
				s.mean += v.x
				lo, hi = min(lo, v.x), max(hi, v.x)
			}
		}
	}
	if s.n == 0 {
		return s
	}
	s.mean /= float64(s.n)
	if lo == hi {
		s.mean = lo // the sum of equal numbers, divided by their count, may miss them by a bit
		return s
	}
	s.same = false
	for _, g := range groups {
		for _, v := range g {
			if v.ok {
				s.std += (v.x - s.mean) * (v.x - s.mean)
			}
		}
	}
	s.std = math.Sqrt(s.std / float64(s.n-1))
	return s
}

func (s stats) deviation(x float64) float64 { return x - s.mean }

// scaled divides by the deviation; where there is none, the advantage carries no scale of its own and is 0.
func (s stats) scaled(a, eps float64) float64 {
	if s.same || s.std+eps == 0 {
		return 0
	}
	return a / (s.std + eps)
}

// partwise normalises each component in its group, sums them by their weights, and normalises the sum over the batch
// (GDPO, arXiv 2601.05242; TRL's normalize_then_sum). A component that a score does not have takes no part in its
// statistics. A component's gate is part of its value here: what counts is Weighted / Weight.
func (r *Rule) partwise(scores [][]core.Score) [][]float64 {
	sums := make([][]value, len(scores))
	for g, group := range scores {
		sums[g] = make([]value, len(group))
		var names []string // in order of appearance, so that sums add up in the same order every time
		columns := map[string][]value{}
		weights := map[string][]float64{}
		for i, s := range group {
			sums[g][i].ok = !s.Abstain
			if s.Abstain {
				continue
			}
			parts := s.Components
			if len(parts) == 0 {
				parts = []core.Component{{Name: "", Value: s.Value, Weighted: s.Value, Weight: 1}}
			}
			for _, c := range parts {
				if columns[c.Name] == nil {
					names = append(names, c.Name)
					columns[c.Name] = make([]value, len(group))
					weights[c.Name] = make([]float64, len(group))
				}
				w := c.Weight
				if w == 0 { // the reward names no factor: what it added is all that is known
					columns[c.Name][i], w = value{c.Weighted, true}, 1
				} else {
					columns[c.Name][i] = value{c.Weighted / w, true}
				}
				weights[c.Name][i] = w
			}
		}
		for _, name := range names {
			own := describe(columns[name])
			for i, v := range columns[name] {
				if v.ok {
					sums[g][i].x += weights[name][i] * own.scaled(own.deviation(v.x), r.s.StdEps)
				}
			}
		}
	}
	batch := describe(sums...)
	out := make([][]float64, len(sums))
	for g, group := range sums {
		out[g] = make([]float64, len(group))
		for i, v := range group {
			if v.ok {
				out[g][i] = batch.scaled(batch.deviation(v.x), r.s.StdEps)
			}
		}
	}
	return out
}
