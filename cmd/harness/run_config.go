package main

import (
	"fmt"
	"math"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/prompt"
	"github.com/rlvr-harness/harness/core/spelling"
	"github.com/rlvr-harness/harness/core/train"
	pythonwasm "github.com/rlvr-harness/harness/runtime/python-wasm"
)

// runConfig is everything that decides a training run's bytes: the flags of "harness run" by their names. It is written
// into the manifest in full.
type runConfig struct {
	Optimizer   string            `json:"optimizer" yaml:"optimizer"`
	Reward      string            `json:"reward" yaml:"reward"`
	Model       string            `json:"model" yaml:"model"`
	Adapter     string            `json:"adapter,omitempty" yaml:"adapter"`
	Benchmark   string            `json:"benchmark" yaml:"benchmark"`
	Data        string            `json:"data,omitempty" yaml:"data"`
	Split       string            `json:"split" yaml:"split"`
	Tasks       int               `json:"tasks" yaml:"tasks"`
	Prompt      string            `json:"prompt" yaml:"prompt"`
	Challenge   bool              `json:"challenge,omitempty" yaml:"challenge"`
	Steps       int               `json:"steps" yaml:"steps"`
	Prompts     int               `json:"prompts" yaml:"prompts"`
	Group       int               `json:"group" yaml:"group"`
	MaxTokens   int               `json:"max_tokens" yaml:"max-tokens"`
	Temperature float64           `json:"temperature" yaml:"temperature"`
	TopP        float64           `json:"top_p" yaml:"top-p"`
	TopK        int               `json:"top_k" yaml:"top-k"`
	LR          float64           `json:"lr" yaml:"lr"`
	LRSchedule  string            `json:"lr_schedule" yaml:"lr-schedule"`
	Warmup      int               `json:"warmup" yaml:"warmup"`
	Beta1       float64           `json:"adam_beta1" yaml:"adam-beta1"`
	Beta2       float64           `json:"adam_beta2" yaml:"adam-beta2"`
	AdamEps     float64           `json:"adam_eps" yaml:"adam-eps"`
	WeightDecay float64           `json:"weight_decay" yaml:"weight-decay"`
	MaxGradNorm float64           `json:"max_grad_norm" yaml:"max-grad-norm"`
	LoRARank    int               `json:"lora_rank" yaml:"lora-rank"`
	LoRAAlpha   float64           `json:"lora_alpha" yaml:"lora-alpha"`
	Iterations  int               `json:"iterations" yaml:"iterations"`
	MiniBatches int               `json:"mini_batches" yaml:"mini-batches"`
	Dynamic     int               `json:"dynamic_sampling" yaml:"dynamic-sampling"`
	Curriculum  string            `json:"curriculum" yaml:"curriculum"`
	CurrDecay   float64           `json:"curriculum_decay" yaml:"curriculum-decay"`
	CurrFloor   float64           `json:"curriculum_floor" yaml:"curriculum-floor"`
	CurrFrom    string            `json:"curriculum_from,omitempty" yaml:"curriculum-from"`
	Seed        uint64            `json:"seed" yaml:"seed"`
	DType       string            `json:"dtype" yaml:"dtype"`
	Device      string            `json:"device" yaml:"device"`
	Threads     int               `json:"threads" yaml:"threads"`
	EvalEvery   int               `json:"eval_every" yaml:"eval-every"`
	EvalSplit   string            `json:"eval_split" yaml:"eval-split"`
	EvalTasks   int               `json:"eval_tasks" yaml:"eval-tasks"`
	EvalSamples int               `json:"eval_samples" yaml:"eval-samples"`
	EvalTemp    float64           `json:"eval_temperature" yaml:"eval-temperature"`
	SaveEvery   int               `json:"save_every" yaml:"save-every"`
	Judge       judgeConfig       `json:"judge" yaml:",inline"`
	Set         map[string]string `json:"set,omitempty" yaml:"set"`
	// PluginTimeout bounds a call of a reward or an optimizer, PolicyTimeout the silence of the policy. They decide no bytes:
	// a call that takes longer ends the run.
	PluginTimeout time.Duration `json:"-" yaml:"plugin-timeout"`
	PolicyTimeout time.Duration `json:"-" yaml:"policy-timeout"`
	// BeforeFrom is a run whose first measurement would be this one's, to the byte.
	BeforeFrom string `json:"-" yaml:"before-from"`
}

