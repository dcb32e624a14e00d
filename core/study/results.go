package study

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/run"
)

// The files that Write makes, beside the figures.
const (
	ResultsName = "results.md"
	NumbersName = "results.json"
)

// Write reads the finished runs of a plan below dir and writes results.md, results.json and the figures into docs, which it
// creates. Other files there stay as they are. command is how the study is made again. It returns the runs that are missing.
func Write(dir, docs, command string, p Plan) (missing []string, err error) {
	cells, missing, err := read(dir, p)
	if err != nil {
		return nil, fmt.Errorf("study: %w", err)
	}
	if len(cells) == 0 {
		return missing, nil
	}
	training, between, err := pairs(cells)
	if err != nil {
		return nil, fmt.Errorf("study: compare %w", err)
	}
	files := map[string][]byte{}
	pictures := pictures(p, cells)
	for _, f := range pictures {
		if files[f.file], err = f.SVG(); err != nil {
			return nil, fmt.Errorf("study: %w", err)
		}
	}
	var m markdown
	setting(&m, p, cells, missing, command)
	heldOut(&m, cells)
	compared(&m, training, between)
	trained(&m, cells)
	curves(&m, pictures)
	profiles(&m, cells)
	diagnostics(&m, cells)
	updates(&m, cells)
	warnings(&m, cells)
	files[ResultsName] = []byte(strings.TrimRight(m.String(), "\n") + "\n")
	if files[NumbersName], err = numbersOf(cells, append(training, between...)); err != nil {
		return nil, fmt.Errorf("study: %w", err)
	}
	if err := os.MkdirAll(docs, 0o755); err != nil {
		return nil, fmt.Errorf("study: %w", err)
	}
	for name, text := range files {
		if err := replace(filepath.Join(docs, name), text); err != nil {
			return nil, fmt.Errorf("study: write %s: %w", name, err)
		}
	}
	return missing, nil
}

// replace writes a file whole or not at all.
func replace(path string, text []byte) error {
	unfinished := path + ".tmp"
	err := os.WriteFile(unfinished, text, 0o644)
	if err == nil {
		err = os.Rename(unfinished, path)
	}
	if err != nil {
		_ = os.Remove(unfinished) // it may not be there
	}
	return err
}

// markdown gathers a document.
type markdown struct{ strings.Builder }

func (m *markdown) p(format string, a ...any) { fmt.Fprintf(m, format+"\n\n", a...) }

// table writes words to the left and the numbers of the other columns to the right.
func (m *markdown) table(head []string, rows [][]string) { m.aligned(head, rows, " | ---:") }

func (m *markdown) aligned(head []string, rows [][]string, column string) {
	m.WriteString("| " + strings.Join(head, " | ") + " |\n| ---")
	m.WriteString(strings.Repeat(column, len(head)-1) + " |\n")
	for _, r := range rows {
		m.WriteString("| " + strings.Join(r, " | ") + " |\n")
	}
	m.WriteString("\n")
}

// each writes the mean over runs and behind it the value of each run, in the order of seeds.
func each(values []float64, format func(float64) string) string {
	if len(values) == 1 {
		return format(values[0])
	}
	var parts []string
	for _, v := range values {
		parts = append(parts, format(v))
	}
	return format(meanOf(values)) + " (" + strings.Join(parts, ", ") + ")"
}

func decimals(n int) func(float64) string {
	return func(v float64) string {
		if math.IsNaN(v) {
			return "–"
		}
		return fmt.Sprintf("%.*f", n, v)
	}
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.1f", 100*v)
}

func signed(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%+.1f", 100*v)
}

