package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/core"
	ruffwasm "github.com/rlvr-harness/harness/runtime/ruff-wasm"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:  "bench",
		Usage: "measure speed beside a baseline in the same run",
		Description: `Each measurement interleaves rounds of ours with rounds of the baseline, takes CPU time (own and children's), and prints the
medians and their ratio: a ratio holds on a busy machine where seconds do not.

Examples:
   harness bench verdicts --tasks mbpp.jsonl --native python3
   harness bench cpu
   harness bench lint --native ruff
   harness bench step`,
		Subcommands: []*cli.Command{
			{
				Name: "verdicts", Usage: "grading reference solutions, beside a python3 -I -S subprocess for each",
				Flags: append([]cli.Flag{
					&cli.StringFlag{Name: "tasks", Usage: "`FILE` of tasks as in MBPP; default: the starter benchmark"},
					&cli.IntFlag{Name: "sample", Value: 100, Usage: "grade every n-th task so that about `N` are graded in a round; 0: all"},
					&cli.StringFlag{Name: "native", Value: "python3", Usage: "the baseline's interpreter; \"\" measures no baseline"},
					&cli.StringSliceFlag{Name: "peer", Usage: "another grader, as `LABEL=COMMAND`, measured in turns; may be repeated"},
					roundsFlag(), jsonFlag(),
				}, judgeFlags()...),
				Description: peerHelp,
				Action:      benchVerdicts,
			},
			benchCPUCommand(),
			{
				Name: "lint", Usage: "linting reference solutions, beside a native ruff subprocess for each",
				Description: "Example:\n   harness bench lint --sample 0",
				Flags: append([]cli.Flag{
					&cli.StringFlag{Name: "tasks", Usage: "`FILE` of tasks as in MBPP; default: the starter benchmark"},
					&cli.IntFlag{Name: "sample", Value: 100, Usage: "lint about `N` programs in a round; 0: all"},
					&cli.StringFlag{Name: "native", Value: "ruff", Usage: "the baseline's linter; \"\" measures no baseline"},
					roundsFlag(), jsonFlag(),
				}, judgeFlags()...),
				Action: benchLint,
			},
			{
				Name: "step", Usage: "one training step on the starter benchmark: seconds of each phase, and tokens a second",
				Description: "Example:\n   harness bench step --prompts 8 --max-tokens 128",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "model", Value: defaultModel, Usage: "Hugging Face folder, .gguf file or name of an asset"},
					&cli.IntFlag{Name: "prompts", Value: 4, Usage: "tasks in a step"},
					&cli.IntFlag{Name: "group", Value: 8, Usage: "completions for each task"},
					&cli.IntFlag{Name: "max-tokens", Value: 96, Usage: "longest completion"},
					&cli.IntFlag{Name: "threads", Usage: "compute threads; 0: one per core"},
					&cli.IntFlag{Name: "rounds", Value: 4, Usage: "steps that are measured after a first one that is not"},
					jsonFlag(),
				},
				Action: benchStep,
			},
			{
				Name: "plugins", Usage: "what a process of its own costs a reward's Score and an optimizer's Loss, beside the same in process",
				Description: "Example:\n   harness bench plugins --rounds 20 --json",
				Flags: []cli.Flag{
					&cli.IntFlag{Name: "rounds", Value: 10, Usage: "interleaved rounds; the medians count"},
					&cli.IntFlag{Name: "calls", Value: 50, Usage: "calls in a round"},
					jsonFlag(),
				},
				Action: benchPlugins,
			},
		},
	}
}

func roundsFlag() *cli.IntFlag {
	return &cli.IntFlag{Name: "rounds", Value: 5, Usage: "interleaved rounds; the medians count"}
}

// rounds is the value of that flag.
func rounds(c *cli.Context) (int, error) {
	n := c.Int("rounds")
	if n < 1 {
		return 0, usagef("--rounds is %d; want at least 1", n)
	}
	return n, nil
}

