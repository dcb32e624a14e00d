package main

import (
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/core/eval"
	"github.com/rlvr-harness/harness/core/run"
)

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "write a run's report.html anew and say where it is",
		ArgsUsage: "RUN",
		Description: `The report is one file that opens without a network: curves of reward, pass rate, length, lint and verdicts, the held-out
measurements, and completions to read. It is made from the records in the run's folder alone.

Example:
   harness report runs/20260101-120000-gspo-combined`,
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("report takes one run's folder, as: harness report runs/20260101-120000-gspo-combined")
			}
			dir := c.Args().First()
			if _, err := run.ReadManifest(dir); err != nil {
				return usageError{err}
			}
			if err := run.WriteReport(dir); err != nil {
				return err
			}
			return printRun(c, dir, true)
		},
	}
}

// window is the number of steps at each end of a run that its summary compares.
const window = 4

// runSummary is what a training run came to.
type runSummary struct {
	Run    string `json:"run"`
	Report string `json:"report"`
	Done   bool   `json:"done"`
	Steps  int    `json:"steps"`
	// First and Last are means over up to four steps at each end.
	First runEnd `json:"first"`
	Last  runEnd `json:"last"`
	// HeldOut has the measurements on held-out tasks, in order; evals.jsonl has the outcomes of each task too.
	HeldOut []run.Evaluation `json:"held_out"`
	// Change compares the last of them with the first, task by task; nil where there are no two.
	Change *eval.Comparison `json:"change,omitempty"`
}

type runEnd struct {
	Steps    int     `json:"steps"`
	Reward   float64 `json:"reward_mean"`
	PassRate float64 `json:"pass_rate"`
	Tokens   float64 `json:"completion_tokens_mean"`
	Lint     float64 `json:"lint_mean"`
}

func endOf(steps []run.Step) runEnd {
	e := runEnd{Steps: len(steps)}
	for _, s := range steps {
		n := float64(len(steps))
		e.Reward += s.RewardMean / n
		e.PassRate += s.PassRate / n
		e.Tokens += s.CompletionTokensMean / n
		e.Lint += s.Lint.Total() / n
	}
	return e
}

// change compares the last measurement with the first; nil where they cannot be compared by task.
func change(heldOut []run.Evaluation) (*eval.Comparison, error) {
	if len(heldOut) < 2 {
		return nil, nil
	}
	before, after := heldOut[0].PerTask, heldOut[len(heldOut)-1].PerTask
	if len(before) == 0 || len(after) == 0 { // of a run from before these were kept
		return nil, nil
	}
	c, err := eval.ComparePerTask(before, after)
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// printRun prints the summary of a run from its records.
func printRun(c *cli.Context, dir string, done bool) error {
	w := c.App.Writer
	m, err := run.ReadManifest(dir)
	if err != nil {
		return err
	}
	s := runSummary{Run: dir, Report: filepath.Join(dir, "report.html"), Done: done}
	if s.HeldOut, err = run.ReadEvaluations(dir); err != nil {
		return err
	}
	if s.Change, err = change(s.HeldOut); err != nil {
		return err
	}
	for i := range s.HeldOut {
		s.HeldOut[i].PerTask = nil
	}
	steps := []run.Step(nil)
	if m.Kind == run.Train {
		if steps, err = run.ReadSteps(dir); err != nil {
			return err
		}
	}
	n := min(window, (len(steps)+1)/2)
	s.Steps, s.First, s.Last = len(steps), endOf(steps[:n]), endOf(steps[len(steps)-n:])
	if c.Bool("json") {
		return printJSON(w, s)
	}
	if len(steps) > 0 {
		fmt.Fprintf(w, "%-26s %8s %9s %8s %6s\n", "", "reward", "pass rate", "tokens", "lint")
		for _, e := range []struct {
			name string
			end  runEnd
		}{{fmt.Sprintf("first %d of %d steps", n, s.Steps), s.First}, {fmt.Sprintf("last %d", n), s.Last}} {
			fmt.Fprintf(w, "%-26s %8.3f %8.1f%% %8.1f %6.2f\n", e.name, e.end.Reward, 100*e.end.PassRate, e.end.Tokens, e.end.Lint)
		}
	}
	for _, e := range s.HeldOut {
		i := e.PassAtK["1"]
		fmt.Fprintf(w, "held out (%s %s, %d tasks × %d) after step %d: pass@1 %.1f%% (95%% interval %.1f–%.1f)\n",
			e.Benchmark, e.Split, e.Tasks, e.Samples, e.Step, 100*i.Value, 100*i.Low, 100*i.High)
	}
	if d := s.Change; d != nil {
		weak := ""
		if d.Difference.Low <= 0 && d.Difference.High >= 0 {
			weak = "; that may be chance: more --eval-tasks or --eval-samples tell more"
		}
		fmt.Fprintf(w, "held out, after minus before, task by task: %+.1f points (95%% interval %+.1f to %+.1f); better on %d tasks, worse on %d, p = %.2g%s\n",
			100*d.Difference.Value, 100*d.Difference.Low, 100*d.Difference.High, d.McNemar.BBetter, d.McNemar.ABetter, d.McNemar.P, weak)
	}
	if !done {
		fmt.Fprintf(w, "stopped after %d steps; go on with: harness run --resume %s\n", s.Steps, dir)
	}
	fmt.Fprintf(w, "report: %s\n", s.Report)
	return nil
}