// setting is the results' head: what was run, and with what.
func setting(m *markdown, p Plan, cells []cell, missing []string, command string) {
	first := cells[0].runs[0]
	settings := first.settings()
	finished := 0
	for _, c := range cells {
		finished += len(c.runs)
	}
	m.p("# Results: %s × %s", strings.Join(p.Rewards, ", "), strings.Join(p.Optimizers, ", "))
	m.p("Written by `%s` from the records of the runs; edits to this file are lost. What is to be made of it is in [README.md](README.md).", command)
	m.p("%d of %d runs are finished.", finished, len(p.Runs()))
	if len(missing) > 0 {
		m.p("**Missing: %s.**", strings.Join(missing, ", "))
	}
	m.p("A number with others in parentheses is the mean over seeds and the value of each, of seeds %s. Percentages are of completions.", strings.Trim(strings.ReplaceAll(fmt.Sprint(p.Seeds), " ", ", "), "[]"))

	m.p("## What was run")
	m.p("Common flags of `harness run`: `%s`", strings.Join(p.Settings, " "))
	var rows [][]string
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	add("model", settings["model"])
	add("benchmark", fmt.Sprintf("%s, split %s, first %s tasks (0: all)", settings["benchmark"], settings["split"], settings["tasks"]))
	add("prompt", settings["prompt"])
	add("a step", fmt.Sprintf("%s tasks × %s completions of up to %s tokens at temperature %s", settings["prompts"], settings["group"], settings["max_tokens"], settings["temperature"]))
	add("updates", fmt.Sprintf("passes over a rollout batch: %s, mini-batches of a pass: %s; learning rate %s (%s), LoRA rank %s", settings["iterations"], settings["mini_batches"], settings["lr"], settings["lr_schedule"], settings["lora_rank"]))
	for _, name := range []string{"harness", "python", "ruff", "go"} {
		add(name, first.manifest.Versions[name])
	}
	add("machine", fmt.Sprintf("%s, %d cores", first.manifest.Platform.CPU, first.manifest.Platform.Cores))
	minutes, timed := 0.0, 0
	for _, c := range cells {
		for _, r := range c.runs {
			if r.times.Finished != nil && len(r.times.Resumed) == 0 { // a resumed run lay still for some time
				timed++
				minutes += r.times.Finished.Sub(r.times.Created).Minutes()
			}
		}
	}
	if timed > 0 {
		add("time of a run", fmt.Sprintf("%.1f minutes with its evaluations, mean of %d that were not resumed", minutes/float64(timed), timed))
	}
	for _, kind := range []string{"reward", "optimizer"} {
		var seen []string
		for _, c := range cells {
			for _, plugin := range c.runs[0].manifest.Plugins {
				name := kind + " " + plugin.Name
				if plugin.Kind == kind && !slices.Contains(seen, name) {
					seen = append(seen, name)
					text, err := json.Marshal(plugin.Settings)
					if err == nil {
						add(name+" "+plugin.Version, "`"+string(text)+"`")
					}
				}
			}
		}
	}
	m.aligned([]string{"setting", "value"}, rows, " | ---")
}

// curves shows the figures.
func curves(m *markdown, pictures []picture) {
	m.p("## Curves")
	m.p("Means over seeds. Lines: the thin one is the mean, the thick one smooths it, the band goes from the least seed to the greatest.")
	for _, f := range pictures {
		m.p("![%s](%s)", f.alt, f.file)
	}
}

// warnings is what the runs' own reports say to their readers.
func warnings(m *markdown, cells []cell) {
	m.p("## What the runs' own reports warn of")
	warned := false
	for _, c := range cells {
		for _, r := range c.runs {
			for _, w := range r.warnings {
				warned = true
				m.WriteString("- " + r.Name() + ": " + w + "\n")
			}
		}
	}
	if !warned {
		m.WriteString("Nothing.\n")
	}
}

// heldOut is the measurements on tasks that were not trained on.
func heldOut(m *markdown, cells []cell) {
	var rows, single [][]string
	var what string
	for _, c := range cells {
		var before, after, change, tokensBefore, tokensAfter, lintBefore, lintAfter []float64
		for _, r := range c.runs {
			a, b, ok := r.heldOut()
			if !ok {
				continue
			}
			what = fmt.Sprintf("%s, split %s: %d tasks × %d completions, before the first and after the last step.", b.Benchmark, b.Split, b.Tasks, b.Samples)
			x, y := a.PassAtK["1"], b.PassAtK["1"]
			before, after, change = append(before, x.Value), append(after, y.Value), append(change, y.Value-x.Value)
			lintBefore, lintAfter = append(lintBefore, a.Lint.Total()), append(lintAfter, b.Lint.Total())
			if a.CompletionTokens != nil && b.CompletionTokens != nil {
				tokensBefore, tokensAfter = append(tokensBefore, a.CompletionTokens.Mean), append(tokensAfter, b.CompletionTokens.Mean)
			}
			single = append(single, []string{
				r.Name(), percent(x.Value), percent(x.Low) + "–" + percent(x.High), percent(y.Value), percent(y.Low) + "–" + percent(y.High), signed(y.Value - x.Value),
			})
		}
		if len(before) == 0 {
			continue
		}
		rows = append(rows, []string{
			c.name(), each(before, percent), each(after, percent), each(change, signed), decimals(1)(meanOf(tokensBefore)), each(tokensAfter, decimals(1)),
			decimals(2)(meanOf(lintBefore)), each(lintAfter, decimals(2)),
		})
	}
	if len(rows) == 0 {
		return
	}
	m.p("## Held out")
	m.p("%s", what)
	m.table([]string{"reward × optimizer", "pass@1 before, %", "after, %", "change, points", "tokens before", "after", "findings before", "after"}, rows)
	m.p("Each run, with 95 %% intervals over tasks. The two measurements of a run are of the same tasks, so that the interval of their difference is another than these let expect: see below. Before the first step runs of one seed are one policy.")
	m.table([]string{"run", "before, %", "interval", "after, %", "interval", "change, points"}, single)
}

