// Package endpoint samples completions from a server that speaks OpenAI's chat completions, as vLLM, llama.cpp and most
// providers do.
//
// A server renders its own chat template and takes no beginning of the answer, so a prompt's Prefill is not sent, nor a
// stop text that would end the answer at the fence which the prefill had opened. What it answers is the whole text; taking
// the program out of it is the extraction's affair. Servers rarely promise repeatable samples: a seed is sent with every
// request, and what becomes of it is theirs to say.
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	openai "github.com/sashabaranov/go-openai"
	"golang.org/x/sync/errgroup"

	"github.com/rlvr-harness/harness/core"
)

// Config says where to ask and how.
type Config struct {
	// URL is the API's base, as http://localhost:8000/v1.
	URL string
	// Model is the name that the server knows.
	Model string
	// Key is sent as a bearer token; "" sends none.
	Key string
	// Parallel is the number of requests under way at once; 0 means 8.
	Parallel int
	// Tries is how often a request is made before its failure counts; 0 means 4. Only what may pass is tried again: no
	// connection, 408, 429 and 5xx.
	Tries int
	// Pause is the wait before the second try, doubled each time after; 0 means a second.
	Pause time.Duration
}

// Client samples completions.
type Client struct {
	config Config
	api    *openai.Client
}

// New returns a client. It does not connect.
func New(c Config) (*Client, error) {
	if !strings.HasPrefix(c.URL, "http://") && !strings.HasPrefix(c.URL, "https://") {
		return nil, fmt.Errorf("endpoint: %q is no address; want one as http://localhost:8000/v1", c.URL)
	}
	if c.Model == "" {
		return nil, errors.New("endpoint: the model's name is missing")
	}
	if c.Parallel <= 0 {
		c.Parallel = 8
	}
	if c.Tries <= 0 {
		c.Tries = 4
	}
	if c.Pause <= 0 {
		c.Pause = time.Second
	}
	a := openai.DefaultConfig(c.Key)
	a.BaseURL = strings.TrimRight(c.URL, "/")
	return &Client{config: c, api: openai.NewClientWithConfig(a)}, nil
}

// Generate samples s.N completions for each prompt, a request each, and calls yield as they come. The completions have no
// token ids and no log-probabilities; Tokens has the length that the server reported, its entries 0.
func (c *Client) Generate(ctx context.Context, prompts []core.Prompt, s core.Sampling, yield func(core.Generated) error, progress func(tokens int)) error {
	for _, prompt := range prompts { // before any request is under way: yield must not be called after the return
		if len(prompt.Messages) == 0 {
			return fmt.Errorf("endpoint: the prompt for task %s continues a text; chat endpoints need a chat protocol", prompt.TaskID)
		}
	}
	caller := ctx
	group, ctx := errgroup.WithContext(caller)
	group.SetLimit(c.config.Parallel)
	var mu sync.Mutex // yield is called from one goroutine at a time
	tokens := 0
	for p, prompt := range prompts {
		for i := range s.N {
			if ctx.Err() != nil {
				break
			}
			seed := int(s.Seeds[p*s.N+i] >> 33) // servers take 31 bits
			group.Go(func() error {
				done, err := c.ask(ctx, prompt, s, seed)
				if err != nil {
					return fmt.Errorf("endpoint: task %s, sample %d: %w", prompt.TaskID, i, err)
				}
				mu.Lock()
				defer mu.Unlock()
				tokens += len(done.Tokens)
				if progress != nil {
					progress(tokens)
				}
				return yield(core.Generated{Prompt: p, Sample: i, Completion: done})
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return caller.Err()
}

// ask makes one request, and again where that may help.
func (c *Client) ask(ctx context.Context, p core.Prompt, s core.Sampling, seed int) (core.Completion, error) {
	r := openai.ChatCompletionRequest{
		Model: c.config.Model, TopP: float32(s.TopP), Temperature: float32(s.Temperature), Seed: &seed,
		MaxTokens: s.MaxTokens, //nolint:staticcheck // deprecated by OpenAI, and the name that vLLM and llama.cpp have always taken
	}
	if s.Temperature == 0 {
		r.Temperature = math.SmallestNonzeroFloat32 // a plain 0 would be left out, and servers then take 1
	}
	for _, m := range p.Messages {
		r.Messages = append(r.Messages, openai.ChatCompletionMessage{Role: m.Role, Content: m.Content})
	}
	for _, stop := range p.Stop {
		if !strings.Contains(p.Prefill, strings.TrimSpace(stop)) {
			r.Stop = append(r.Stop, stop)
		}
	}
	pause := c.config.Pause
	for try := 1; ; try++ {
		answer, err := c.api.CreateChatCompletion(ctx, r)
		if err == nil {
			return completion(answer)
		}
		if try == c.config.Tries || !passing(err) || ctx.Err() != nil {
			return core.Completion{}, fmt.Errorf("%w (try %d of %d)", err, try, c.config.Tries)
		}
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return core.Completion{}, ctx.Err()
		}
	}
}

// maxReported bounds the length that a server may report: a number alone must not take memory.
const maxReported = 1 << 24

// completion reads a server's answer.
func completion(a openai.ChatCompletionResponse) (core.Completion, error) {
	switch n := a.Usage.CompletionTokens; {
	case len(a.Choices) == 0:
		return core.Completion{}, errors.New("the server answered without a choice")
	case n < 0 || n > maxReported:
		return core.Completion{}, fmt.Errorf("the server reports a completion of %d tokens", n)
	}
	c := core.Completion{Text: a.Choices[0].Message.Content, Tokens: make([]int32, a.Usage.CompletionTokens), Finish: core.FinishEOS}
	if a.Choices[0].FinishReason == openai.FinishReasonLength {
		c.Finish = core.FinishLength
	}
	return c, nil
}

// passing says that a failure may be over at the next try.
func passing(err error) bool {
	status := 0
	var api *openai.APIError
	var request *openai.RequestError
	switch {
	case errors.As(err, &api):
		status = api.HTTPStatusCode
	case errors.As(err, &request):
		status = request.HTTPStatusCode
	}
	return status == 0 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}