// judgeConfig is how programs are taken from completions, run and linted.
type judgeConfig struct {
	Extract     string `json:"extract" yaml:"extract"`
	Fuel        int64  `json:"fuel" yaml:"fuel"`
	MemoryMiB   int    `json:"memory_mib" yaml:"memory"`
	LintProfile string `json:"lint_profile" yaml:"lint-profile"`
	Weak        string `json:"weak" yaml:"weak"`
	// Workers, Wall and Isolate do not change a verdict and so are not recorded.
	Workers int    `json:"-" yaml:"workers"`
	Wall    string `json:"-" yaml:"wall"`
	Isolate bool   `json:"-" yaml:"isolate"`
}

func judgeFlags() []cli.Flag {
	const category = "verification"
	return []cli.Flag{
		&cli.StringFlag{Name: "extract", Value: "auto", Usage: "how the program is taken from a completion: auto (text that parses as it is, else the code in it) or none", Category: category},
		&cli.Int64Flag{Name: "fuel", Usage: "work a program may do, in function entries and loop turns; 0: a multiple of the reference solution's own, with a floor", Category: category},
		&cli.StringFlag{Name: "wall", Value: "2m", Usage: "safety net in real time for one program; firing means infrastructure, never a score", Category: category},
		&cli.IntFlag{Name: "memory", Value: 0, Usage: "memory of a program in MiB, 40 to 128; 0: 128", Category: category},
		&cli.IntFlag{Name: "workers", Usage: "sandboxes that run at once; 0: one per core", Category: category},
		&cli.BoolFlag{Name: "isolate", Usage: "run and lint programs in processes of their own that have given up files, network and other processes (Linux); the verdicts are the same", Category: category},
		&cli.StringFlag{Name: "lint-profile", Value: "classic", Usage: "Ruff's rules: classic (E4,E7,E9,F) or default (E,F,W,B,S,C90,N,UP,PL,RUF)", Category: category},
		&cli.StringFlag{Name: "weak", Value: "allow", Usage: "tests whose comparison must run inside the candidate's interpreter: allow or fail", Category: category},
	}
}

func readJudgeConfig(c *cli.Context) judgeConfig {
	return judgeConfig{
		Extract: c.String("extract"), Fuel: c.Int64("fuel"), MemoryMiB: c.Int("memory"), LintProfile: c.String("lint-profile"),
		Weak: c.String("weak"), Workers: c.Int("workers"), Wall: c.String("wall"), Isolate: c.Bool("isolate"),
	}
}