// trained is the first and the last third of the steps.
func trained(m *markdown, cells []cell) {
	n := third(cells[0].steps())
	m.p("## Training")
	m.p("Means over the first and over the last %d of %d steps.", n, cells[0].steps())
	var rows [][]string
	for _, c := range cells {
		row := []string{c.name()}
		for _, q := range []struct {
			of     func(run.Step) float64
			format func(float64) string
		}{
			{func(s run.Step) float64 { return s.RewardMean }, decimals(3)},
			{passRate, percent},
			{length, decimals(1)},
			{findings, decimals(2)},
			{func(s run.Step) float64 { return s.Entropy }, decimals(2)},
		} {
			first, last := c.thirds(q.of)
			row = append(row, q.format(meanOf(first))+" → "+each(last, q.format))
		}
		rows = append(rows, row)
	}
	m.table([]string{"reward × optimizer", "reward", "pass rate, %", "tokens", "findings", "entropy, nats a token"}, rows)
	m.p("Rewards of different kinds are on different scales and compare with nothing but themselves.")
}

// profiles are severities, verdicts and exceptions.
func profiles(m *markdown, cells []cell) {
	m.p("## Severity profile")
	m.p("Mean number of findings per completion, first → last third of the steps.")
	head := []string{"reward × optimizer"}
	for _, s := range core.Severities() {
		head = append(head, string(s))
	}
	var rows [][]string
	for _, c := range cells {
		row := []string{c.name()}
		for _, severity := range core.Severities() {
			first, last := c.thirds(func(s run.Step) float64 { return s.Lint.Mean(severity) })
			row = append(row, decimals(2)(meanOf(first))+" → "+decimals(2)(meanOf(last)))
		}
		rows = append(rows, row)
	}
	m.table(head, rows)

	shares := func(title, note string, names []string, of func(run.Step, string) int) {
		m.p("## %s", title)
		m.p("%s", note)
		var rows [][]string
		for _, c := range cells {
			row := []string{c.name()}
			for _, name := range names {
				first, last := c.thirds(func(s run.Step) float64 { return share(s, of(s, name)) })
				row = append(row, percent(meanOf(first))+" → "+percent(meanOf(last)))
			}
			rows = append(rows, row)
		}
		m.table(append([]string{"reward × optimizer"}, names...), rows)
	}
	shares("Verdicts", "Share of completions in %, first → last third of the steps.", occurring(cells),
		func(s run.Step, name string) int { return s.Verdicts[core.Class(name)] })
	if names := frequent(cells, 7); len(names) > 0 {
		shares("Error types", "Share of completions in % whose first failed test ended in the exception, first → last third of the steps; the most frequent ones.", names,
			func(s run.Step, name string) int { return s.Exceptions[name] })
	}
}

// diagnostics are the measures against gaming.
func diagnostics(m *markdown, cells []cell) {
	m.p("## Diagnostics against gaming")
	m.p("Last third of the steps. Gap: share of passed tests among those that the prompt shows less that among the hidden ones. Shown only: completions that pass every shown test and fail a hidden one. " +
		"Special-casing: programs that hold a test's input together with its answer. Degenerating: steps at the end of a window in which lint improves while the pass rate falls, of all steps with a window.")
	names := []string{"visible_minus_hidden", "visible_only", "special_casing", "duplicate_rate", "weak_rate"}
	var rows [][]string
	for _, c := range cells {
		row := []string{c.name()}
		diagnostic := func(name string) []float64 {
			_, last := c.thirds(func(s run.Step) float64 {
				if v, ok := s.Diagnostics[name]; ok {
					return v
				}
				return math.NaN()
			})
			return last
		}
		for _, name := range names {
			format := percent
			if name == "visible_minus_hidden" {
				format = signed
			}
			row = append(row, each(diagnostic(name), format))
		}
		row = append(row, each(diagnostic("suppressions"), decimals(2)))
		watched, bad := 0, 0
		for _, r := range c.runs {
			for _, s := range r.steps {
				if v, ok := s.Diagnostics["degenerating"]; ok {
					watched++
					if v > 0 {
						bad++
					}
				}
			}
		}
		rows = append(rows, append(row, fmt.Sprintf("%d of %d", bad, watched)))
	}
	m.table([]string{"reward × optimizer", "gap, points", "shown only, %", "special-casing, %", "duplicates, %", "weak, %", "suppressions", "degenerating"}, rows)
}