// benchResult is what a measurement prints, as CONTRACT has it.
type benchResult struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Ours and Baseline are medians over the rounds; Ratio is Baseline/Ours. Baseline and Ratio are null without one.
	Ours     float64  `json:"ours"`
	Baseline *float64 `json:"baseline"`
	Ratio    *float64 `json:"ratio"`
	Runs     int      `json:"runs"`
	// More are further numbers of the same rounds.
	More map[string]float64 `json:"more,omitempty"`
}

// interleave runs rounds of ours and of the baseline in turns and returns the CPU milliseconds per item and the wall seconds
// per round of each.
func interleave(ctx context.Context, rounds, items int, ours, baseline func(context.Context) error) (cpuOurs, cpuBase, wallOurs []float64, err error) {
	for range rounds {
		cpu, wall, err := timed(ctx, ours)
		if err != nil {
			return nil, nil, nil, err
		}
		cpuOurs, wallOurs = append(cpuOurs, 1000*cpu/float64(items)), append(wallOurs, wall)
		if baseline == nil {
			continue
		}
		if cpu, _, err = timed(ctx, baseline); err != nil {
			return nil, nil, nil, err
		}
		cpuBase = append(cpuBase, 1000*cpu/float64(items))
	}
	return cpuOurs, cpuBase, wallOurs, nil
}

// timed returns the CPU seconds of this process and its ended children, and the wall seconds, that f took.
func timed(ctx context.Context, f func(context.Context) error) (cpu, wall float64, err error) {
	before, err := cpuSeconds()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := f(ctx); err != nil {
		return 0, 0, err
	}
	wall = time.Since(start).Seconds()
	after, err := cpuSeconds()
	return after - before, wall, err
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return math.NaN()
	}
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}

// print shows a result.
func (r benchResult) print(c *cli.Context) error {
	if c.Bool("json") {
		return printJSON(c.App.Writer, r)
	}
	fmt.Fprintf(c.App.Writer, "%s: %.3f %s", r.Name, r.Ours, r.Unit)
	if r.Baseline != nil {
		fmt.Fprintf(c.App.Writer, ", baseline %.3f, ratio %.1f", *r.Baseline, *r.Ratio)
	}
	fmt.Fprintf(c.App.Writer, " (median of %d rounds)\n", r.Runs)
	for _, name := range slices.Sorted(maps.Keys(r.More)) {
		fmt.Fprintf(c.App.Writer, "  %-28s %.3f\n", name, r.More[name])
	}
	return nil
}

// set fills in the medians.
func (r *benchResult) set(ours, baseline []float64) {
	r.Ours, r.Runs = median(ours), len(ours)
	if len(baseline) > 0 {
		b := median(baseline)
		ratio := b / r.Ours
		r.Baseline, r.Ratio = &b, &ratio
	}
}

// benchTasks returns about n tasks with a reference solution, spread over the file.
func (p *parts) benchTasks(c *cli.Context) ([]core.Task, error) {
	tasks, err := p.tasksFor(c.Context, c.String("tasks"))
	if err != nil {
		return nil, err
	}
	tasks = slices.DeleteFunc(slices.Clone(tasks), func(t core.Task) bool { return t.Code == "" })
	if len(tasks) == 0 {
		return nil, usagef("--tasks %s: no task has a reference solution, so there is nothing to measure", c.String("tasks"))
	}
	n := c.Int("sample")
	if n <= 0 || n >= len(tasks) {
		return tasks, nil
	}
	var out []core.Task
	for i := range n {
		out = append(out, tasks[i*len(tasks)/n])
	}
	return out, nil
}

// tasksFor reads a file of tasks, or the starter benchmark where there is none.
func (p *parts) tasksFor(ctx context.Context, file string) ([]core.Task, error) {
	name := "mbpp"
	if file == "" {
		name = "starter"
	}
	d, err := p.openDataset(ctx, name, file)
	if err != nil {
		return nil, err
	}
	return d.tasks, nil
}

