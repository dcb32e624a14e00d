package surrogate

import (
	"fmt"
	"math"
	"slices"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
)

// Settings say which member of the family is meant. Every field changes the objective, so a run records them all.
type Settings struct {
	Preset string `json:"preset" doc:"a named set of values that takes the place of the defaults"`

	Baseline string  `json:"baseline" enum:"group,leave-one-out,batch,none" doc:"what is subtracted from a reward: the mean of its group, of the others of its group, of the batch, or nothing"`
	Scale    string  `json:"scale" enum:"group,batch,none" doc:"what an advantage is divided by: the standard deviation (N-1) of its group, of the batch, or 1"`
	StdEps   float64 `json:"std_eps" min:"0" doc:"added to the standard deviation"`
	Parts    string  `json:"parts" enum:"sum-then-normalize,normalize-then-sum" doc:"rewards of several components: normalise their sum, or each by itself in its group and then the weighted sum over the batch (GDPO)"`

	Level       string  `json:"level" enum:"token,sequence,sequence-token,sequence-sum" doc:"the importance ratio: of each token; the geometric mean over the completion (GSPO), with the derivative through every token or as GSPO-token through its own; the product over the completion"`
	Shape       string  `json:"shape" enum:"clip,cispo,sapo,vespo" doc:"what bounds the ratio: PPO's clip; CISPO's weight min(w, epsilon_high) on the log-probability; SAPO's sigmoid gate; VESPO's gamma weight"`
	EpsilonLow  float64 `json:"epsilon_low" min:"0" doc:"the clip's lower side: 1 - epsilon_low"`
	EpsilonHigh float64 `json:"epsilon_high" min:"0" doc:"the clip's upper side: 1 + epsilon_high; for cispo the bound itself"`
	Delta       float64 `json:"delta" min:"0" doc:"a second bound on the ratio that also holds for negative advantages (dual clip); 0 has none"`
	// LogRatioBound is verl's; TRL has none.
	LogRatioBound float64 `json:"log_ratio_bound" min:"0" doc:"log-ratios to the old and to the reference policy are held within this, and pass no derivative beyond it; 0 has no bound"`

	Beta    float64 `json:"beta" min:"0" doc:"the weight of the penalty for leaving the reference; 0 needs no reference pass"`
	KL      string  `json:"kl" enum:"k1,k2,k3" doc:"the penalty: k1 = log p/q, k2 = (log p/q)^2/2, k3 = q/p - 1 - log q/p"`
	KLRatio bool    `json:"kl_ratio" doc:"multiply the penalty by the importance ratio, which makes k3 unbiased off policy"`

	Aggregation   string `json:"aggregation" enum:"row-mean,token-mean,micro-token-mean,constant,row-sum" doc:"what the sum over tokens is divided by: its row's tokens and the rows; the tokens of the step; the tokens of the micro-batch and the micro-batch's share of the step; rows times the token limit; the rows alone"`
	MaskTruncated bool   `json:"mask_truncated" doc:"leave completions that the token limit cut out of the loss"`

	Correction      string  `json:"correction" enum:"none,token-truncate,token-mask,sequence-truncate,sequence-mask" doc:"weigh the loss by exp(log pi_old - log pi_sampler), truncated to correction_floor..correction_cap or zero outside, of each token or over the completion"`
	CorrectionCap   float64 `json:"correction_cap" exclusiveMin:"0" doc:"the upper bound of the correction"`
	CorrectionFloor float64 `json:"correction_floor" min:"0" doc:"the lower bound of the correction; 0 has none"`

	SAPOPositive float64 `json:"sapo_positive" exclusiveMin:"0" doc:"sapo: the gate's steepness where the advantage is positive"`
	SAPONegative float64 `json:"sapo_negative" exclusiveMin:"0" doc:"sapo: and where it is not"`

	VESPOKPositive      float64 `json:"vespo_k_positive" min:"0" doc:"vespo: k where the advantage is not negative"`
	VESPOLambdaPositive float64 `json:"vespo_lambda_positive" min:"0" doc:"vespo: and lambda"`
	VESPOKNegative      float64 `json:"vespo_k_negative" min:"0" doc:"vespo: k where the advantage is negative"`
	VESPOLambdaNegative float64 `json:"vespo_lambda_negative" min:"0" doc:"vespo: and lambda"`

	presets map[string]Settings
}

