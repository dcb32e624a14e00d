package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/eval"
	"github.com/rlvr-harness/harness/core/run"
)

func compareCommand() *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "set two evaluations of the same tasks against each other",
		ArgsUsage: "RUN RUN",
		Description: `Pairs two folders of "harness eval --out" by task: the difference of pass@1 with its 95 % interval and McNemar's exact test.
Pairing takes out the chance that lies in the choice of tasks.

Example:
   harness compare results/base results/trained`,
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return usagef("compare takes two folders of \"harness eval --out\", as: harness compare results/base results/trained")
			}
			a, err := recordsOf(c.Args().Get(0))
			if err != nil {
				return err
			}
			b, err := recordsOf(c.Args().Get(1))
			if err != nil {
				return err
			}
			r, err := eval.Compare(a, b)
			if err != nil {
				return usageError{err}
			}
			if c.Bool("json") {
				return printJSON(c.App.Writer, r)
			}
			w := c.App.Writer
			for _, x := range []struct {
				name string
				e    eval.Estimate
			}{{c.Args().Get(0), r.A}, {c.Args().Get(1), r.B}, {"difference", r.Difference}} {
				fmt.Fprintf(w, "%-40s %+6.1f%%  (95%% interval %+.1f to %+.1f)\n", x.name, 100*x.e.Value, 100*x.e.Low, 100*x.e.High)
			}
			fmt.Fprintf(w, "%d tasks: %d better in the first, %d in the second, %d the same; McNemar's exact test: p = %.3g\n",
				r.Tasks, r.McNemar.ABetter, r.McNemar.BBetter, r.McNemar.Ties, r.McNemar.P)
			if r.OnlyA > 0 || r.OnlyB > 0 {
				fmt.Fprintf(w, "left out: %d tasks that only the first has, %d that only the second has\n", r.OnlyA, r.OnlyB)
			}
			return nil
		},
	}
}

// recordsOf reads the judged completions of an evaluation's folder.
func recordsOf(dir string) ([]eval.Record, error) {
	m, err := run.ReadManifest(dir)
	if err != nil {
		return nil, usageError{err}
	}
	if m.Kind != run.Eval {
		return nil, usagef("%s is a training run; measure its adapter first: harness eval --adapter %s/adapters/step-N --out results/NAME", dir, dir)
	}
	var out []eval.Record
	for row, err := range run.ReadRows(dir) {
		if err != nil {
			return nil, usageError{err}
		}
		out = append(out, eval.Record{
			TaskID: row.TaskID, Sample: row.Sample, Verdict: core.Verdict{Class: row.Verdict, Exception: row.Exception, Weak: row.Weak},
			Lint: row.Lint, Tokens: row.Tokens, Truncated: row.Truncated,
		})
	}
	return out, nil
}
