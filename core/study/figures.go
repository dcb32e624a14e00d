package study

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/run"
)

// picture is a figure with the name of its file.
type picture struct {
	file, alt string
	run.Figure
}

// pictures draws the study's curves: lines with one panel an optimizer and one curve a reward, and stacks with one panel a cell.
func pictures(p Plan, cells []cell) []picture {
	line := func(file, title, note string, percent bool, of func(run.Step) float64) picture {
		f := run.Figure{Title: title, Note: note, Columns: 2, Percent: percent}
		for _, optimizer := range p.Optimizers {
			panel := run.Panel{Title: optimizer}
			for _, c := range cells {
				if c.optimizer != optimizer {
					continue
				}
				k := run.Curve{Name: c.reward, Class: fmt.Sprintf("s%d", slices.Index(p.Rewards, c.reward)%8)}
				k.Values, k.Low, k.High = c.over(of)
				if panel.Steps == nil || len(k.Values) < len(panel.Steps) {
					panel.Steps = numbers(len(k.Values))
				}
				panel.Curves = append(panel.Curves, k)
			}
			for i := range panel.Curves { // runs of one plan have as many steps, but a reader may have changed a folder
				k := &panel.Curves[i]
				n := len(panel.Steps)
				k.Values, k.Low, k.High = k.Values[:n], k.Low[:n], k.High[:n]
			}
			if len(panel.Curves) > 0 {
				f.Panels = append(f.Panels, panel)
			}
		}
		return picture{file, title + " by step, one panel per optimizer, one curve per reward", f}
	}
	stack := func(file, title, note string, percent bool, full float64, names []string, class func(string) string, of func(run.Step, string) float64) picture {
		f := run.Figure{Title: title, Note: note, Columns: len(p.Optimizers), Percent: percent, Stacked: true, Full: full}
		for _, c := range cells {
			panel := run.Panel{Title: c.name(), Steps: numbers(c.steps())}
			for _, name := range names {
				mean, _, _ := c.over(func(s run.Step) float64 { return of(s, name) })
				panel.Curves = append(panel.Curves, run.Curve{Name: name, Class: class(name), Values: mean})
			}
			f.Panels = append(f.Panels, panel)
		}
		return picture{file, title + " by step, one panel per run setting", f}
	}
	var severities []string
	for _, s := range core.Severities() {
		severities = append(severities, string(s))
	}
	exceptions := frequent(cells, 7)
	return []picture{
		line("pass-rate.svg", "Pass rate in training", "Share of a step's completions that pass every test.", true, passRate),
		line("length.svg", "Completion length", "Mean number of tokens.", false, length),
		line("lint.svg", "Lint findings", "Mean number per completion.", false, findings),
		stack("severity.svg", "Severity profile", "Mean number of findings per completion.", false, 0, severities,
			func(s string) string { return "l-" + s }, func(s run.Step, name string) float64 { return s.Lint.Mean(core.Severity(name)) }),
		stack("verdicts.svg", "Verdicts", "Share of a step's completions.", true, 1, occurring(cells),
			func(s string) string { return "v-" + s }, func(s run.Step, name string) float64 { return share(s, s.Verdicts[core.Class(name)]) }),
		stack("exceptions.svg", "Error types", "Share of a step's completions whose first failed test ended in this exception.", true, 0, exceptions,
			func(name string) string { return fmt.Sprintf("s%d", slices.Index(exceptions, name)%8) },
			func(s run.Step, name string) float64 { return share(s, s.Exceptions[name]) }),
	}
}

// occurring returns the verdict classes that any completion has, in their order.
func occurring(cells []cell) []string {
	var out []string
	for _, class := range core.Classes() {
		if slices.ContainsFunc(cells, func(c cell) bool {
			return slices.ContainsFunc(c.runs, func(r record) bool {
				return slices.ContainsFunc(r.steps, func(s run.Step) bool { return s.Verdicts[class] > 0 })
			})
		}) {
			out = append(out, string(class))
		}
	}
	return out
}

func passRate(s run.Step) float64 { return s.PassRate }
func length(s run.Step) float64   { return s.CompletionTokensMean }
func findings(s run.Step) float64 { return s.Lint.Total() }

// share is a count among the completions of a step.
func share(s run.Step, n int) float64 {
	all := 0
	for _, k := range s.Verdicts {
		all += k
	}
	return float64(n) / float64(max(1, all))
}

func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i + 1
	}
	return out
}

// frequent returns the names of the most frequent exceptions over all runs, the first the most frequent.
func frequent(cells []cell, most int) []string {
	count := map[string]int{}
	for _, c := range cells {
		for _, r := range c.runs {
			for _, s := range r.steps {
				for name, n := range s.Exceptions {
					count[name] += n
				}
			}
		}
	}
	names := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		if a < b {
			return -1
		}
		return 1
	})
	return names[:min(most, len(names))]
}
