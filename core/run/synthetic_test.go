package run

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// synthetic stands for a training run: what it writes in a step is a function of the seed and the step alone, but for the
// durations, which are taken from the caller.
type synthetic struct {
	seed           uint64
	steps          int
	groups, group  int
	every          int // a checkpoint and an adapter
	evaluate       int // an evaluation
	seconds        func() float64
	stopAfter      int // as with Ctrl-C; 0 for never
	hostile        string
	abstainAt      int
	checkpointPads int // bytes
}

func (s synthetic) manifest() Manifest {
	return Manifest{
		Kind: Train,
		Config: map[string]any{
			"model": "smollm2-135m-instruct", "optimizer": "gspo", "reward": "combined", "benchmark": "starter",
			"split": "train", "steps": s.steps, "prompts": s.groups, "group": s.group, "lr": 2e-5, "seed": s.seed,
		},
		Seeds:    map[string]uint64{"run": s.seed},
		Versions: map[string]string{"harness": "0.1.0", "go": "go1.26", "libtorch": "2.1.2", "ruff": "0.14.0"},
		Plugins: []Plugin{
			{Kind: "optimizer", Name: "gspo", Version: "0.1.0", SHA256: strings.Repeat("ab", 32), Settings: map[string]any{"epsilon_low": 3e-4, "epsilon_high": 4e-4, "beta": 0}},
			{Kind: "reward", Name: "combined", Version: "0.1.0", SHA256: strings.Repeat("cd", 32), Settings: map[string]any{"tests": 0.9, "lint": 0.1, "gate": true}},
		},
		Policy: PolicyOf(core.PolicyInfo{Model: "smollm2-135m-instruct", Architecture: "llama", Parameters: 134515008, Trainable: 2442240, Device: "cpu", DType: "float32", Threads: 2}),
		SHA256: map[string]string{"binary": strings.Repeat("01", 32), "model": strings.Repeat("23", 32)},
	}
}

var programs = []string{
	"def add(a, b):\n    return a + b\n",
	"import os\n\ndef add(a, b):\n    # the sum\n    total = 0\n    for x in (a, b):\n        total += x\n    return total\n",
	"def add(a, b):\n    return a - b\n",
	"def add(a, b):\n    return undefined + 1\n",
	"def add(a, b)\n    return a + b\n",
	"while True:\n    pass\n",
	"",
}