func runFlags() []cli.Flag {
	const what, loop, update, model, record = "what to train", "rollouts", "updates", "model", "records"
	flags := []cli.Flag{
		&cli.StringFlag{Name: "optimizer", Usage: "`NAME` or path of an optimizer plugin; required", Category: what},
		&cli.StringFlag{Name: "reward", Usage: "`NAME` or path of a reward plugin, or a chain as unit-tests=1.0,ruff=0.2; required", Category: what},
		&cli.StringFlag{Name: "model", Value: defaultModel, Usage: "Hugging Face folder, .gguf file or name of an asset", Category: what},
		&cli.StringFlag{Name: "adapter", Usage: "`DIR` of a PEFT adapter to start from", Category: what},
		&cli.StringFlag{Name: "benchmark", Value: "starter", Usage: strings.Join(benchmarkNames(), ", "), Category: what},
		&cli.StringFlag{Name: "data", Usage: "`FILE` with the benchmark's tasks; default: the asset of the benchmark's name", Category: what},
		&cli.StringFlag{Name: "split", Value: "train", Usage: "train, validation, test or prompt", Category: what},
		&cli.IntFlag{Name: "tasks", Usage: "use only the first `N` tasks of the split; 0: all", Category: what},
		&cli.StringFlag{Name: "prompt", Value: "chat-first/1", Usage: "prompt protocol: " + strings.Join(prompt.Names(), ", "), Category: what},
		&cli.BoolFlag{Name: "challenge", Usage: challengeUsage, Category: what},

		&cli.IntFlag{Name: "steps", Value: 100, Usage: "number of steps", Category: loop},
		&cli.IntFlag{Name: "prompts", Value: 4, Usage: "tasks in a step", Category: loop},
		&cli.IntFlag{Name: "group", Value: 8, Usage: "completions for each task", Category: loop},
		&cli.IntFlag{Name: "dynamic-sampling", Usage: "up to `N` times a step, ask other tasks in place of those whose completions all earned the same; 0: train on what was drawn", Category: loop},
		&cli.StringFlag{Name: "curriculum", Value: "none", Usage: "none: tasks in shuffled epochs; pass-rate: prefer tasks that are neither always nor never passed", Category: loop},
		&cli.Float64Flag{Name: "curriculum-decay", Value: 0.99, Usage: "what of an observed pass rate is left after a step", Category: loop},
		&cli.Float64Flag{Name: "curriculum-floor", Value: 0.1, Usage: "least weight of a task, where 1 is that of one passed half the time", Category: loop},
		&cli.StringFlag{Name: "curriculum-from", Usage: "begin with the pass rates of an evaluation or run in `DIR`, or of a file of results", Category: loop},
		&cli.IntFlag{Name: "max-tokens", Value: 256, Usage: "longest completion", Category: loop},
		&cli.Float64Flag{Name: "temperature", Value: 1, Usage: "divides the logits", Category: loop},
		&cli.Float64Flag{Name: "top-p", Value: 1, Usage: "sample from the most probable tokens that sum to this; 1: all", Category: loop},
		&cli.IntFlag{Name: "top-k", Usage: "sample from the `K` most probable tokens; 0: all", Category: loop},

		&cli.Float64Flag{Name: "lr", Value: 1e-4, Usage: "AdamW's peak learning rate", Category: update},
		&cli.StringFlag{Name: "lr-schedule", Value: "constant", Usage: strings.Join(train.Decays(), ", "), Category: update},
		&cli.IntFlag{Name: "warmup", Usage: "steps over which the rate rises to its peak", Category: update},
		&cli.Float64Flag{Name: "adam-beta1", Value: 0.9, Usage: "AdamW's β1", Category: update},
		&cli.Float64Flag{Name: "adam-beta2", Value: 0.999, Usage: "AdamW's β2", Category: update},
		&cli.Float64Flag{Name: "adam-eps", Value: 1e-8, Usage: "AdamW's ε", Category: update},
		&cli.Float64Flag{Name: "weight-decay", Usage: "AdamW's weight decay", Category: update},
		&cli.Float64Flag{Name: "max-grad-norm", Value: 1, Usage: "clip the gradient's L2 norm; 0: do not clip", Category: update},
		&cli.IntFlag{Name: "iterations", Value: 1, Usage: "passes over each rollout batch", Category: update},
		&cli.DurationFlag{Name: "plugin-timeout", Value: 2 * time.Minute, Usage: "longest call of a reward or an optimizer; one that takes longer is made once more in a fresh process", Category: loop},
		&cli.DurationFlag{Name: "policy-timeout", Value: 2 * time.Hour, Usage: "longest time that the policy may say nothing in a call: no token was sampled, no answer came; 0: no limit", Category: loop},
		&cli.IntFlag{Name: "mini-batches", Value: 1, Usage: "updates that a pass is split into", Category: update},

		&cli.IntFlag{Name: "lora-rank", Value: 16, Usage: "rank of the adapter", Category: model},
		&cli.Float64Flag{Name: "lora-alpha", Value: 32, Usage: "scale of the adapter is alpha / rank", Category: model},
		&cli.StringFlag{Name: "dtype", Value: "float32", Usage: "float32 or bfloat16", Category: model},
		&cli.StringFlag{Name: "device", Value: "auto", Usage: "auto, cpu or cuda", Category: model},
		&cli.IntFlag{Name: "threads", Usage: "compute threads; 0: one per core", Category: model},
		&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "all randomness follows from it", Category: model},

		&cli.IntFlag{Name: "eval-every", Usage: "measure the policy before the first step, every `N` steps and after the last; 0: never", Category: record},
		&cli.StringFlag{Name: "eval-split", Usage: "split to measure on; default: validation, or test where there is none", Category: record},
		&cli.IntFlag{Name: "eval-tasks", Usage: "use only the first `N` tasks of that split; 0: all", Category: record},
		&cli.IntFlag{Name: "eval-samples", Value: 1, Usage: "completions for each of them", Category: record},
		&cli.Float64Flag{Name: "eval-temperature", Usage: "0 takes the most probable token", Category: record},
		&cli.StringFlag{Name: "before-from", Usage: "take the measurement before the first step from the run in `DIR`, where that run differs in its reward and its optimizer alone", Category: record},
		&cli.IntFlag{Name: "save-every", Value: 10, Usage: "write a checkpoint and an adapter every `N` steps", Category: record},
		&cli.StringFlag{Name: "out", Usage: "`DIR` of the new run; default: runs/<time>-<optimizer>-<reward>", Category: record},
		&cli.StringFlag{Name: "resume", Usage: "go on with the run in `DIR`; its settings are those of its manifest", Category: record},
		&cli.BoolFlag{Name: "changed-plugins", Usage: "go on although the file of a plugin is not the one that the run was started with", Category: record},
		&cli.StringFlag{Name: "config", Usage: "YAML `FILE` with flags by name; the command line wins", Category: record},
		&cli.StringSliceFlag{Name: "set", Usage: "setting of a plugin, as `key=value`; reward.key, optimizer.key or policy.key where several have it", Category: record},
		jsonFlag(),
	}
	return append(flags, judgeFlags()...)
}