// Presets implements plugins.Presetter.
func (s Settings) Presets() map[string]Settings { return s.presets }

// Plain returns the settings that the rules begin from: group-normalised advantages, a token-level ratio clipped at 0.2,
// no penalty, the mean of the rows' means.
func Plain() Settings {
	return Settings{
		Baseline: "group", Scale: "group", StdEps: 1e-6, Parts: "sum-then-normalize",
		Level: "token", Shape: "clip", EpsilonLow: 0.2, EpsilonHigh: 0.2, LogRatioBound: maxLog,
		KL: "k3", Aggregation: "row-mean", Correction: "none", CorrectionCap: 2,
		SAPOPositive: 1, SAPONegative: 1.05,
		VESPOKPositive: 2, VESPOLambdaPositive: 3, VESPOKNegative: 3, VESPOLambdaNegative: 2,
	}
}

// Rule is a member of the family.
type Rule struct {
	s     Settings
	bound float64 // of log-ratios; infinite where there is none
}

var _ core.Optimizer = (*Rule)(nil)

// New returns the rule that the settings describe. It refuses a word that names no choice, and a clip whose lower side is
// not positive: a ratio is never negative.
func New(s Settings) (*Rule, error) {
	for _, c := range []struct {
		name, value string
		choices     []string
	}{
		{"baseline", s.Baseline, []string{"group", "leave-one-out", "batch", "none"}},
		{"scale", s.Scale, []string{"group", "batch", "none"}},
		{"parts", s.Parts, []string{"sum-then-normalize", "normalize-then-sum"}},
		{"level", s.Level, []string{"token", "sequence", "sequence-token", "sequence-sum"}},
		{"shape", s.Shape, []string{"clip", "cispo", "sapo", "vespo"}},
		{"kl", s.KL, []string{"k1", "k2", "k3"}},
		{"aggregation", s.Aggregation, []string{"row-mean", "token-mean", "micro-token-mean", "constant", "row-sum"}},
		{"correction", s.Correction, []string{"none", "token-truncate", "token-mask", "sequence-truncate", "sequence-mask"}},
	} {
		if !slices.Contains(c.choices, c.value) {
			return nil, &plugins.BadSetting{Name: c.name, Err: fmt.Errorf("%q is none of %q", c.value, c.choices)}
		}
	}
	if s.Shape == "clip" && s.EpsilonLow >= 1 {
		return nil, &plugins.BadSetting{Name: "epsilon_low", Err: fmt.Errorf("%g leaves no positive lower bound", s.EpsilonLow)}
	}
	if s.CorrectionFloor > s.CorrectionCap {
		return nil, &plugins.BadSetting{Name: "correction_floor", Err: fmt.Errorf("%g lies above correction_cap, which is %g", s.CorrectionFloor, s.CorrectionCap)}
	}
	r := &Rule{s: s, bound: s.LogRatioBound}
	if r.bound == 0 {
		r.bound = math.Inf(1)
	}
	return r, nil
}

// Needs implements core.Optimizer.
func (r *Rule) Needs() core.Needs {
	// A mean over the micro-batch's own tokens depends on which rows the micro-batch has.
	micro := r.s.Aggregation == "micro-token-mean"
	return core.Needs{
		Reference:     r.s.Beta > 0,
		Sampler:       r.s.Correction != "none",
		SkipIdle:      r.s.Beta == 0 && !micro, // a penalty pulls at rows without an advantage too
		SkipTruncated: r.s.MaskTruncated && !micro,
	}
}
