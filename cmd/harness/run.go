package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/checksum"
	"github.com/rlvr-harness/harness/core/rollout"
	"github.com/rlvr-harness/harness/core/run"
	"github.com/rlvr-harness/harness/core/train"
	"github.com/rlvr-harness/harness/plugins"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "train a policy with verifiable rewards",
		Description: `Samples completions, runs them against their tests in a sandbox, lints them, scores them with a reward plugin, and
updates a LoRA adapter by an optimizer plugin's rule. Writes a run folder with manifest, metrics, completions, TensorBoard
events, adapters, checkpoints and a report.

Ctrl-C ends the run after the current step; a second Ctrl-C at once. Either way --resume goes on with the same bytes as a
run that was never stopped.

Examples:
   harness run --optimizer gspo --reward combined --steps 100
   harness run --optimizer grpo --reward unit-tests --benchmark mbpp --eval-every 50 --set beta=0.04
   harness run --optimizer dapo --reward unit-tests --dynamic-sampling 3 --mini-batches 2
   harness run --optimizer gspo --reward unit-tests --iterations 2 --curriculum pass-rate
   harness run --resume runs/20260101-120000-gspo-combined`,
		Flags: runFlags(),
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("run takes no arguments, only flags; what is %q?", c.Args().First())
			}
			return trainRun(c)
		},
	}
}

// trainRun is the run command: a new run, or --resume.
func trainRun(c *cli.Context) (err error) {
	con := newConsole(c.App.ErrWriter)
	var config runConfig
	var folder *run.Folder
	if dir := c.String("resume"); dir != "" {
		if folder, config, err = resumeRun(c, dir); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, folder.Close()) }()
	} else if config, err = readRunConfig(c); err != nil {
		return err
	} else if dir := c.String("out"); dir != "" { // told before a model is loaded; Create looks again
		if err := run.Vacant(dir); err != nil {
			return taken(err, dir)
		}
	}
	// The first interrupt ends the run between two steps, the second one at once.
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.Context))
	defer cancel()
	stop := interrupts(ctx, cancel, con)

	p := newParts(con)
	defer func() { err = errors.Join(err, p.close()) }()
	var recorded []run.Plugin
	if folder != nil && !c.Bool("changed-plugins") {
		recorded = folder.Manifest().Plugins
	}
	s, err := openSession(ctx, p, config, recorded)
	if err != nil {
		return err
	}
	manifest, err := s.manifest(ctx)
	if err != nil {
		return err
	}
	if folder == nil {
		dir := c.String("out")
		if dir == "" {
			dir = filepath.Join("runs", time.Now().Format("20060102-150405")+"-"+lastElement(config.Optimizer)+"-"+strings.NewReplacer("/", "-", "=", "", ",", "+").Replace(lastElement(config.Reward)))
		}
		if folder, err = run.Create(dir, manifest); err != nil {
			return taken(err, dir)
		}
		defer func() { err = errors.Join(err, folder.Close()) }()
	}
	log, err := folder.Log()
	if err == nil {
		err = con.keep(log)
	}
	if err != nil {
		return err
	}
	for _, d := range folder.Manifest().Diff(manifest) {
		con.line("warning: this is not what the run was started with: %s", d)
	}
	s.folder = folder
	if err := s.train(ctx, stop); err != nil {
		if e, ok := errors.AsType[*plugins.Error](err); ok && e.Cause == plugins.Hung {
			flag := "--plugin-timeout"
			if e.Kind == plugins.KindPolicy {
				flag = "--policy-timeout"
			}
			err = fmt.Errorf("%w\na call that needs longer is given more with %s", err, flag)
		}
		fmt.Fprintf(log, "harness: %v\n", err) // what the console is told when the command ends
		return fmt.Errorf("%w\nthe run is kept: harness run --resume %s", err, folder.Dir())
	}
	return s.finish(c)
}

// taken says what to do about an --out that cannot be used.
func taken(err error, dir string) error {
	if errors.Is(err, run.ErrExists) {
		return usagef("--out: %w; choose another folder, or go on with it: harness run --resume %s", err, dir)
	}
	return fmt.Errorf("--out: %w", err)
}