// readRunConfig takes the defaults, then --config, then the command line.
func readRunConfig(c *cli.Context) (runConfig, error) {
	r := configOf(c)
	if name := c.String("config"); name != "" {
		// the file is read over the defaults, then every flag that was given on the command line is put back
		given := r
		text, err := os.ReadFile(name)
		if err != nil {
			return r, usagef("read --config: %w", err)
		}
		if err := yaml.UnmarshalWithOptions(text, &r, yaml.Strict()); err != nil {
			return r, usagef("--config %s: %s", name, yaml.FormatError(err, false, true))
		}
		r.restore(c, given)
	}
	for _, s := range c.StringSlice("set") {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return r, usagef("--set %q: want key=value, as --set epsilon_low=0.2", s)
		}
		if r.Set == nil {
			r.Set = map[string]string{}
		}
		r.Set[key] = value
	}
	return r, r.validate()
}

// usualRunConfig is that of a run without any flag.
func usualRunConfig() (r runConfig, err error) {
	app := &cli.App{Flags: runFlags(), Action: func(c *cli.Context) error { r = configOf(c); return nil }}
	err = app.Run([]string{"run"})
	return r, err
}

func configOf(c *cli.Context) runConfig {
	return runConfig{
		Optimizer: c.String("optimizer"), Reward: c.String("reward"), Model: c.String("model"), Adapter: c.String("adapter"),
		Benchmark: c.String("benchmark"), Data: c.String("data"), Split: c.String("split"), Tasks: c.Int("tasks"), Prompt: c.String("prompt"), Challenge: c.Bool("challenge"),
		Steps: c.Int("steps"), Prompts: c.Int("prompts"), Group: c.Int("group"), MaxTokens: c.Int("max-tokens"),
		Temperature: c.Float64("temperature"), TopP: c.Float64("top-p"), TopK: c.Int("top-k"),
		LR: c.Float64("lr"), LRSchedule: c.String("lr-schedule"), Warmup: c.Int("warmup"),
		Beta1: c.Float64("adam-beta1"), Beta2: c.Float64("adam-beta2"), AdamEps: c.Float64("adam-eps"),
		WeightDecay: c.Float64("weight-decay"), MaxGradNorm: c.Float64("max-grad-norm"),
		LoRARank: c.Int("lora-rank"), LoRAAlpha: c.Float64("lora-alpha"), Iterations: c.Int("iterations"), MiniBatches: c.Int("mini-batches"),
		Dynamic: c.Int("dynamic-sampling"), Curriculum: c.String("curriculum"), CurrDecay: c.Float64("curriculum-decay"),
		CurrFloor: c.Float64("curriculum-floor"), CurrFrom: c.String("curriculum-from"),
		Seed: c.Uint64("seed"), DType: c.String("dtype"), Device: c.String("device"), Threads: c.Int("threads"),
		EvalEvery: c.Int("eval-every"), EvalSplit: c.String("eval-split"), EvalTasks: c.Int("eval-tasks"),
		EvalSamples: c.Int("eval-samples"), EvalTemp: c.Float64("eval-temperature"), SaveEvery: c.Int("save-every"),
		Judge: readJudgeConfig(c), PluginTimeout: c.Duration("plugin-timeout"), PolicyTimeout: c.Duration("policy-timeout"),
		BeforeFrom: c.String("before-from"),
	}
}

// restore puts back the flags that were given on the command line.
func (r *runConfig) restore(c *cli.Context, given runConfig) {
	file, line := fieldsByFlag(r), fieldsByFlag(&given)
	for name, f := range file {
		if c.IsSet(name) {
			f.Set(line[name])
		}
	}
}

