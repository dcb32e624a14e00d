package train

import (
	"context"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/rollout"
)

// Sampled says how a step's groups came about.
type Sampled struct {
	// Rounds is the number of calls for completions: 1, and one for each time that groups were replaced.
	Rounds int
	// Extra counts the completions of the rounds after the first.
	Extra int
	// Dropped counts groups that were left out of the update because their rewards are all the same.
	Dropped int
	// Missing is the number of groups that the update lacks, since the bound was reached or no task was left to ask.
	Missing int
}

// differ says that a group can teach something: of its samples that did not abstain two have different rewards.
func differ(scores []core.Score) bool {
	first, any := 0.0, false
	for _, s := range scores {
		if s.Abstain {
			continue
		}
		if any && s.Value != first {
			return true
		}
		first, any = s.Value, true
	}
	return false
}

// collect draws a step's groups and has them scored. With dynamic sampling (DAPO, arXiv 2503.14476, §3.2 and eq. 11) the
// groups whose rewards are all the same are dropped, and as many other tasks are asked in their place, up to
// Config.DynamicSampling times; a step then trains on the groups there are. A task is asked once in a step. Completions have
// seeds by their number in the step, so that the same step draws the same ones.
func (l *Loop) collect(ctx context.Context, r *Result) error {
	c := l.Config
	order := l.order(r.Step)
	if l.PassRates != nil {
		ids := make([]string, len(l.Questions))
		for i, q := range l.Questions {
			ids[i] = q.Task.ID
		}
		r.Curriculum = l.PassRates.metrics(r.Step, ids)
	}
	collector := l.Collector
	collector.Generator = l.Policy
	for r.Sampled.Missing = c.Prompts; ; {
		n := min(r.Sampled.Missing, len(order))
		questions := make([]rollout.Question, n)
		s := core.Sampling{N: c.Group, MaxTokens: c.MaxTokens, Temperature: c.Temperature, TopP: c.TopP, TopK: c.TopK}
		for i, at := range order[:n] {
			questions[i] = l.Questions[at]
		}
		order = order[n:]
		for i := range n * c.Group {
			s.Seeds = append(s.Seeds, rollout.Seed(c.Seed, "sample", uint64(r.Step), uint64(len(r.Groups)*c.Group+i)))
		}
		groups, timing, err := collector.Collect(ctx, questions, s)
		if err != nil {
			return err
		}
		r.Seconds.Generate += timing.Generate.Seconds()
		r.Seconds.Verify += timing.Verify.Seconds()
		start := time.Now()
		scores, err := rollout.Score(ctx, l.Reward, groups)
		if err != nil {
			return err
		}
		r.Seconds.Score += time.Since(start).Seconds()

		r.Groups, r.Scores = append(r.Groups, groups...), append(r.Scores, scores...)
		for _, group := range scores {
			kept := c.DynamicSampling == 0 || differ(group)
			r.Kept = append(r.Kept, kept)
			if kept {
				r.Sampled.Missing--
			} else {
				r.Sampled.Dropped++
			}
		}
		r.Sampled.Rounds++
		if r.Sampled.Rounds > 1 {
			r.Sampled.Extra += n * c.Group
		}
		if r.Sampled.Missing == 0 || r.Sampled.Rounds > c.DynamicSampling || len(order) == 0 {
			break
		}
	}
	if l.PassRates != nil {
		l.PassRates.observe(r.Step, r.Groups)
	}
	return nil
}
