package core

import "context"

// PolicyInfo describes an opened policy.
type PolicyInfo struct {
	// Model is the name or path it was opened from; Architecture is "llama", "qwen3", …
	Model, Architecture string
	// SHA256 is of the weights file or files, in order of their names.
	SHA256 string
	// Parameters counts the base model's parameters, Trainable those of the adapter.
	Parameters, Trainable int64
	// Device is "cpu" or "cuda:0", with the device's name after a space where there is one. DType is "float32" or "bfloat16".
	Device, DType string
	Threads       int
	// ContextLength is the largest number of tokens of prompt and completion together.
	ContextLength int
	VocabSize     int
	// EOS are the token ids that end a completion.
	EOS []int32
	// Versions names the libraries in use, as "libtorch" → "2.1.2".
	Versions map[string]string
}

// Generated is one finished completion of a Generate call.
type Generated struct {
	// Prompt and Sample index the call's prompts and the completions of one prompt.
	Prompt, Sample int
	Completion     Completion
}

// Sequence is a prompt with one completion, in token ids.
type Sequence struct {
	Prompt     []int32
	Completion []int32
}

// TokenScores are a policy's log-probabilities of completion tokens, ragged: one inner slice per sequence, of the length of
// its completion.
type TokenScores struct {
	// LogProbs are in nats, after the logits were divided by the temperature.
	LogProbs [][]float64
	// Entropy is that of the next-token distribution at each position, in nats; nil where it was not computed.
	Entropy [][]float64
}

// AdamW holds the settings of one parameter update (Loshchilov and Hutter, arXiv 1711.05101).
type AdamW struct {
	LR           float64
	Beta1, Beta2 float64
	Eps          float64
	WeightDecay  float64
	// MaxGradNorm clips the gradient's global L2 norm; 0 does not clip.
	MaxGradNorm float64
}

// StepStats are measured while a parameter update is made.
type StepStats struct {
	// GradNorm is the gradient's global L2 norm before clipping.
	GradNorm float64
}

// Policy is a language model with a trainable adapter. Its methods are called one at a time.
type Policy interface {
	// Info describes the policy.
	Info(ctx context.Context) (PolicyInfo, error)
	// Generate samples s.N completions for each prompt and calls yield as each one finishes, in any order; progress, where
	// it is not nil, hears now and then how many tokens have been sampled by the call so far.
	Generate(ctx context.Context, prompts []Prompt, s Sampling, yield func(Generated) error, progress func(tokens int)) error
	// Score returns log-probabilities without keeping anything for a gradient. With reference the adapter is off.
	Score(ctx context.Context, seqs []Sequence, temperature float64, reference bool) (TokenScores, error)
	// Forward is Score for an update: the computation is held until Backward or the next Forward.
	Forward(ctx context.Context, seqs []Sequence, temperature float64) (TokenScores, error)
	// Backward adds to the adapter's gradient: grad is the derivative of the loss by each log-probability that the last
	// Forward returned, of the same shape. It ends that Forward.
	Backward(ctx context.Context, grad [][]float64) error
	// Step applies the accumulated gradient and clears it.
	Step(ctx context.Context, a AdamW) (StepStats, error)
	// SaveAdapter writes the adapter in PEFT's format into dir, which it creates.
	SaveAdapter(ctx context.Context, dir string) error
	// SaveState writes everything that later updates depend on (adapter, moments, step count) to file; LoadState reads it.
	SaveState(ctx context.Context, file string) error
	LoadState(ctx context.Context, file string) error
}
