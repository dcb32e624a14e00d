package surrogate

import (
	"context"
	"errors"
	"math"

	"github.com/rlvr-harness/harness/core"
)

// maxLog is the bound that verl sets to |log w| and |log π_ref − log π_θ|, the default of the setting log_ratio_bound. Beyond
// it the ratio is held and passes no derivative: a token that has moved so far says nothing about the step to take, and
// e^710 is infinite. TRL has no bound and answers NaN there. The metric log_ratio_bounded tells how often it happened.
const maxLog = 20

// Loss implements core.Optimizer.
func (r *Rule) Loss(_ context.Context, b core.Batch) (core.Loss, error) {
	switch {
	case r.s.Beta > 0 && b.Rows*b.Cols > 0 && len(b.RefLogProbs) == 0:
		return core.Loss{}, errors.New("loss: beta is positive and the batch has no RefLogProbs")
	case r.s.Correction != "none" && b.Rows*b.Cols > 0 && len(b.SamplerLogProbs) == 0:
		return core.Loss{}, errors.New("loss: correction is set and the batch has no SamplerLogProbs")
	case r.s.Aggregation == "constant" && b.MaxTokens <= 0:
		return core.Loss{}, errors.New("loss: aggregation constant needs the batch's MaxTokens")
	}
	mask := r.mask(b)
	weights := r.weights(b, mask)
	out := core.Loss{Grad: make([]float64, b.Rows*b.Cols)}
	var m meters
	for i := range b.Rows {
		r.row(b, i, mask[i*b.Cols:(i+1)*b.Cols], weights[i], &out, &m)
	}
	out.Metrics = m.metrics(r.s.Beta > 0)
	return out, nil
}

// mask returns the batch's mask, without truncated rows where the settings say so.
func (r *Rule) mask(b core.Batch) []bool {
	if !r.s.MaskTruncated || len(b.Truncated) == 0 {
		return b.Mask
	}
	mask := make([]bool, len(b.Mask))
	for i := range b.Rows {
		if !b.Truncated[i] {
			copy(mask[i*b.Cols:(i+1)*b.Cols], b.Mask[i*b.Cols:(i+1)*b.Cols])
		}
	}
	return mask
}

// weights returns c_it for each row: it is the same for all of a row's tokens. The losses of a step's micro-batches add
// up to the step's loss.
func (r *Rule) weights(b core.Batch, mask []bool) []float64 {
	counts, tokens := make([]float64, b.Rows), 0.0
	for i := range b.Rows {
		for t := range b.Cols {
			if mask[i*b.Cols+t] {
				counts[i]++
			}
		}
		tokens += counts[i]
	}
	rows := float64(b.Rows)
	if b.TotalRows > 0 {
		rows = float64(b.TotalRows)
	}
	all := tokens
	if b.TotalTokens > 0 {
		all = float64(b.TotalTokens)
	}
	out := make([]float64, b.Rows)
	for i, n := range counts {
		switch r.s.Aggregation {
		case "row-mean": // DeepSeekMath eq. 3; a row without tokens still counts as a row
			out[i] = 1 / (max(n, 1) * rows)
		case "token-mean": // DAPO, arXiv 2503.14476, eq. 8
			out[i] = 1 / max(all, 1)
		case "micro-token-mean": // TRL's bnpo
			out[i] = float64(b.Rows) / rows / max(tokens, 1)
		case "constant": // Dr. GRPO, arXiv 2503.20783
			out[i] = 1 / (rows * float64(b.MaxTokens))
		case "row-sum": // TRL's luspo
			out[i] = 1 / rows
		}
	}
	return out
}

