// Package surrogate holds the arithmetic that the policy-gradient rules of this repository have in common: advantages from
// the scores of groups, and a surrogate loss over log-probabilities with its derivative.
//
// GRPO, GSPO, DAPO, Dr. GRPO, BNPO, CISPO, RLOO and REINFORCE++ are settings of one family: a baseline and a scale for the
// advantages; the level at which the importance ratio is formed; the shape that bounds it; a penalty for leaving the
// reference; and what the sum is divided by. Each rule's folder names its paper and its defaults; this package names none.
// It knows nothing of plugins, processes or models.
//
// Notation, for a row i with completion tokens t where the mask m is 1, n_i = Σ_t m_it:
//
//	d = log π_θ − log π_old         w = exp d, or its mean or sum over the row's tokens (Level)
//	A_i                              the row's advantage
//	l_it = −min(min(w, δ) A, clip(w, 1−ε_low, 1+ε_high) A) + β k_it
//	L = Σ_it c_it l_it               c from Aggregation
//
// All arithmetic is float64. Where TRL 1.16.0 has the same setting the values and derivatives agree to 1e-12, which a test
// holds against numbers made by the unmodified TRL.
package surrogate