// resumeRun opens a run's folder and reads its configuration. Flags that were given too must agree with it.
func resumeRun(c *cli.Context, dir string) (*run.Folder, runConfig, error) {
	var config runConfig
	if c.IsSet("out") || c.IsSet("config") || c.IsSet("set") {
		return nil, config, usagef("--resume takes the settings of the run in %s; leave out --out, --config and --set", dir)
	}
	m, err := run.ReadManifest(dir)
	if err != nil {
		return nil, config, usagef("--resume: %w", err)
	}
	text, err := json.Marshal(m.Config)
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		return nil, config, fmt.Errorf("--resume: the configuration in %s: %w", dir, err)
	}
	given := configOf(c)
	config.Judge.Workers, config.Judge.Wall, config.Judge.Isolate = given.Judge.Workers, given.Judge.Wall, given.Judge.Isolate
	config.PluginTimeout, config.PolicyTimeout = given.PluginTimeout, given.PolicyTimeout
	was, now := fieldsByFlag(&config), fieldsByFlag(&given)
	for name, f := range was {
		if c.IsSet(name) && fmt.Sprint(f) != fmt.Sprint(now[name]) {
			return nil, config, usagef("--%s %v: the run in %s has %v; --resume goes on with the run as it was started", name, now[name], dir, f)
		}
	}
	folder, err := run.Open(dir)
	return folder, config, err
}

// interrupts returns a channel that is closed at the first interrupt; the second one calls cancel.
func interrupts(ctx context.Context, cancel func(), con *console) <-chan struct{} {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	stop := make(chan struct{})
	go func() {
		defer signal.Stop(signals)
		for n := 0; n < 2; n++ {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			if n == 0 {
				con.line("stopping after this step; interrupt again to stop at once")
				close(stop)
			} else {
				cancel()
			}
		}
	}()
	return stop
}

// session is a training run with everything that it needs opened.
type session struct {
	config  runConfig
	con     *console
	data    *dataset
	judge   *judgeParts
	policy  *plugins.Policy
	loop    train.Loop
	heldOut []rollout.Question
	split   string
	plugins []plugins.Info
	// results is the sha256 of the results that a curriculum begins with, or "".
	results string
	folder  *run.Folder
	last    *run.Step
	monitor *run.Monitor
}

// openSession opens data, sandbox, linter, plugins and policy; what is cheap and likely to be mistyped comes first. recorded
// are the plugins that the run was started with, whose files must be the same; nil accepts any.
func openSession(ctx context.Context, p *parts, config runConfig, recorded []run.Plugin) (*session, error) {
	s := &session{config: config, con: p.con}
	rewards, err := parseRewards(config.Reward)
	if err != nil {
		return nil, err
	}
	all := append(rewards, wanted{kind: plugins.KindOptimizer, name: config.Optimizer, set: map[string]string{}},
		wanted{kind: plugins.KindPolicy, name: policyPlugin, set: map[string]string{}, silence: config.PolicyTimeout})
	if config.PolicyTimeout == 0 {
		all[len(all)-1].silence = -1
	}
	for i := range all {
		all[i].timeout, all[i].audit = config.PluginTimeout, true
		if i < len(recorded) { // the manifest has them in the same order
			all[i].sha256 = recorded[i].SHA256
		}
	}
	if s.data, err = p.openDataset(ctx, config.Benchmark, config.Data); err != nil {
		return nil, err
	}
	tasks, err := s.data.split(config.Split, config.Tasks)
	if err != nil {
		return nil, err
	}
	questions, err := s.data.questions(tasks, config.Prompt, config.Challenge)
	if err != nil {
		return nil, err
	}
	rates, results, err := openCurriculum(config, questions)
	if err != nil {
		return nil, err
	}
	s.results = results
	if config.EvalEvery > 0 {
		if s.split = config.EvalSplit; s.split == "" {
			s.split = s.data.heldOut
		}
		held, err := s.data.split(s.split, config.EvalTasks)
		if err != nil {
			return nil, err
		}
		if s.heldOut, err = s.data.questions(held, config.Prompt, config.Challenge); err != nil {
			return nil, err
		}
	}
	if err := share(ctx, config.Set, all); err != nil {
		return nil, err
	}
	model, err := p.openModelPath(ctx, config.Model)
	if err != nil {
		return nil, err
	}
	optimizer, err := p.openOptimizer(ctx, all[len(all)-2])
	if err != nil {
		return nil, err
	}
	if s.judge, err = p.openJudge(ctx, config.Judge); err != nil {
		return nil, err
	}
	reward, infos, err := p.openRewards(ctx, all[:len(rewards)], hostOf(s.judge))
	if err != nil {
		return nil, err
	}
	p.con.line("loading %s", config.Model)
	s.policy, err = p.openPolicy(ctx, policyConfig{
		Model: model, Adapter: config.Adapter, Device: config.Device, DType: config.DType, Threads: config.Threads,
		Seed: rollout.Seed(config.Seed, "adapter"), Rank: config.LoRARank, Alpha: config.LoRAAlpha,
	}, all[len(all)-1])
	if err != nil {
		return nil, err
	}
	s.plugins = append(infos, optimizer.Plugin(), s.policy.Plugin())
	s.loop = train.Loop{
		Config: config.train(), Questions: questions, Policy: s.policy, Optimizer: optimizer, Reward: reward,
		Collector: rollout.Collector{Judge: s.judge.judge, Workers: s.judge.workers}, PassRates: rates,
	}
	if optimizer.Plugin().Name == "dapo" && config.Dynamic == 0 {
		p.con.line("note: DAPO's paper replaces groups whose rewards are all the same; --dynamic-sampling N does so, and is off")
	}
	return s, nil
}

