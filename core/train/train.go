// Package train is the training loop: choose tasks, collect groups, score them, compute advantages, update the policy.
//
// It owns when a step is made and what it is made of. It does not know processes, wasm or tensors, and writes nothing: the
// caller records each Result, saves checkpoints and evaluates between steps.
package train

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/rollout"
)

// Policy is what the loop needs of a core.Policy.
type Policy interface {
	rollout.Generator
	Score(ctx context.Context, seqs []core.Sequence, temperature float64, reference bool) (core.TokenScores, error)
	Forward(ctx context.Context, seqs []core.Sequence, temperature float64) (core.TokenScores, error)
	Backward(ctx context.Context, grad [][]float64) error
	Step(ctx context.Context, a core.AdamW) (core.StepStats, error)
}

// Config holds the loop's own settings.
type Config struct {
	// Steps is the number of the last step; steps are numbered from 1.
	Steps int
	// Prompts is the number of tasks in a step, Group the number of completions for each.
	Prompts, Group int
	// MaxTokens, Temperature, TopP and TopK are those of core.Sampling.
	MaxTokens   int
	Temperature float64
	TopP        float64
	TopK        int
	// Iterations is the number of passes over a rollout batch, MiniBatches the number of updates that one pass is split
	// into. With one of each the update is on policy, and every ratio of new to old probability is 1.
	Iterations, MiniBatches int
	// DynamicSampling is how often a step may ask further tasks in place of groups whose rewards are all the same; 0 keeps
	// such groups.
	DynamicSampling int
	// AdamW has the peak learning rate; Schedule shapes it.
	AdamW    core.AdamW
	Schedule Schedule
	// Seed is the run's seed.
	Seed uint64
}

// Validate reports the first setting that makes no sense.
func (c Config) Validate() error {
	for _, p := range []struct {
		name  string
		value int
		least int
	}{
		{"steps", c.Steps, 1},
		{"prompts", c.Prompts, 1},
		{"group", c.Group, 1},
		{"max-tokens", c.MaxTokens, 1},
		{"iterations", c.Iterations, 1},
		{"mini-batches", c.MiniBatches, 1},
		{"dynamic-sampling", c.DynamicSampling, 0},
	} {
		if p.value < p.least {
			return fmt.Errorf("%s is %d; it must be at least %d", p.name, p.value, p.least)
		}
	}
	if c.MiniBatches > c.Prompts {
		return fmt.Errorf("mini-batches is %d, but a step has only %d prompts to split", c.MiniBatches, c.Prompts)
	}
	if c.DynamicSampling > 0 && c.Group < 2 {
		return fmt.Errorf("dynamic-sampling is %d, but a group of one never differs in its rewards; raise group", c.DynamicSampling)
	}
	switch a := c.AdamW; {
	case !(c.Temperature > 0) || math.IsInf(c.Temperature, 0):
		return fmt.Errorf("temperature is %v; training samples, so it must be a number above 0", c.Temperature)
	case !(c.TopP >= 0 && c.TopP <= 1):
		return fmt.Errorf("top-p is %v; it must lie between 0 and 1", c.TopP)
	case c.TopK < 0:
		return fmt.Errorf("top-k is %d; it must not be negative", c.TopK)
	case !(a.LR >= 0) || math.IsInf(a.LR, 0):
		return fmt.Errorf("lr is %v; it must be a number that is not negative", a.LR)
	case !(a.Beta1 >= 0 && a.Beta1 < 1):
		return fmt.Errorf("adam-beta1 is %v; it must be at least 0 and below 1", a.Beta1)
	case !(a.Beta2 >= 0 && a.Beta2 < 1):
		return fmt.Errorf("adam-beta2 is %v; it must be at least 0 and below 1", a.Beta2)
	case !(a.Eps > 0) || math.IsInf(a.Eps, 0):
		return fmt.Errorf("adam-eps is %v; it must be a number above 0", a.Eps)
	case !(a.WeightDecay >= 0) || math.IsInf(a.WeightDecay, 0):
		return fmt.Errorf("weight-decay is %v; it must be a number that is not negative", a.WeightDecay)
	case !(a.MaxGradNorm >= 0) || math.IsInf(a.MaxGradNorm, 0):
		return fmt.Errorf("max-grad-norm is %v; it must be a number that is not negative", a.MaxGradNorm)
	}
	return c.Schedule.validate()
}

// Loop trains a policy.
type Loop struct {
	Config Config
	// Questions are the tasks to learn from, in the benchmark's order.
	Questions []rollout.Question
	Policy    Policy
	Optimizer core.Optimizer
	Reward    core.Reward
	// Collector draws and judges; Policy takes the place of its Generator.
	Collector rollout.Collector
	// PassRates chooses the tasks of a step by their pass rates; nil takes them in epochs. Its state belongs to a checkpoint.
	PassRates *PassRates
}

// Seconds is where a step's time went.
type Seconds struct{ Generate, Verify, Score, Update float64 }

// Result is everything that one step made.
type Result struct {
	Step int
	// Groups, Scores and Advantages have the same shape: tasks by samples. They hold every group that was drawn; Kept says
	// which of them the update is made of. A dropped group has the advantages 0.
	Groups     []core.Group
	Scores     [][]core.Score
	Advantages [][]float64
	Kept       []bool
	Sampled    Sampled
	// Curriculum are metrics of the draw; nil without PassRates.
	Curriculum map[string]float64
	// Updates are the parameter updates in order; none where no sample had an advantage.
	Updates []Update
	// Loss, GradNorm and the metrics are means over the updates; 0 and nil where there was none.
	Loss, GradNorm float64
	Metrics        map[string]float64
	// LR is the learning rate of all of the step's updates: the schedule counts steps.
	LR      float64
	Seconds Seconds
}

// Run makes the steps from first to Config.Steps, handing each result to after. It returns nil when the last step is done or
// when stop is closed; stop is looked at between steps only, so that a step is whole or was not made.
func (l *Loop) Run(ctx context.Context, first int, stop <-chan struct{}, after func(context.Context, *Result) error) error {
	if err := l.Config.Validate(); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if len(l.Questions) == 0 {
		return fmt.Errorf("train: there are no tasks to learn from")
	}
	for step := first; step <= l.Config.Steps; step++ {
		select {
		case <-stop:
			return nil
		default:
		}
		r, err := l.Step(ctx, step)
		if err != nil {
			return fmt.Errorf("train: step %d: %w", step, err)
		}
		if err := after(ctx, r); err != nil {
			return fmt.Errorf("train: after step %d: %w", step, err)
		}
	}
	return nil
}

// Step makes one step. It is a function of the step's number, the configuration, the policy's state and the pass rates that
// were observed before it.
func (l *Loop) Step(ctx context.Context, step int) (*Result, error) {
	r := &Result{Step: step, LR: l.Config.Schedule.LR(l.Config.AdamW.LR, step, l.Config.Steps)}
	if err := l.collect(ctx, r); err != nil {
		return nil, err
	}
	start := time.Now()
	if err := l.advantages(ctx, r); err != nil {
		return nil, err
	}
	r.Seconds.Score += time.Since(start).Seconds()

	start = time.Now()
	if err := l.update(ctx, r); err != nil {
		return nil, err
	}
	r.Seconds.Update = time.Since(start).Seconds()
	return r, nil
}