// row adds one completion to the loss. c is the weight of each of its tokens.
func (r *Rule) row(b core.Batch, i int, mask []bool, c float64, out *core.Loss, m *meters) {
	lp, old := b.LogProbs[i*b.Cols:(i+1)*b.Cols], b.OldLogProbs[i*b.Cols:(i+1)*b.Cols]
	grad, a := out.Grad[i*b.Cols:(i+1)*b.Cols], b.Advantages[i]
	n, sum, bounded := 0, 0.0, 0.0
	for t, on := range mask {
		if on {
			n++
			sum += lp[t] - old[t]
			bounded += clamp(lp[t]-old[t], maxLog)
		}
	}
	if n == 0 {
		return
	}
	m.tokens += float64(n)
	correction := r.correction(b, i, mask, m)

	perToken := r.s.Level == "token"
	logw, share := sum, 1.0 // share is ∂(log w)/∂lp of one token, where all of them share w
	if r.s.Level == "sequence" || r.s.Level == "sequence-token" {
		logw, share = sum/float64(n), 1/float64(n)
	}
	var phi float64
	if r.s.Shape == "vespo" {
		phi = r.vespo(bounded, a)
	}

	var through float64 // Σ_t c ∂l_t/∂w, for a ratio that all tokens share
	var rowRatio ratio
	if !perToken {
		rowRatio = r.ratio(logw)
		low, high := r.clipped(rowRatio.w, a)
		m.ratio(rowRatio, low, high)
	}
	for t, on := range mask {
		if !on {
			continue
		}
		w := rowRatio
		if perToken {
			w = r.ratio(lp[t] - old[t])
			low, high := r.clipped(w.w, a)
			m.ratio(w, low, high)
		}
		var l, dw, dlp float64 // the token's loss, and its derivative by the ratio and by lp itself
		switch r.s.Shape {
		case "clip":
			l, dw = r.clip(w.w, a)
		case "cispo": // MiniMax-M1, arXiv 2506.13585, eq. 4
			weight := min(w.w, r.s.EpsilonHigh)
			l, dlp = -weight*a*lp[t], -weight*a
		case "sapo":
			l, dw = r.sapo(w.w, a)
		case "vespo":
			l, dlp = -phi*a*lp[t], -phi*a
		}
		k := correction(t)
		l, dw, dlp = l*k, dw*k, dlp*k
		if r.s.Beta > 0 {
			kl, dkl := r.penalty(b.RefLogProbs[i*b.Cols+t] - lp[t])
			if r.s.KLRatio {
				dw += r.s.Beta * kl
				kl, dkl = kl*w.w, dkl*w.w
			}
			l += r.s.Beta * kl
			dlp += r.s.Beta * dkl
			m.kl += kl
		}
		out.Value += c * l
		grad[t] += c * dlp
		switch r.s.Level {
		case "token", "sequence-token": // the latter is sg[s]·π/sg[π]: the value of s, the derivative of the token's own ratio
			grad[t] += c * dw * w.d
		default:
			through += c * dw
		}
	}
	if through != 0 {
		for t, on := range mask {
			if on {
				grad[t] += through * rowRatio.d * share
			}
		}
	}
}

// ratio is w = exp(log w) with its derivative by log w, which is 0 beyond the bound.
type ratio struct{ w, d float64 }

func (r *Rule) ratio(logw float64) ratio {
	w := math.Exp(clamp(logw, r.bound))
	if math.Abs(logw) > r.bound {
		return ratio{w, 0}
	}
	return ratio{w, w}
}

// clamp keeps the logarithm of a ratio within a bound.
func clamp(x, bound float64) float64 { return max(-bound, min(bound, x)) }

// clip returns −min(min(w, δ) A, clip(w) A) and its derivative by w (PPO, arXiv 1707.06347, eq. 7; the bound δ is that of
// dual clip, arXiv 1912.09729).
func (r *Rule) clip(w, a float64) (l, dw float64) {
	low, high := 1-r.s.EpsilonLow, 1+r.s.EpsilonHigh
	free, dfree := w*a, a
	if r.s.Delta > 0 && w > r.s.Delta {
		free, dfree = r.s.Delta*a, 0
	}
	bound, dbound := max(low, min(high, w))*a, a
	if w < low || w > high {
		dbound = 0
	}
	switch {
	case free < bound:
		return -free, -dfree
	case bound < free:
		return -bound, -dbound
	}
	return -free, -(dfree + dbound) / 2 // as automatic differentiation of a minimum has it
}

// clipped says on which side of the clip a token or row has no say in the step.
func (r *Rule) clipped(w, a float64) (low, high bool) {
	if r.s.Shape == "cispo" {
		return false, w > r.s.EpsilonHigh && a > 0
	}
	return w < 1-r.s.EpsilonLow && a < 0, w > 1+r.s.EpsilonHigh && a > 0
}

