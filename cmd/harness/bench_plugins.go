package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/optimizers/surrogate"
	"github.com/rlvr-harness/harness/plugins/plugintest"
	"github.com/rlvr-harness/harness/plugins/rewards/rule"
)

// inProcess is the reward unit-tests without a wire.
type inProcess struct{ rule.Tests }

// Score implements core.Reward.
func (r inProcess) Score(_ context.Context, g core.Group) ([]core.Score, error) {
	scores := make([]core.Score, len(g.Samples))
	for i, s := range g.Samples {
		p := r.Tests.Score(s.Evidence, g.Prompt.Visible)
		scores[i] = core.Score{Value: p.Value, Abstain: p.Abstain, Note: p.Note}
	}
	return scores, nil
}

// benchPlugins measures what a process of its own costs a reward and an optimizer. The baseline is the same arithmetic in this
// process. Wall time is taken, since a running plugin's CPU time is not that of an ended child.
func benchPlugins(c *cli.Context) (err error) {
	rounds, calls := c.Int("rounds"), c.Int("calls")
	if rounds < 1 || calls < 1 {
		return usagef("--rounds is %d and --calls is %d; want at least 1", rounds, calls)
	}
	ctx := c.Context
	reward, err := plugins.OpenReward(ctx, plugins.Options{Name: "unit-tests"})
	if err != nil {
		return pluginError(err)
	}
	defer func() { err = errors.Join(err, reward.Close()) }()
	optimizer, err := plugins.OpenOptimizer(ctx, plugins.Options{Name: "gspo", Set: map[string]string{"level": "token"}})
	if err != nil {
		return pluginError(err)
	}
	defer func() { err = errors.Join(err, optimizer.Close()) }()
	same := surrogate.Plain()
	same.EpsilonLow, same.EpsilonHigh = 3e-4, 4e-4
	here, err := surrogate.New(same)
	if err != nil {
		return err
	}
	group, batch := plugintest.Group(64), plugintest.Batch(64, 512)
	batch.RefLogProbs, batch.SamplerLogProbs = nil, nil // as the loop sends it where nothing needs them
	score := func(r core.Reward) func(context.Context) error {
		return func(ctx context.Context) error { _, err := r.Score(ctx, group); return err }
	}
	loss := func(o core.Optimizer) func(context.Context) error {
		return func(ctx context.Context) error { _, err := o.Loss(ctx, batch); return err }
	}
	measured := []func(context.Context) error{score(reward), score(inProcess{rule.DefaultTests()}), loss(optimizer), loss(here)}
	micros := make([][]float64, len(measured))
	for round := range rounds + 1 {
		for i, call := range measured {
			start := time.Now()
			for range calls {
				if err := call(ctx); err != nil {
					return err
				}
			}
			if round > 0 { // the first warms up
				micros[i] = append(micros[i], float64(time.Since(start).Microseconds())/float64(calls))
			}
		}
	}
	scores := benchResult{Name: "plugins score", Unit: "µs a Score of 64 samples"}
	scores.set(micros[0], micros[1])
	losses := benchResult{Name: "plugins loss", Unit: "µs a Loss of 64 × 512"}
	losses.set(micros[2], micros[3])
	if c.Bool("json") {
		return printJSON(c.App.Writer, []benchResult{scores, losses})
	}
	for _, r := range []benchResult{scores, losses} {
		fmt.Fprintf(c.App.Writer, "%s: %.0f %s, in process %.0f: the wire costs %.0f (median of %d rounds of %d calls)\n",
			r.Name, r.Ours, r.Unit, *r.Baseline, r.Ours-*r.Baseline, r.Runs, calls)
	}
	return nil
}