// hostOf offers the sandbox and the linter to reward plugins.
func hostOf(j *judgeParts) plugins.Host {
	return struct {
		rollout.Verifier
		rollout.Linter
	}{j.pool, j.linter}
}

// manifest says what is run, in full.
func (s *session) manifest(ctx context.Context) (run.Manifest, error) {
	info, err := s.policy.Info(ctx)
	if err != nil {
		return run.Manifest{}, err
	}
	info.Model = s.config.Model
	m := run.Manifest{
		Kind: run.Train, Config: s.config, Policy: run.PolicyOf(info), Platform: run.ThisPlatform(),
		Seeds: map[string]uint64{"run": s.config.Seed, "adapter": rollout.Seed(s.config.Seed, "adapter")},
		Versions: map[string]string{
			"harness": buildVersion(), "go": runtime.Version(), "prompt": s.config.Prompt,
		},
		SHA256: map[string]string{"data": s.data.sha256, "model": info.SHA256},
	}
	if s.results != "" {
		m.SHA256["curriculum"] = s.results
	}
	maps.Copy(m.Versions, s.judge.versions)
	maps.Copy(m.SHA256, s.judge.sha256)
	binary, err := os.Executable()
	if err != nil {
		return m, fmt.Errorf("find this binary: %w", err)
	}
	if m.SHA256["binary"], err = checksum.File(binary); err != nil {
		return m, err
	}
	for _, i := range s.plugins {
		m.Plugins = append(m.Plugins, recordPlugin(i))
	}
	return m, nil
}

// stateFile holds the policy's state within a checkpoint.
const stateFile = "policy.state"