func (r runConfig) validate() error {
	switch {
	case r.Optimizer == "":
		return usagef("--optimizer is missing; \"harness plugin list\" shows the names, as grpo or gspo")
	case r.Reward == "":
		return usagef("--reward is missing; \"harness plugin list\" shows the names, as combined")
	case r.Tasks < 0:
		return usagef("--tasks is %d; want a count, or 0 for all", r.Tasks)
	case r.EvalEvery < 0 || r.EvalTasks < 0 || r.EvalSamples < 1 || !(r.EvalTemp >= 0) || math.IsInf(r.EvalTemp, 0):
		return usagef("--eval-every %d --eval-tasks %d --eval-samples %d --eval-temperature %v: they are numbers that are not negative, and at least one sample is needed", r.EvalEvery, r.EvalTasks, r.EvalSamples, r.EvalTemp)
	case r.EvalSamples > 1 && r.EvalTemp == 0:
		return usagef("--eval-samples %d with --eval-temperature 0 gives the same completion %d times; raise the temperature, as 0.8", r.EvalSamples, r.EvalSamples)
	case r.PluginTimeout <= 0:
		return usagef("--plugin-timeout is %v; want more than 0, as 2m", r.PluginTimeout)
	case r.PolicyTimeout < 0:
		return usagef("--policy-timeout is %v; want a time, as 30m, or 0 for no limit", r.PolicyTimeout)
	case r.SaveEvery < 1:
		return usagef("--save-every is %d; want at least 1", r.SaveEvery)
	case r.Curriculum != "none" && r.Curriculum != "pass-rate":
		return usagef("--curriculum is %q; want none or pass-rate", r.Curriculum)
	case r.CurrFrom != "" && r.Curriculum == "none":
		return usagef("--curriculum-from %s needs --curriculum pass-rate", r.CurrFrom)
	case r.LoRARank < 1 || !(r.LoRAAlpha > 0) || math.IsInf(r.LoRAAlpha, 0):
		return usagef("--lora-rank %d --lora-alpha %v: both must be numbers above 0", r.LoRARank, r.LoRAAlpha)
	}
	if err := r.train().Validate(); err != nil {
		return usagef("--%w", err)
	}
	if _, err := train.NewPassRates(r.CurrDecay, r.CurrFloor); err != nil {
		return usagef("--%w", err)
	}
	return r.Judge.validate()
}

func (j judgeConfig) validate() error {
	switch {
	case j.Extract != "auto" && j.Extract != "none":
		return usagef("--extract is %q; want auto or none", j.Extract)
	case j.LintProfile != "classic" && j.LintProfile != "default":
		return usagef("--lint-profile is %q; want classic or default", j.LintProfile)
	case j.Weak != "allow" && j.Weak != "fail":
		return usagef("--weak is %q; want allow or fail", j.Weak)
	case j.Fuel < 0 || j.MemoryMiB < 0 || j.Workers < 0:
		return usagef("--fuel %d --memory %d --workers %d: none may be negative", j.Fuel, j.MemoryMiB, j.Workers)
	case j.MemoryMiB != 0 && (j.MemoryMiB < pythonwasm.MinMemoryMiB || j.MemoryMiB > pythonwasm.MaxMemoryMiB):
		return usagef("--memory is %d; want %d to %d MiB, or 0 for the most", j.MemoryMiB, pythonwasm.MinMemoryMiB, pythonwasm.MaxMemoryMiB)
	}
	return nil
}

// train returns the loop's own settings.
func (r runConfig) train() train.Config {
	return train.Config{
		Steps: r.Steps, Prompts: r.Prompts, Group: r.Group, MaxTokens: r.MaxTokens,
		Temperature: r.Temperature, TopP: r.TopP, TopK: r.TopK, Iterations: r.Iterations, MiniBatches: r.MiniBatches, DynamicSampling: r.Dynamic,
		AdamW: core.AdamW{
			LR: r.LR, Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.AdamEps, WeightDecay: r.WeightDecay, MaxGradNorm: r.MaxGradNorm,
		},
		Schedule: train.Schedule{Decay: r.LRSchedule, Warmup: r.Warmup}, Seed: r.Seed,
	}
}

// unknownName says that a name does not exist, which ones do, and the nearest.
func unknownName(kind, name string, names []string) error {
	sort.Strings(names)
	msg := fmt.Sprintf("there is no %s %q; there are %s", kind, name, strings.Join(names, ", "))
	if near := spelling.Nearest(name, names); near != "" {
		msg += fmt.Sprintf(". Did you mean %s?", near)
	}
	return usagef("%s", msg)
}