func (s synthetic) rows(step int) []Row {
	rng := rand.New(rand.NewPCG(s.seed, uint64(step)))
	skill := 0.15 + 0.6*(1-math.Exp(-float64(step)/10))
	var rows []Row
	for g := range s.groups {
		task := core.Task{ID: fmt.Sprint(100 + rng.IntN(40)), Tests: []string{"assert add(1, 2) == 3", "assert add(0, 0) == 0"}}
		group := core.Group{Task: task, Prompt: core.Prompt{
			TaskID:   task.ID,
			Messages: []core.Message{{Role: "user", Content: "Write a function add that returns the sum of two numbers.\n" + task.Tests[0]}},
			Prefill:  "```python\n",
		}}
		for i := range s.group {
			program := programs[0]
			class := core.Passed
			switch x := rng.Float64(); {
			case x < skill:
				if rng.Float64() < 0.3 {
					program = programs[1]
				}
			case x < skill+(1-skill)*0.45:
				program, class = programs[2], core.Failed
			case x < skill+(1-skill)*0.75:
				program, class = programs[3], core.Error
			case x < skill+(1-skill)*0.87:
				program, class = programs[4], core.Syntax
			case x < skill+(1-skill)*0.93:
				program, class = programs[5], core.Timeout
			default:
				program, class = programs[6], core.NoCode
			}
			text := program + "```\n" + strings.Repeat("This returns the sum. ", rng.IntN(12))
			if s.hostile != "" && g == 0 && i == 0 {
				text, program = s.hostile, s.hostile
			}
			e := core.Evidence{Program: program, Tokens: 20 + rng.IntN(int(160-2*min(float64(step), 40))), Truncated: rng.Float64() < 0.1}
			e.Verdict = core.Verdict{Class: class, Fuel: 26000 + rng.Int64N(900)}
			for range task.Tests {
				e.Verdict.Tests = append(e.Verdict.Tests, core.TestResult{Class: class})
			}
			switch class {
			case core.Failed:
				e.Verdict.Exception, e.Verdict.Message = "AssertionError", "add(1, 2) == 3 is false: the value was -1"
			case core.Error:
				e.Verdict.Exception, e.Verdict.Message = "NameError", "name 'undefined' is not defined"
			case core.Syntax:
				e.Verdict.Exception, e.Verdict.Message = "SyntaxError", "expected ':'"
				e.Lint = core.Lint{Fatal: 1, Codes: map[string]int{"invalid-syntax": 1}}
			}
			if strings.Contains(program, "import os") {
				e.Lint = core.Lint{Error: 1, Convention: rng.IntN(3), Codes: map[string]int{"F401": 1}}
			}
			group.Samples = append(group.Samples, core.Sample{Index: i, Completion: core.Completion{Text: text}, Evidence: e})
		}
		for i, sample := range group.Samples {
			tests, lint := sample.Evidence.Verdict.TestsPassed(), 1/(1+float64(sample.Evidence.Lint.Total()))
			score := core.Score{Value: 0.9*tests + 0.1*tests*lint, Components: []core.Component{
				{Name: "tests", Value: tests, Weighted: 0.9 * tests}, {Name: "lint", Value: lint, Weighted: 0.1 * tests * lint},
			}}
			if step == s.abstainAt && g == 0 {
				score = core.Score{Abstain: true, Note: "no opinion"}
			}
			rows = append(rows, NewRow(step, group, i, score, score.Value-0.5))
		}
	}
	return rows
}

func (s synthetic) step(step int, rows []Row) Step {
	rng := rand.New(rand.NewPCG(s.seed+1, uint64(step)))
	m := Step{Step: step, Verdicts: map[core.Class]int{}, Exceptions: map[string]int{}, Components: map[string]float64{}, Weighted: map[string]float64{}}
	n := 0.0
	for _, r := range rows {
		m.Verdicts[r.Verdict]++
		m.Tokens += r.Tokens
		m.Lint.Fatal += float64(r.Lint.Fatal) / float64(len(rows))
		m.Lint.Error += float64(r.Lint.Error) / float64(len(rows))
		m.Lint.Convention += float64(r.Lint.Convention) / float64(len(rows))
		if r.Exception != "" {
			m.Exceptions[r.Exception]++
		}
		if r.Truncated {
			m.TruncatedRate += 1 / float64(len(rows))
		}
		if r.Abstained {
			m.Abstained++
			continue
		}
		n++
		m.RewardMean += r.Reward
		for _, c := range r.Components {
			m.Components[c.Name] += c.Value
			m.Weighted[c.Name] += c.Weighted
		}
	}
	m.RewardMean /= n
	for _, r := range rows {
		if !r.Abstained {
			m.RewardStd += (r.Reward - m.RewardMean) * (r.Reward - m.RewardMean) / n
		}
	}
	m.RewardStd = math.Sqrt(m.RewardStd)
	for name := range m.Components {
		m.Components[name] /= n
		m.Weighted[name] /= n
	}
	for at := 0; at < len(rows); at += s.group {
		same := true
		for _, r := range rows[at : at+s.group] {
			same = same && r.Reward == rows[at].Reward
		}
		if same {
			m.ZeroStdGroups++
		}
	}
	m.PassRate = float64(m.Verdicts[core.Passed]) / float64(len(rows))
	m.CompletionTokensMean = float64(m.Tokens) / float64(len(rows))
	m.Loss = rng.NormFloat64() * 1e-3
	m.KL = math.NaN()
	m.Entropy = 0.9*math.Exp(-float64(step)/30) + 0.05*rng.Float64()
	m.ClipLow, m.ClipHigh = 0.01*rng.Float64(), 0.02*rng.Float64()
	m.GradNorm, m.LR = 0.2+0.2*rng.Float64(), 2e-5
	m.Seconds = Seconds{6 * s.seconds(), 0.4 * s.seconds(), 0.05 * s.seconds(), 4 * s.seconds()}
	return m
}