// train makes the steps that are left.
func (s *session) train(ctx context.Context, stop <-chan struct{}) error {
	first := 1
	var made []run.Step
	if r := s.folder.Resumed(); r != nil {
		var err error
		if made, err = run.ReadSteps(s.folder.Dir()); err != nil {
			return err
		}
		for _, why := range r.Skipped {
			s.con.line("warning: a checkpoint is passed over: %s", why)
		}
		first = r.Step + 1
		if r.Dir != "" {
			if err := s.policy.LoadState(ctx, filepath.Join(r.Dir, stateFile)); err != nil {
				return err
			}
			if err := s.restore(r); err != nil {
				return err
			}
		}
		s.con.line("resuming %s at step %d of %d", s.folder.Dir(), first, s.config.Steps)
	} else {
		s.con.line("training in %s: %d steps of %d × %d completions", s.folder.Dir(), s.config.Steps, s.config.Prompts, s.config.Group)
	}
	if first == 1 {
		if err := s.before(ctx); err != nil {
			return err
		}
	}
	s.monitor = run.NewMonitor(made)
	step := first
	s.loop.Collector.Progress = func(p rollout.Progress) {
		s.con.progress(fmt.Sprintf("step %d/%d", step, s.config.Steps), p.Judged, p.Total, fmt.Sprintf("%d tokens", p.Tokens))
	}
	saved := first - 1
	last := saved
	err := s.loop.Run(ctx, first, stop, func(ctx context.Context, r *train.Result) error {
		step = r.Step + 1
		last = r.Step
		if err := s.record(r); err != nil {
			return err
		}
		if every := s.config.EvalEvery; every > 0 && (r.Step%every == 0 || r.Step == s.config.Steps) {
			if err := s.evaluate(ctx, r.Step); err != nil {
				return err
			}
		}
		if r.Step%s.config.SaveEvery == 0 || r.Step == s.config.Steps {
			saved = r.Step
			if err := s.folder.Adapter(r.Step, func(dir string) error { return s.policy.SaveAdapter(ctx, dir) }); err != nil {
				return err
			}
			return s.checkpoint(ctx, r.Step)
		}
		return nil
	})
	if err == nil && saved != last {
		// Stopped between two saves. The run that goes on from here must end like one that was never stopped, so the adapter
		// of this step is not put among the others; the checkpoint has it.
		err = s.checkpoint(ctx, last)
	}
	return err
}

// adapterFolder is the name of the adapter within a checkpoint.
const adapterFolder = "adapter"

// loopState is what a checkpoint keeps of the loop itself.
type loopState struct {
	// PassRates is the curriculum's; nil without one.
	PassRates []train.TaskRate `json:"pass_rates,omitempty"`
}

// restore gives the loop back what a checkpoint kept of it.
func (s *session) restore(from *run.Checkpoint) error {
	if s.loop.PassRates == nil {
		return nil
	}
	var state loopState
	if err := json.Unmarshal(from.State, &state); err != nil {
		return fmt.Errorf("the checkpoint of step %d: its state: %w", from.Step, err)
	}
	return s.loop.PassRates.Restore(state.PassRates)
}

// checkpoint saves what going on needs, and the adapter as it is now.
func (s *session) checkpoint(ctx context.Context, step int) error {
	var state loopState
	if s.loop.PassRates != nil {
		state.PassRates = s.loop.PassRates.State()
	}
	return s.folder.Checkpoint(step, state, func(dir string) error {
		if err := s.policy.SaveAdapter(ctx, filepath.Join(dir, adapterFolder)); err != nil {
			return err
		}
		return s.policy.SaveState(ctx, filepath.Join(dir, stateFile))
	})
}

// record writes a step's line and completions and tells the person who watches.
func (s *session) record(r *train.Result) error {
	m := run.Measure(r.Step, r.Groups, r.Scores)
	m.Loss, m.GradNorm, m.LR = r.Loss, r.GradNorm, r.LR
	m.Seconds = run.Seconds{Generate: r.Seconds.Generate, Verify: r.Seconds.Verify, Score: r.Seconds.Score, Update: r.Seconds.Update}
	m.KL, m.ClipLow, m.ClipHigh = measured(r, "kl"), measured(r, "clip_low"), measured(r, "clip_high")
	m.Optimizer = map[string]float64{"updates": float64(len(r.Updates))}
	for k, v := range r.Metrics {
		if k != "kl" && k != "clip_low" && k != "clip_high" {
			m.Optimizer[k] = v
		}
	}
	drift := s.monitor.Watch(&m)
	m.Sampling, m.Updates = s.sampling(r), s.updates(r)
	var rows []run.Row
	for i, g := range r.Groups {
		for j := range g.Samples {
			row := run.NewRow(r.Step, g, j, r.Scores[i][j], r.Advantages[i][j])
			row.Dropped = !r.Kept[i]
			rows = append(rows, row)
		}
	}
	if err := s.folder.AppendStep(m, rows); err != nil {
		return err
	}
	s.last = &m
	s.con.line("step %*d/%d  reward %.3f ± %.3f  pass %3.0f%%  tokens %5.1f  lint %.2f  loss %+.4f  grad %.3f  %5.1fs (generate %.1f, update %.1f)",
		len(fmt.Sprint(s.config.Steps)), r.Step, s.config.Steps, m.RewardMean, m.RewardStd, 100*m.PassRate, m.CompletionTokensMean,
		m.Lint.Total(), m.Loss, m.GradNorm, m.Seconds.Total(), m.Seconds.Generate, m.Seconds.Update)
	if drift != "" {
		s.con.line("warning: step %d: %s", m.Step, drift)
	}
	if x := r.Sampled; x.Dropped > 0 {
		s.con.line("  %d of %d groups taught nothing and were left out; %d further completions in %d rounds", x.Dropped, len(r.Groups), x.Extra, x.Rounds-1)
		if x.Missing > 0 {
			s.con.line("  dynamic sampling reached its bound: this step trained on %d of %d groups", s.config.Prompts-x.Missing, s.config.Prompts)
		}
	}
	return s.warn(m, r.Scores)
}