// updates is where optimizers differ.
func updates(m *markdown, cells []cell) {
	m.p("## Updates")
	m.p("Means over all steps. What is clipped is counted as the optimizer does: tokens for grpo, sequences for gspo.")
	metric := func(name string) func(run.Step) float64 {
		return func(s run.Step) float64 {
			if v, ok := s.Optimizer[name]; ok {
				return v
			}
			return math.NaN()
		}
	}
	var rows [][]string
	for _, c := range cells {
		row := []string{c.name()}
		for _, q := range []struct {
			of     func(run.Step) float64
			format func(float64) string
		}{
			{metric("updates"), decimals(2)},
			{func(s run.Step) float64 { return s.ClipLow }, percent},
			{func(s run.Step) float64 { return s.ClipHigh }, percent},
			{metric("ratio_mean"), decimals(4)},
			{func(s run.Step) float64 { return s.GradNorm }, decimals(3)},
			{func(s run.Step) float64 { return float64(s.ZeroStdGroups) }, decimals(2)},
		} {
			mean, _, _ := c.over(q.of)
			row = append(row, q.format(meanOf(mean)))
		}
		rows = append(rows, row)
	}
	m.table([]string{"reward × optimizer", "updates a step", "clipped below, %", "clipped above, %", "mean ratio", "gradient norm", "groups without a signal a step"}, rows)
}

// numbersOf is the same for programs: every step and evaluation of every run, and every comparison.
func numbersOf(cells []cell, pairs []pair) ([]byte, error) {
	type entry struct {
		Run         string           `json:"run"`
		Reward      string           `json:"reward"`
		Optimizer   string           `json:"optimizer"`
		Seed        uint64           `json:"seed"`
		Steps       []map[string]any `json:"steps"`
		Evaluations []map[string]any `json:"evaluations"`
	}
	out := struct {
		Runs        []entry `json:"runs"`
		Comparisons []pair  `json:"comparisons"`
	}{Comparisons: append([]pair{}, pairs...)}
	for _, c := range cells {
		for _, r := range c.runs {
			e := entry{Run: r.Name(), Reward: r.Reward, Optimizer: r.Optimizer, Seed: r.Seed}
			for _, s := range r.steps {
				e.Steps = append(e.Steps, measured(map[string]float64{
					"step": float64(s.Step), "reward_mean": s.RewardMean, "pass_rate": s.PassRate, "completion_tokens_mean": s.CompletionTokensMean,
					"truncated_rate": s.TruncatedRate, "entropy": s.Entropy, "clip_low": s.ClipLow, "clip_high": s.ClipHigh, "grad_norm": s.GradNorm,
					"lint_fatal": s.Lint.Fatal, "lint_error": s.Lint.Error, "lint_warning": s.Lint.Warning, "lint_refactor": s.Lint.Refactor,
					"lint_convention": s.Lint.Convention,
				}))
				last := e.Steps[len(e.Steps)-1]
				last["verdicts"], last["exceptions"], last["diagnostics"] = s.Verdicts, s.Exceptions, s.Diagnostics
			}
			for _, v := range r.evaluations {
				held := map[string]any{
					"step": v.Step, "pass_at_k": v.PassAtK, "completion_tokens": v.CompletionTokens, "verdicts": v.Verdicts,
					"exceptions": v.Exceptions, "lint": v.Lint, "diagnostics": v.Diagnostics,
				}
				if len(v.PerTask) > 0 {
					held["per_task"] = v.PerTask
				}
				e.Evaluations = append(e.Evaluations, held)
			}
			out.Runs = append(out.Runs, e)
		}
	}
	text, err := json.MarshalIndent(out, "", " ")
	return append(text, '\n'), err
}

// measured leaves out what was not measured.
func measured(values map[string]float64) map[string]any {
	out := map[string]any{}
	for name, v := range values {
		if !math.IsNaN(v) {
			out[name] = v
		}
	}
	return out
}
