package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	pythonwasm "github.com/rlvr-harness/harness/runtime/python-wasm"
)

// benchCPUCommand measures how much slower the sandbox computes than a native interpreter.
func benchCPUCommand() *cli.Command {
	return &cli.Command{
		Name: "cpu", Usage: "Python that only computes, in the sandbox and natively: nine snippets, and how many times slower the sandbox is",
		Description: `A snippet is a function without arguments. Each round runs every snippet natively, in a process that takes the CPU time of its own
thread, and in the sandbox, whose CPU time the host takes; start-up and first calls do not count. Both sides must return the same value.

Examples:
   harness bench cpu
   harness bench cpu --only classes,floats --rounds 9 --json
   harness bench cpu --snippets more.py     # functions, and a line SNIPPETS = [name, ...]`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "snippets", Usage: "Python `FILE` of functions, listed in a line SNIPPETS = [...]; default: nine of our own"},
			&cli.StringFlag{Name: "only", Usage: "only these snippets, as `NAME,NAME`"},
			&cli.StringFlag{Name: "native", Value: "python3", Usage: "the baseline's interpreter; \"\" measures no baseline"},
			roundsFlag(), jsonFlag(),
		}, judgeFlags()...),
		Action: benchCPU,
	}
}

// cpuResult is a benchResult with the snippets that it is the geometric mean of.
type cpuResult struct {
	benchResult
	Slower   *float64                 `json:"slower"`  // 1/Ratio: how many times the native time, geometric mean
	Slowest  *float64                 `json:"slowest"` // the largest of the snippets
	Python   string                   `json:"python"`
	Native   string                   `json:"native,omitempty"` // the native interpreter's version
	Snippets []pythonwasm.SnippetCost `json:"snippets"`
}

func benchCPU(c *cli.Context) (err error) {
	rounds, err := rounds(c)
	if err != nil {
		return err
	}
	text, names, err := readSnippets(c.String("snippets"), c.String("only"))
	if err != nil {
		return err
	}
	con := newConsole(c.App.ErrWriter)
	p := newParts(con)
	defer func() { err = errors.Join(err, p.close()) }()
	native, err := nativeTool(con, c.String("native"))
	if err != nil {
		return err
	}
	j, err := p.openJudge(c.Context, readJudgeConfig(c))
	if err != nil {
		return err
	}
	m, err := j.pool.CompareSnippets(c.Context, text, names, native, rounds)
	if err != nil {
		return err
	}
	r := cpuResult{
		benchResult: benchResult{Name: "cpu", Unit: "CPU ms a snippet", Ours: m.OursMean, Runs: m.Rounds},
		Python:      m.Python, Native: m.Native, Snippets: m.Snippets,
	}
	if native != "" {
		ratio := 1 / m.Slower
		r.Baseline, r.Ratio, r.Slower, r.Slowest = &m.NativeMean, &ratio, &m.Slower, &m.Slowest
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, r)
	}
	r.table(c)
	return nil
}

// table prints a line for each snippet and the means.
func (r cpuResult) table(c *cli.Context) {
	w := c.App.Writer
	fmt.Fprintf(w, "CPU ms of one call, median of %d rounds: Python %s in the sandbox", r.Runs, r.Python)
	if r.Slower == nil {
		fmt.Fprintln(w)
		for _, s := range r.Snippets {
			fmt.Fprintf(w, "  %-16s %9.2f\n", s.Name, s.Ours)
		}
		fmt.Fprintf(w, "  %-16s %9.2f\n", "geometric mean", r.Ours)
		return
	}
	fmt.Fprintf(w, ", native Python %s\n  %-16s %9s %9s %9s\n", r.Native, "", "sandbox", "native", "slower")
	for _, s := range r.Snippets {
		fmt.Fprintf(w, "  %-16s %9.2f %9.2f %8.2f×\n", s.Name, s.Ours, s.Native, s.Slower)
	}
	fmt.Fprintf(w, "  %-16s %9.2f %9.2f %8.2f×\n", "geometric mean", r.Ours, *r.Baseline, *r.Slower)
	fmt.Fprintf(w, "  %-16s %9s %9s %8.2f×\n", "at most", "", "", *r.Slowest)
}

// readSnippets returns the text of file, or our own snippets where it is "", and those of its snippets that only names; all where
// it is "".
func readSnippets(file, only string) (text string, names []string, err error) {
	text = pythonwasm.Snippets
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", nil, usagef("--snippets: %v", err)
		}
		text = string(b)
	}
	all, err := pythonwasm.SnippetNames(text)
	if err != nil {
		return "", nil, usagef("--snippets %s: %v", file, err)
	}
	if only == "" {
		return text, all, nil
	}
	for name := range strings.SplitSeq(only, ",") {
		if !slices.Contains(all, name) {
			return "", nil, usagef("--only: there is no snippet %q; there are %s", name, strings.Join(all, ", "))
		}
		names = append(names, name)
	}
	return text, names, nil
}
