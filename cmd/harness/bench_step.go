package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/core/train"
)

// benchStep trains on the starter benchmark and reports where the time of a step goes. There is no baseline to run beside it
// here; BENCHMARKS.md has the peers' figures with their commands.
func benchStep(c *cli.Context) (err error) {
	con := newConsole(c.App.ErrWriter)
	p := newParts(con)
	defer func() { err = errors.Join(err, p.close()) }()
	rounds, err := rounds(c)
	if err != nil {
		return err
	}
	config, err := usualRunConfig()
	if err != nil {
		return err
	}
	config.Optimizer, config.Reward, config.Model = "gspo", "combined", c.String("model")
	config.Steps, config.Prompts, config.Group, config.MaxTokens = rounds+1, c.Int("prompts"), c.Int("group"), c.Int("max-tokens")
	config.Threads = c.Int("threads")
	if err := config.validate(); err != nil {
		return err
	}
	s, err := openSession(c.Context, p, config, nil)
	if err != nil {
		return err
	}
	var total, generate, verify, update, tokens []float64
	err = s.loop.Run(c.Context, 1, nil, func(_ context.Context, r *train.Result) error {
		con.line("step %d of %d: %.2f s", r.Step, rounds+1, r.Seconds.Generate+r.Seconds.Verify+r.Seconds.Score+r.Seconds.Update)
		if r.Step == 1 {
			return nil // packs weights and fills caches
		}
		n := 0
		for _, g := range r.Groups {
			for _, x := range g.Samples {
				n += len(x.Completion.Tokens)
			}
		}
		total = append(total, r.Seconds.Generate+r.Seconds.Verify+r.Seconds.Score+r.Seconds.Update)
		generate, verify, update = append(generate, r.Seconds.Generate), append(verify, r.Seconds.Verify), append(update, r.Seconds.Update)
		tokens = append(tokens, float64(n))
		return nil
	})
	if err != nil {
		return err
	}
	info, err := s.policy.Info(c.Context)
	if err != nil {
		return err
	}
	r := benchResult{Name: fmt.Sprintf("step of %d × %d completions, %s on %s", config.Prompts, config.Group, config.Model, info.Device), Unit: "s", More: map[string]float64{
		"generate s": median(generate), "verify s": median(verify), "update s": median(update), "tokens": median(tokens),
		"tokens a second of generate": median(tokens) / median(generate), "threads": float64(info.Threads),
	}}
	r.set(total, nil)
	return r.print(c)
}
