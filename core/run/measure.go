package run

import (
	"math"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/gaming"
)

// Measure computes what a step's line says of its completions: rewards, verdicts, lengths, lint, and the diagnostics
// against gaming. Loss, gradient, learning rate and seconds are the caller's to add. scores has the shape of groups.
//
// Entropy is the mean of −log π over all sampled tokens, as the sampler reported it: an unbiased estimate of the entropy
// of the distribution that was sampled from, over every completion and not only those that taught something.
func Measure(step int, groups []core.Group, scores [][]core.Score) Step {
	m := Step{
		Step: step, Components: map[string]float64{}, Weighted: map[string]float64{}, Verdicts: map[core.Class]int{},
		Exceptions: map[string]int{}, Diagnostics: map[string]float64{},
	}
	var all, passed, truncated, weak, suppressions, programs, duplicates, special, linted float64
	var values []float64
	var surprise float64
	having := map[string]float64{} // scores with a component: a link of a chain may abstain alone
	for i, g := range groups {
		seen := map[string]bool{}
		low, high := math.Inf(1), math.Inf(-1)
		for j, s := range g.Samples {
			e := s.Evidence
			all++
			m.Verdicts[e.Verdict.Class]++
			m.Tokens += len(s.Completion.Tokens)
			for _, lp := range s.Completion.LogProbs {
				surprise -= float64(lp)
			}
			if e.Verdict.Class == core.Passed {
				passed++
			}
			if e.Verdict.Exception != "" {
				m.Exceptions[e.Verdict.Exception]++
			}
			if e.Verdict.Weak {
				weak++
			}
			if e.Truncated {
				truncated++
			}
			suppressions += float64(e.Lint.Suppressions)
			if e.Program != "" {
				programs++
				if seen[e.Program] {
					duplicates++
				}
				seen[e.Program] = true
				if gaming.Special(g.Task, e.Program) != "" {
					special++
				}
			}
			if !e.Lint.Unavailable {
				linted++
				m.Lint.Fatal += float64(e.Lint.Fatal)
				m.Lint.Error += float64(e.Lint.Error)
				m.Lint.Warning += float64(e.Lint.Warning)
				m.Lint.Refactor += float64(e.Lint.Refactor)
				m.Lint.Convention += float64(e.Lint.Convention)
			}
			x := scores[i][j] //nolint:gosec // scores has the shape of groups
			if x.Abstain {
				m.Abstained++
				continue
			}
			values = append(values, x.Value)
			low, high = min(low, x.Value), max(high, x.Value)
			for _, c := range x.Components {
				having[c.Name]++
				m.Components[c.Name] += c.Value
				m.Weighted[c.Name] += c.Weighted
			}
		}
		if low == high {
			m.ZeroStdGroups++
		}
	}
	m.RewardMean, m.RewardStd = meanAndStd(values)
	for name := range m.Components {
		m.Components[name] = ratio(m.Components[name], having[name])
		m.Weighted[name] = ratio(m.Weighted[name], float64(len(values))) // where it is missing it added nothing
	}
	m.PassRate = ratio(passed, all)
	m.CompletionTokensMean = ratio(float64(m.Tokens), all)
	m.TruncatedRate = ratio(truncated, all)
	m.Entropy = ratio(surprise, float64(m.Tokens))
	for _, p := range []*float64{&m.Lint.Fatal, &m.Lint.Error, &m.Lint.Warning, &m.Lint.Refactor, &m.Lint.Convention} {
		*p = ratio(*p, linted)
	}
	m.Diagnostics["weak_rate"] = ratio(weak, all)
	m.Diagnostics["duplicate_rate"] = ratio(duplicates, programs)
	m.Diagnostics["suppressions"] = ratio(suppressions, all)
	m.Diagnostics["special_casing"] = ratio(special, all)
	if gap := gaming.GapOf(groups); gap.Completions > 0 {
		m.Diagnostics["visible_minus_hidden"], m.Diagnostics["visible_only"] = gap.Mean, gap.ShownOnly
	}
	return m
}

// ratio is a/b, and 0 where there is nothing to divide by.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// meanAndStd returns the mean and the unbiased (n−1) standard deviation; 0 where there are too few values.
func meanAndStd(values []float64) (mean, std float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v
	}
	mean = ratio(mean, n)
	for _, v := range values {
		std += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(ratio(std, n-1))
}
