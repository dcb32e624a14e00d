package core

import "context"

// Batch is what an optimizer's loss is computed from: the log-probabilities of R rows (completions) of up to T tokens.
//
// Matrices are row-major with Rows*Cols entries, in nats, of the distribution that was sampled from (after temperature).
// Entries where Mask is false have no meaning and must not reach the loss.
type Batch struct {
	Rows, Cols int
	// LogProbs are log π_θ of the sampled tokens under the policy that is being updated.
	LogProbs []float64
	// OldLogProbs are those of the policy that sampled the rollout batch.
	OldLogProbs []float64
	// RefLogProbs are those of the reference policy (adapter off); nil where the optimizer did not ask for them.
	RefLogProbs []float64
	// SamplerLogProbs are those that the sampler itself reported; nil where no correction is asked for.
	SamplerLogProbs []float64
	// Mask marks completion tokens; the first end-of-sequence token is one of them.
	Mask []bool
	// Advantages has one entry per row.
	Advantages []float64
	// Truncated has one entry per row: the completion was cut by the token limit.
	Truncated []bool
	// TotalRows and TotalTokens (mask entries) are those of the whole optimization step where the batch is one
	// micro-batch of it; 0 means that the batch is whole.
	TotalRows, TotalTokens int
	// MaxTokens is the token limit of a completion, the constant of Dr. GRPO's normalisation.
	MaxTokens int
}

// Loss is the value of the objective to be minimised and its derivative.
type Loss struct {
	Value float64
	// Grad is the derivative of Value by each entry of Batch.LogProbs: Rows*Cols, 0 where Mask is false.
	Grad []float64
	// Metrics are named numbers for the step's record. The names "kl", "clip_low", "clip_high" and "ratio_mean" have
	// the meaning of CONTRACT's metrics; others are kept as they are.
	Metrics map[string]float64
}

// Needs says what a loss reads beside the log-probabilities of the policy.
type Needs struct {
	// Reference asks for RefLogProbs: one more pass with the adapter off.
	Reference bool
	// Sampler asks for SamplerLogProbs.
	Sampler bool
	// SkipIdle says that a row whose advantage is 0 adds nothing to the loss or its derivative, so that the loop need
	// not compute its log-probabilities; TotalRows and TotalTokens still count it.
	SkipIdle bool
	// SkipTruncated says that a completion which the token limit cut has no part in the loss, so that the loop need not
	// compute it; TotalRows counts it and TotalTokens does not.
	SkipTruncated bool
}

// Optimizer is a policy-gradient rule: it turns rewards into advantages and log-probabilities into a loss. The parameter
// update itself (AdamW, clipping) belongs to the policy.
//
// Both methods are pure functions of their arguments and of the optimizer's settings.
type Optimizer interface {
	// Advantages takes the scores of each group and returns advantages of the same shape. A sample that abstains gets 0
	// and does not enter means or deviations.
	Advantages(ctx context.Context, scores [][]Score) ([][]float64, error)
	// Loss returns the loss of a batch.
	Loss(ctx context.Context, b Batch) (Loss, error)
	// Needs says what Loss reads; it is constant for an optimizer.
	Needs() Needs
}
