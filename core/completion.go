package core

// Finish says why a completion ended.
type Finish string

// The ways a completion ends.
const (
	FinishEOS    Finish = "eos"    // the model's own end of sequence
	FinishStop   Finish = "stop"   // a stop text of the prompt
	FinishLength Finish = "length" // the token limit: the completion is truncated
)

// Completion is one sampled answer to a Prompt.
type Completion struct {
	// Text is the answer without prompt, prefill, stop text and end-of-sequence token.
	Text string
	// PromptTokens are the ids of the rendered prompt with its prefill.
	PromptTokens []int32
	// Tokens are the sampled ids, in order, with the end-of-sequence token or the tokens of the stop text.
	Tokens []int32
	// LogProbs are the sampler's log-probabilities of Tokens, in nats, of the distribution that was sampled from
	// (after temperature); len(LogProbs) == len(Tokens), or 0 where the completion did not come from a policy.
	LogProbs []float32
	// Finish says why the completion ended; "" where it is not known.
	Finish Finish
}

// Truncated says that the completion was cut by the token limit.
func (c Completion) Truncated() bool { return c.Finish == FinishLength }

// Sampling says how completions are drawn.
type Sampling struct {
	// N is the number of completions for each prompt.
	N int
	// MaxTokens limits the completion, not the prompt.
	MaxTokens int
	// Temperature divides the logits; 0 takes the most probable token.
	Temperature float64
	// TopP keeps the smallest set of tokens whose probabilities sum to at least TopP; 0 or 1 keeps all.
	TopP float64
	// TopK keeps the K most probable tokens; 0 keeps all.
	TopK int
	// Seeds has one seed per completion, prompt-major: Seeds[p*N+i] is of completion i of prompt p. A completion's
	// random numbers depend on its seed alone, never on its place in a batch.
	Seeds []uint64
}

// Sample is one completion to a task, with what the stages learned about it.
type Sample struct {
	// Index numbers the sample within its group, from 0.
	Index      int
	Completion Completion
	Evidence   Evidence
}

// Group is a task with the samples that were drawn for it: the unit of rewards and baselines.
type Group struct {
	Task    Task
	Prompt  Prompt
	Samples []Sample
}
