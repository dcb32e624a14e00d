// Package rollout is the spine that training and evaluation share: sample, extract, verify and lint, score.
//
// It owns the order of the stages and the derivation of seeds. What a stage does is its implementation's affair: the
// policy, the verifier, the linter and the reward come in as interfaces.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rlvr-harness/harness/core"
)

// Generator samples completions; a core.Policy is one.
type Generator interface {
	Generate(ctx context.Context, prompts []core.Prompt, s core.Sampling, yield func(core.Generated) error, progress func(tokens int)) error
}

// Collector draws completions for tasks and judges them.
type Collector struct {
	Generator Generator
	Judge     Judge
	// Workers is the number of completions that are judged at once; at least 1.
	Workers int
	// Progress, where it is not nil, hears how far the current call is. It is called from one goroutine at a time.
	Progress func(p Progress)
}

// Progress is how far a Collect call is.
type Progress struct {
	// Sampled and Judged count completions; Total is the number asked for. Tokens counts sampled tokens.
	Sampled, Judged, Total, Tokens int
}

// Timing is where the time of a Collect call went. Judging overlaps sampling, so Verify is only what was left to do
// after the last completion had been sampled.
type Timing struct{ Generate, Verify time.Duration }

// Question is a task as it is put to the policy.
type Question struct {
	Task   core.Task
	Prompt core.Prompt
}

// Collect samples s.N completions for each question and returns one group per question, in order, its samples in the order
// of their index. Judging starts as soon as a completion is there.
func (c Collector) Collect(ctx context.Context, qs []Question, s core.Sampling) ([]core.Group, Timing, error) {
	var timing Timing
	if len(qs) == 0 || s.N < 1 {
		return nil, timing, fmt.Errorf("rollout: %d questions with %d samples each: nothing to collect", len(qs), s.N)
	}
	if len(s.Seeds) != len(qs)*s.N {
		return nil, timing, fmt.Errorf("rollout: %d seeds for %d completions", len(s.Seeds), len(qs)*s.N)
	}
	groups := make([]core.Group, len(qs))
	prompts := make([]core.Prompt, len(qs))
	for i, q := range qs {
		prompts[i] = q.Prompt
		groups[i] = core.Group{Task: q.Task, Prompt: q.Prompt, Samples: make([]core.Sample, s.N)}
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	progress := meter{report: c.Progress, p: Progress{Total: len(qs) * s.N}}
	work := make(chan core.Generated, len(qs)*s.N) // never blocks the policy
	var judges sync.WaitGroup
	for range max(1, c.Workers) {
		judges.Go(func() {
			for g := range work {
				if ctx.Err() != nil {
					continue
				}
				e, err := c.Judge.Evidence(ctx, groups[g.Prompt].Task, groups[g.Prompt].Prompt, g.Completion)
				if err != nil {
					cancel(err)
					continue
				}
				groups[g.Prompt].Samples[g.Sample] = core.Sample{Index: g.Sample, Completion: g.Completion, Evidence: e}
				progress.update(func(p *Progress) { p.Judged++ })
			}
		})
	}

	start := time.Now()
	seen := make([]bool, len(qs)*s.N)
	err := c.Generator.Generate(ctx, prompts, s, func(g core.Generated) error {
		if g.Prompt < 0 || g.Prompt >= len(qs) || g.Sample < 0 || g.Sample >= s.N {
			return fmt.Errorf("rollout: the policy returned completion %d of prompt %d; there are %d of %d", g.Sample, g.Prompt, s.N, len(qs))
		}
		at := g.Prompt*s.N + g.Sample
		if seen[at] {
			return fmt.Errorf("rollout: the policy returned completion %d of prompt %d twice", g.Sample, g.Prompt)
		}
		seen[at] = true
		work <- g
		progress.update(func(p *Progress) { p.Sampled++ })
		return nil
	}, func(tokens int) { progress.update(func(p *Progress) { p.Tokens = tokens }) })
	timing.Generate = time.Since(start)
	if err != nil {
		cancel(fmt.Errorf("rollout: generate: %w", err)) // what waits need not be judged; an echo of a judge's error changes nothing
	}
	close(work)
	judges.Wait()
	timing.Verify = time.Since(start) - timing.Generate
	if cause := context.Cause(ctx); cause != nil {
		return nil, timing, cause
	}
	for i, ok := range seen {
		if !ok {
			return nil, timing, fmt.Errorf("rollout: the policy returned no completion %d for prompt %d", i%s.N, i/s.N)
		}
	}
	return groups, timing, nil
}

// meter guards a Progress that several goroutines advance.
type meter struct {
	mu     sync.Mutex
	p      Progress
	report func(Progress)
}

func (m *meter) update(change func(*Progress)) {
	if m.report == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.p)
	m.report(m.p)
}

// ErrScores marks a reward that answered something that no reward may answer.
var ErrScores = errors.New("unusable scores")

// Score asks the reward about every group. A sample whose verdict is Infrastructure abstains whatever the reward said: a
// failure of the harness is never a score.
func Score(ctx context.Context, r core.Reward, groups []core.Group) ([][]core.Score, error) {
	out := make([][]core.Score, len(groups))
	for i, g := range groups {
		s, err := r.Score(ctx, g)
		if err != nil {
			return nil, fmt.Errorf("rollout: score task %s: %w", g.Task.ID, err)
		}
		if len(s) != len(g.Samples) {
			return nil, fmt.Errorf("rollout: score task %s: %w: %d for %d samples", g.Task.ID, ErrScores, len(s), len(g.Samples))
		}
		for j := range s {
			if err := finite(s[j]); err != nil {
				return nil, fmt.Errorf("rollout: score task %s, sample %d: %w: %w", g.Task.ID, j, ErrScores, err)
			}
			if g.Samples[j].Evidence.Verdict.Class == core.Infrastructure && !s[j].Abstain {
				s[j] = core.Score{Abstain: true, Note: "the harness could not verify this sample: " + g.Samples[j].Evidence.Verdict.Message}
			}
		}
		out[i] = s
	}
	return out, nil
}