// sampling is what a step's line says of how its tasks were chosen; nil without dynamic sampling and curriculum.
func (s *session) sampling(r *train.Result) map[string]float64 {
	if s.config.Dynamic == 0 && r.Curriculum == nil {
		return nil
	}
	m := map[string]float64{}
	maps.Copy(m, r.Curriculum)
	if s.config.Dynamic > 0 {
		x := r.Sampled
		m["groups_sampled"], m["groups_dropped"] = float64(len(r.Groups)), float64(x.Dropped)
		m["groups_trained"], m["extra_completions"] = float64(len(r.Groups)-x.Dropped), float64(x.Extra)
		m["rounds"], m["bound_reached"] = float64(x.Rounds), float64(min(x.Missing, 1))
	}
	return m
}

// updates are a step's updates one by one, where it may make more than one.
func (s *session) updates(r *train.Result) []run.Update {
	each := s.config.Iterations * s.config.MiniBatches
	if each == 1 {
		return nil
	}
	var out []run.Update
	for _, u := range r.Updates {
		out = append(out, run.Update{
			Number:    (r.Step-1)*each + (u.Iteration-1)*s.config.MiniBatches + u.MiniBatch,
			Iteration: u.Iteration, MiniBatch: u.MiniBatch, Rows: u.Rows, Tokens: u.Tokens,
			Loss: u.Loss, GradNorm: u.GradNorm, Optimizer: u.Metrics,
		})
	}
	return out
}

// because tells the first reason that a reward gave for having no opinion.
func because(scores [][]core.Score) string {
	for _, group := range scores {
		for _, s := range group {
			if s.Abstain && s.Note != "" {
				return fmt.Sprintf(" (%s)", printable(s.Note))
			}
		}
	}
	return ""
}

// measured is a metric of the optimizer. A step without an update clipped nothing and moved nowhere; where there was one,
// what the optimizer did not report was not measured.
func measured(r *train.Result, name string) float64 {
	v, ok := r.Metrics[name]
	if !ok && len(r.Updates) > 0 {
		return math.NaN()
	}
	return v
}

// warn says what would otherwise be found out after hours.
func (s *session) warn(m run.Step, scores [][]core.Score) error {
	n := len(scores) * s.config.Group
	if m.Verdicts[core.Infrastructure] > 0 {
		s.con.line("warning: %d of %d completions could not be verified and abstain; see run.log and harness doctor", m.Verdicts[core.Infrastructure], n)
	}
	if m.Abstained == n {
		return fmt.Errorf("plugin reward %s: Score: abstained from all %d completions of step %d, so there is nothing to learn from%s; try `harness plugin check %s`",
			s.config.Reward, n, m.Step, because(scores), s.config.Reward)
	}
	if m.TruncatedRate == 1 {
		s.con.line("warning: every completion was cut at %d tokens; raise --max-tokens", s.config.MaxTokens)
	}
	if m.ZeroStdGroups == len(scores) {
		s.con.line("note: all completions of each task earned the same; this step teaches nothing")
	}
	return nil
}

// finish completes the folder and prints the result.
func (s *session) finish(c *cli.Context) error {
	done := s.last != nil && s.last.Step == s.config.Steps
	if s.last == nil {
		r := s.folder.Resumed()
		done = r != nil && r.Step == s.config.Steps
	}
	var err error
	if done {
		err = s.folder.Finish()
	} else {
		err = s.folder.Close()
	}
	if err != nil {
		return err
	}
	return printRun(c, s.folder.Dir(), done)
}