func benchVerdicts(c *cli.Context) (err error) {
	rounds, err := rounds(c)
	if err != nil {
		return err
	}
	con := newConsole(c.App.ErrWriter)
	p := newParts(con)
	defer func() { err = errors.Join(err, p.close()) }()
	tasks, err := p.benchTasks(c)
	if err != nil {
		return err
	}
	j, err := p.openJudge(c.Context, readJudgeConfig(c))
	if err != nil {
		return err
	}
	native, err := nativeTool(con, c.String("native"))
	if err != nil {
		return err
	}
	peers, done, err := openPeers(c.StringSlice("peer"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	m, err := j.pool.Compare(c.Context, tasks, native, rounds, heavyFuel, peers...)
	if err != nil {
		return err
	}
	if len(m.Heavy) > 0 {
		con.line("note: left out, since their solutions measure the interpreter and not the verdict (over %d fuel): tasks %s", heavyFuel, strings.Join(m.Heavy, ", "))
	}
	r := benchResult{Name: "verdicts", Unit: "CPU ms a verdict", Ours: m.Ours, Runs: len(m.Rounds), More: map[string]float64{
		"verdicts a second": m.PerSecond, "tasks": float64(m.Programs), "left out": float64(len(m.Heavy)), "workers": float64(j.workers),
	}}
	if native != "" {
		r.Baseline, r.Ratio = &m.Baseline, &m.Ratio
	}
	return verdictsResult{r, m.Peers}.print(c)
}

// heavyFuel is the work above which a reference solution is left out of the comparison.
const heavyFuel = 20_000_000

func benchLint(c *cli.Context) (err error) {
	rounds, err := rounds(c)
	if err != nil {
		return err
	}
	if c.Bool("isolate") {
		return usagef("--isolate: Ruff's CPU time is measured in this process; leave the flag out")
	}
	con := newConsole(c.App.ErrWriter)
	p := newParts(con)
	defer func() { err = errors.Join(err, p.close()) }()
	tasks, err := p.benchTasks(c)
	if err != nil {
		return err
	}
	j, err := p.openJudge(c.Context, readJudgeConfig(c))
	if err != nil {
		return err
	}
	native, err := nativeTool(con, c.String("native"))
	if err != nil {
		return err
	}
	lint := func(ctx context.Context) error {
		for _, t := range tasks {
			if _, err := j.linter.Lint(ctx, t.Code); err != nil {
				return err
			}
		}
		return nil
	}
	if err := lint(c.Context); err != nil {
		return err
	}
	var baseline func(context.Context) error
	if native != "" {
		baseline = func(ctx context.Context) error {
			for _, t := range tasks {
				cmd := exec.CommandContext(ctx, native, "check", "--isolated", "--no-cache", "--exit-zero", "--quiet",
					"--target-version", ruffwasm.Target, "--ignore-noqa", "--select", j.linter.Select(), "--output-format", "json", "-")
				cmd.Stdin = strings.NewReader(t.Code)
				if out, err := cmd.CombinedOutput(); err != nil {
					return fmt.Errorf("%s: task %s: %w: %s", native, t.ID, err, out)
				}
			}
			return nil
		}
	}
	ours, base, wall, err := interleave(c.Context, rounds, len(tasks), lint, baseline)
	if err != nil {
		return err
	}
	r := benchResult{Name: "lint", Unit: "CPU ms a program", More: map[string]float64{"ms a program": 1000 * median(wall) / float64(len(tasks)), "programs": float64(len(tasks))}}
	r.set(ours, base)
	return r.print(c)
}

// nativeTool finds the baseline's program; where it is not installed there is no baseline.
func nativeTool(con *console, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		con.line("note: %s is not installed, so there is no baseline", name)
		return "", nil
	}
	if errors.Is(err, os.ErrNotExist) {
		return "", usagef("--native %s: there is no such program", name)
	}
	return path, err
}
