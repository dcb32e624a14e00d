package policy

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
)

// Generate implements core.Policy. Each prompt is computed once for all its completions; completions that end make room for those
// that wait.
func (p *Policy) Generate(ctx context.Context, prompts []core.Prompt, s core.Sampling, yield func(core.Generated) error, progress func(tokens int)) error {
	if p.model.Tokenizer == nil {
		return fmt.Errorf("torch: generate: model %s has no tokenizer", p.info.Model)
	}
	ids := make([][]int32, len(prompts))
	for i, q := range prompts {
		var err error
		if ids[i], err = p.model.EncodePrompt(q); err != nil {
			return fmt.Errorf("torch: generate: prompt %d: %w", i, err)
		}
	}
	end := func(i int) ending { return newTextEnding(p.model.Tokenizer.Stream(true), prompts[i].Stop) }
	if err := p.thread.Do(func() error { return p.generate(ctx, ids, s, end, yield, progress) }); err != nil {
		return fmt.Errorf("torch: generate: %w", err)
	}
	return nil
}

func (p *Policy) checkSampling(prompts [][]int32, s core.Sampling) error {
	switch {
	case len(prompts) == 0 || s.N < 1:
		return fmt.Errorf("%d prompts with %d completions each: nothing to sample", len(prompts), s.N)
	case s.MaxTokens < 1:
		return fmt.Errorf("max tokens: expected at least 1, found %d", s.MaxTokens)
	case !(s.Temperature >= 0) || math.IsInf(s.Temperature, 0):
		return fmt.Errorf("temperature: expected 0 or more, found %g", s.Temperature)
	case !(s.TopP >= 0 && s.TopP <= 1):
		return fmt.Errorf("top-p: expected 0 to 1, found %g", s.TopP)
	case s.TopK < 0:
		return fmt.Errorf("top-k: expected 0 or more, found %d", s.TopK)
	case len(s.Seeds) != len(prompts)*s.N:
		return fmt.Errorf("%d seeds for %d completions", len(s.Seeds), len(prompts)*s.N)
	}
	for i, ids := range prompts {
		if len(ids) == 0 {
			return fmt.Errorf("prompt %d is empty", i)
		}
		if len(ids) >= p.context {
			return fmt.Errorf("prompt %d has %d tokens; the context of %d leaves no room for a completion", i, len(ids), p.context)
		}
	}
	return nil
}

// batchRows is how many completions are sampled side by side: max_batch, or fewer where their keys and values of full
// length would take more than memory_mib.
func (p *Policy) batchRows(tokens int) int {
	c := p.model.Config
	row := int64(8*c.Layers*c.KVHeads*c.HeadDim) * int64(tokens)
	return int(max(1, min(int64(p.batch), p.budget/row)))
}

// decoding is a completion under way.
type decoding struct {
	prompt, sample int
	limit          int
	c              core.Completion
	end            ending
}

// waiting is the queue of completions to start, prompt by prompt. Prompts below computed are in the batch, which numbers them as
// the call does.
type waiting struct {
	prompts, samples int
	prompt, sample   int
	computed         int
}

func (w *waiting) empty() bool { return w.prompt == w.prompts }

// generate runs on the engine's thread. end makes what decides where a completion of a prompt ends.
func (p *Policy) generate(ctx context.Context, prompts [][]int32, s core.Sampling, end func(prompt int) ending, yield func(core.Generated) error, progress func(int)) error {
	if err := p.checkSampling(prompts, s); err != nil {
		return err
	}
	topP := s.TopP
	if topP == 0 {
		topP = 1
	}
	b, err := p.engine.NewBatch(engine.Sampling{Temperature: s.Temperature, TopP: topP, TopK: s.TopK})
	if err != nil {
		return err
	}
	defer b.Close()
	room := p.batchRows(s.MaxTokens)
	queue := waiting{prompts: len(prompts), samples: s.N}
	var rows []*decoding
	var said time.Time
	for total := 0; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		// Prompts are computed a few at a time rather than whenever one row is free.
		if free := room - len(rows); !queue.empty() && (len(rows) == 0 || free*4 >= room) {
			if rows, err = p.admit(b, &queue, rows, free, prompts, s, end); err != nil {
				return err
			}
		}
		if len(rows) == 0 {
			return nil
		}
		tokens, logp := make([]int64, len(rows)), make([]float64, len(rows))
		if err := b.Step(tokens, logp); err != nil {
			return err
		}
		total += len(rows)
		var keep []int64
		left := rows[:0:0]
		for i, r := range rows {
			r.c.Tokens = append(r.c.Tokens, int32(tokens[i]))
			r.c.LogProbs = append(r.c.LogProbs, float32(logp[i]))
			if r.finished(p.eos) {
				if err := yield(core.Generated{Prompt: r.prompt, Sample: r.sample, Completion: r.c}); err != nil {
					return err
				}
				continue
			}
			keep = append(keep, int64(i))
			left = append(left, r)
		}
		if len(left) < len(rows) {
			if err := b.Keep(keep); err != nil {
				return err
			}
			rows = left
		}
		if progress != nil && (time.Since(said) > 100*time.Millisecond || len(rows) == 0) {
			said = time.Now()
			progress(total)
		}
	}
}

// admit starts up to free completions from the queue.
func (p *Policy) admit(b *engine.Batch, queue *waiting, rows []*decoding, free int, prompts [][]int32, s core.Sampling, end func(int) ending) ([]*decoding, error) {
	if err := p.prefill(b, queue, free, prompts); err != nil {
		return nil, err
	}
	for ; free > 0 && !queue.empty(); free-- {
		q, k := queue.prompt, queue.sample
		if err := b.Add(q, s.Seeds[q*s.N+k]); err != nil {
			return nil, err
		}
		rows = append(rows, &decoding{
			prompt: q, sample: k, limit: min(s.MaxTokens, p.context-len(prompts[q])), end: end(q),
			c: core.Completion{PromptTokens: prompts[q]},
		})
		if queue.sample++; queue.sample == s.N {
			if err := b.ClosePrompt(q); err != nil {
				return nil, err
			}
			queue.prompt, queue.sample = q+1, 0
		}
	}
	return rows, nil
}

// prefill computes the prompts of the next free completions, a pack at a time.
func (p *Policy) prefill(b *engine.Batch, queue *waiting, free int, prompts [][]int32) error {
	last := min(queue.prompts, queue.prompt+(queue.sample+free+queue.samples-1)/queue.samples)
	for queue.computed < last {
		var k scored
		for q := queue.computed; q < last && (k.Rows() == 0 || k.Rows()+len(prompts[q]) <= packRows); q++ {
			k.segment(prompts[q], 0, -1)
			queue.computed++
		}
		if err := b.AddPrompts(&k.Pack); err != nil {
			return err
		}
	}
	return nil
}

// finished takes the last token in and says whether the completion has ended; its text and reason are then complete.
func (r *decoding) finished(eos map[int32]bool) bool {
	id := r.c.Tokens[len(r.c.Tokens)-1]
	switch {
	case eos[id]:
		r.c.Finish = core.FinishEOS
	case r.end.push(id):
		r.c.Finish = core.FinishStop
	case len(r.c.Tokens) == r.limit:
		r.c.Finish = core.FinishLength
	default:
		return false
	}
	r.c.Text = r.end.text()
	return true
}