// sapo returns −(4/τ) σ(τ(w−1)) A and its derivative by w (SAPO, arXiv 2511.20347).
func (r *Rule) sapo(w, a float64) (l, dw float64) {
	tau := r.s.SAPONegative
	if a > 0 {
		tau = r.s.SAPOPositive
	}
	gate := 1 / (1 + math.Exp(-tau*(w-1)))
	return -4 / tau * gate * a, -4 * gate * (1 - gate) * a
}

// vespo returns the weight exp(λ + k log W − λ W) of a row, W the product of its tokens' ratios, as TRL 1.16.0 computes it,
// with bounds of its own on each token's logarithm and on their sum.
func (r *Rule) vespo(sum, a float64) float64 {
	k, lambda := r.s.VESPOKPositive, r.s.VESPOLambdaPositive
	if a < 0 {
		k, lambda = r.s.VESPOKNegative, r.s.VESPOLambdaNegative
	}
	lambda = max(lambda, 1e-4)
	logw := max(math.Log(1e-8), min(maxLog, sum))
	return math.Exp(lambda + k*logw - lambda*math.Exp(logw))
}

// penalty returns an estimate of the divergence from the reference and its derivative by lp; d is log π_ref − log π_θ
// (Schulman, «Approximating KL divergence», 2020).
func (r *Rule) penalty(d float64) (k, dk float64) {
	inside := 1.0
	if math.Abs(d) > r.bound {
		d, inside = clamp(d, r.bound), 0
	}
	switch r.s.KL {
	case "k1":
		return -d, inside
	case "k2":
		return d * d / 2, -d * inside
	}
	e := math.Exp(d)
	return e - d - 1, (1 - e) * inside
}

// correction returns the weight of each token for the gap between the sampler and the policy that scored its tokens: they
// are the same weights, but not the same arithmetic (truncated importance sampling, «Your efficient RL framework secretly
// brings you off-policy RL training», 2025). It multiplies the surrogate and not the penalty, as in TRL.
func (r *Rule) correction(b core.Batch, i int, mask []bool, m *meters) func(t int) float64 {
	if r.s.Correction == "none" {
		return func(int) float64 { return 1 }
	}
	old, sampler := b.OldLogProbs[i*b.Cols:(i+1)*b.Cols], b.SamplerLogProbs[i*b.Cols:(i+1)*b.Cols]
	bounded := func(log float64) float64 {
		w := math.Exp(min(log, maxLog)) // larger ones are beyond any cap, and an infinite one has no mean
		in := max(r.s.CorrectionFloor, min(r.s.CorrectionCap, w))
		m.correction(w, in)
		if w != in && (r.s.Correction == "token-mask" || r.s.Correction == "sequence-mask") {
			return 0
		}
		return in
	}
	if r.s.Correction == "token-truncate" || r.s.Correction == "token-mask" {
		return func(t int) float64 { return bounded(old[t] - sampler[t]) }
	}
	sum := 0.0
	for t, on := range mask {
		if on {
			sum += old[t] - sampler[t]
		}
	}
	w := bounded(sum)
	return func(int) float64 { return w }
}

// meters gather a batch's metrics. Means are over tokens; a ratio that a row's tokens share counts once per row.
type meters struct {
	tokens, kl                     float64
	ratios, ratioSum               float64
	lowClipped, highClipped, bound float64
	corrections, correctionSum     float64
	correctionBound                float64
}

// correction counts a weight before and after its bounds.
func (m *meters) correction(w, bounded float64) {
	m.corrections++
	m.correctionSum += w
	if w != bounded {
		m.correctionBound++
	}
}

func (m *meters) ratio(w ratio, low, high bool) {
	m.ratios++
	m.ratioSum += w.w
	if low {
		m.lowClipped++
	}
	if high {
		m.highClipped++
	}
	if w.d != w.w {
		m.bound++
	}
}

func (m *meters) metrics(kl bool) map[string]float64 {
	n := max(m.ratios, 1)
	out := map[string]float64{
		"ratio_mean": m.ratioSum / n, "clip_low": m.lowClipped / n, "clip_high": m.highClipped / n, "log_ratio_bounded": m.bound / n,
	}
	if m.ratios == 0 {
		out["ratio_mean"] = 1
	}
	if m.corrections > 0 {
		out["correction_mean"], out["correction_bounded"] = m.correctionSum/m.corrections, m.correctionBound/m.corrections
	}
	if kl {
		out["kl"] = m.kl / max(m.tokens, 1)
	}
	return out
}