func (s synthetic) evaluation(step int) Evaluation {
	p := 0.2 + 0.5*(1-math.Exp(-float64(step)/10))
	return Evaluation{
		Benchmark: "starter", Split: "test", Tasks: 40, Samples: 1,
		PassAtK:          map[string]Interval{"1": {p, p - 0.12, p + 0.12}},
		CompletionTokens: &Length{70, 64, 150},
		Verdicts:         map[core.Class]int{core.Passed: int(40 * p), core.Failed: 40 - int(40*p)},
		Exceptions:       map[string]int{"AssertionError": 40 - int(40*p)},
		Lint:             LintMeans{0.02, 0.2, 0, 0, 0.4},
		Protocol:         map[string]any{"prompt": "chat-first/1", "temperature": 0},
		Seconds:          Seconds{Generate: s.seconds(), Verify: s.seconds()},
	}
}

// run drives a folder from where it is to the end.
func (s synthetic) run(f *Folder) (err error) {
	defer func() {
		if closing := f.Close(); err == nil {
			err = closing
		}
	}()
	first := 1
	if c := f.Resumed(); c != nil {
		first = c.Step + 1
		if c.Dir != "" {
			state, err := os.ReadFile(filepath.Join(c.Dir, "policy.state"))
			if err != nil {
				return err
			}
			if want := s.state(c.Step); string(state) != want {
				return fmt.Errorf("the state of step %d is %q", c.Step, state)
			}
		}
	}
	if first == 1 && f.Resumed().Fresh() {
		if err := f.AppendEvaluation(0, s.evaluation(0)); err != nil {
			return err
		}
	}
	for step := first; step <= s.steps; step++ {
		rows := s.rows(step)
		if err := f.AppendStep(s.step(step, rows), rows); err != nil {
			return err
		}
		if step%s.evaluate == 0 || step == s.steps {
			if err := f.AppendEvaluation(step, s.evaluation(step)); err != nil {
				return err
			}
		}
		stop := step == s.stopAfter
		if step%s.every == 0 || step == s.steps {
			if err := f.Adapter(step, s.adapter(step)); err != nil {
				return err
			}
		}
		if step%s.every == 0 || step == s.steps || stop {
			err := f.Checkpoint(step, map[string]int{"position": step * s.groups}, func(dir string) error {
				return os.WriteFile(filepath.Join(dir, "policy.state"), []byte(s.state(step)), 0o600)
			})
			if err != nil {
				return err
			}
		}
		if stop {
			return nil
		}
	}
	return f.Finish()
}

func (s synthetic) adapter(step int) func(string) error {
	return func(dir string) error {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte("{}\n"), 0o600); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "adapter_model.safetensors"), []byte(s.state(step)), 0o600)
	}
}

func (s synthetic) state(step int) string {
	return fmt.Sprintf("state of seed %d after step %d", s.seed, step) + strings.Repeat(".", s.checkpointPads)
}

// create makes a whole run in a new folder and returns it.
func (s synthetic) create(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	f, err := create(disk{unsynced: true}, dir, s.manifest())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.run(f); err != nil {
		t.Fatal(err)
	}
	return dir
}

// durations returns a source of durations that no two calls share.
func durations() func() float64 {
	n := 0.0
	return func() float64 { n++; return 1 + math.Mod(n*0.618033988749895, 1) }
}

func small(seed uint64) synthetic {
	return synthetic{seed: seed, steps: 7, groups: 2, group: 3, every: 2, evaluate: 3, seconds: durations()}
}
