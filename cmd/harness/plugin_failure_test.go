package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/core/run"
	"github.com/rlvr-harness/harness/plugins"
)

// oddRun is a run with plugins/testdata/misbehave as reward and optimizer, on a real but tiny policy.
type oddRun struct{ model, plugins string }

func newOddRun(t *testing.T) oddRun {
	t.Helper()
	if testing.Short() {
		t.Skip("trains in many processes; leave out -short")
	}
	o := oddRun{model: tinyModel(t), plugins: t.TempDir()}
	reward := filepath.Join(o.plugins, plugins.FileName(plugins.KindReward, "odd"))
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", reward, "../../plugins/testdata/misbehave").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.Link(reward, filepath.Join(o.plugins, plugins.FileName(plugins.KindOptimizer, "odd"))); err != nil {
		t.Fatal(err)
	}
	return o
}

// command returns harness with the odd plugins on the search path; env says what goes wrong.
func (o oddRun) command(t *testing.T, env []string, args ...string) *exec.Cmd {
	cmd := harness(t, args...)
	cmd.Env = append(append(cmd.Env, "HARNESS_PLUGIN_PATH="+o.plugins+string(filepath.ListSeparator)+pluginDir(t)), env...)
	return cmd
}

func (o oddRun) args(out string, more ...string) []string {
	return append([]string{
		"run", "--optimizer", "odd", "--reward", "odd", "--set", "reward.by=tokens", "--model", o.model, "--out", out, "--steps", "3",
		"--prompts", "1", "--group", "4", "--max-tokens", "8", "--lora-rank", "2", "--save-every", "1", "--seed", "5", "--tasks", "4", "--threads", "1",
	}, more...)
}

func (o oddRun) must(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, err := o.command(t, env, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("harness %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// fails wants a message with all the words.
func (o oddRun) fails(t *testing.T, env []string, words []string, args ...string) {
	t.Helper()
	out, err := o.command(t, env, args...).CombinedOutput()
	if err == nil {
		t.Fatalf("harness %s with %s succeeded:\n%s", strings.Join(args, " "), env, out)
	}
	hold(t, string(out), words...)
}

func hold(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("want %q in:\n%s", w, text)
		}
	}
}

// recorded wants a run's metrics to have a number of steps: the step that failed left nothing, least of all a reward of 0.
func recorded(t *testing.T, dir string, steps int) {
	t.Helper()
	got, err := run.ReadSteps(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != steps {
		t.Errorf("%d steps are recorded, want %d", len(got), steps)
	}
}

// Whatever a plugin does wrong in the middle of a run, the message names the plugin, the call and the remedy, and the run
// goes on with the plugin mended to the very bytes of a run that nothing happened to.
func TestPluginFailuresInARun(t *testing.T) {
	o := newOddRun(t)
	good := filepath.Join(t.TempDir(), "good")
	o.must(t, nil, o.args(good)...)

	// Call 3 of Score is that of step 2: the first two are step 1's and its audit's.
	const score, advantages, loss = "plugin reward odd: Score (4 samples of task ", "plugin optimizer odd: Advantages (4 scores in 1 groups", "plugin optimizer odd: Loss (4 rows of 8 tokens"
	for _, c := range []struct {
		do    string
		steps int // recorded when it fails
		words []string
	}{
		{"Score:3+:die", 1, []string{score, "died: exit status 3; it was restarted once and failed again", "about to die", "warn: reward odd: restarting a plugin"}},
		{"Score:3+:panic", 1, []string{score, "died: exit status 2", "panic: a panic of the author's"}},
		{"Score:3+:hang", 1, []string{score, "gave no answer: the call took longer than 2s", "restarted once", "waiting for ever", "--plugin-timeout"}},
		{"Score:3+:error", 1, []string{score, "refused: the moon is in the wrong house"}},
		{"Score:3+:nan", 1, []string{score, "score 0 is NaN: a reward without an opinion abstains"}},
		{"Score:3+:inf", 1, []string{score, "score 0 is +Inf"}},
		{"Score:3+:abstain-nan", 1, []string{score, "score 0 abstains with the value NaN: abstaining is a field of its own"}},
		{"Score:3+:component", 1, []string{score, "component part is NaN"}},
		{"Score:3+:few", 1, []string{score, "3 scores for 4 samples: want one for each, in their order"}},
		{"Score:3+:many", 1, []string{score, "5 scores for 4 samples"}},
		{"Score:3+:abstain", 2, []string{"plugin reward odd: Score: abstained from all 4 completions of step 2"}},
		{"Score:1+:swap", 0, []string{score, "asked again): answered wrongly: sample 1 earned", "scores come in the order of the samples"}},
		{"Score:1+:random", 0, []string{score, "asked again): answered wrongly: sample 0 earned", "not on time, chance or earlier calls"}},
		{"Advantages:3+:die", 1, []string{advantages, "died: exit status 3; it was restarted once and failed again"}},
		{"Advantages:3+:nan", 1, []string{advantages, "group 0 sample 0: advantage NaN"}},
		{"Advantages:3+:few", 1, []string{advantages, "advantages of 0 groups for 1 groups"}},
		{"Advantages:3+:many", 1, []string{advantages, "5 advantages for 4 samples"}},
		{"Advantages:1+:random", 0, []string{advantages, "asked again): answered wrongly"}},
		{"Loss:3+:die", 1, []string{loss, "died: exit status 3; it was restarted once and failed again"}},
		{"Loss:3+:hang", 1, []string{loss, "gave no answer: the call took longer than 2s", "--plugin-timeout"}},
		{"Loss:3+:nan", 1, []string{loss, "loss NaN"}},
		{"Loss:3+:inf", 1, []string{loss, "derivative -Inf at row 0 token 0"}},
		{"Loss:3+:few", 1, []string{loss, "derivative of 31 entries for a batch of 4 × 8"}},
		{"Loss:3+:component", 1, []string{loss, "metric odd is NaN"}},
		{"Loss:1+:random", 0, []string{loss, "asked again): answered wrongly"}},
	} {
		t.Run(c.do, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "run")
			env := []string{"MISBEHAVE=" + c.do, "MISBEHAVE_COUNT=" + filepath.Join(t.TempDir(), "calls")}
			words := append(c.words, "try `harness plugin check ", "the run is kept: harness run --resume "+dir)
			o.fails(t, env, words, o.args(dir, patience(c.do)...)...)
			recorded(t, dir, c.steps)
			log, err := os.ReadFile(filepath.Join(dir, "run.log"))
			if err != nil {
				t.Fatal(err)
			}
			hold(t, string(log), c.words[0]) // the run's log tells it too
			o.must(t, nil, "run", "--resume", dir)
			if err := run.Equal(good, dir); err != nil {
				t.Error(err)
			}
		})
	}

	// What a fresh process can mend does not end the run.
	for _, do := range []string{"Score:3:die", "Score:3:hang", "Advantages:3:panic", "Loss:3:die"} {
		t.Run("mended/"+do, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "run")
			env := []string{"MISBEHAVE=" + do, "MISBEHAVE_COUNT=" + filepath.Join(t.TempDir(), "calls")}
			call, _, _ := strings.Cut(do, ":")
			hold(t, o.must(t, env, o.args(dir, patience(do)...)...), "restarting a plugin and repeating the call; call: "+call)
			if err := run.Equal(good, dir); err != nil {
				t.Error(err)
			}
		})
	}

	// An answer of more than gRPC's 4 MiB is an answer.
	t.Run("large", func(t *testing.T) {
		t.Parallel()
		o.must(t, []string{"MISBEHAVE=Score:1+:large", "MISBEHAVE_COUNT=" + filepath.Join(t.TempDir(), "calls")}, o.args(filepath.Join(t.TempDir(), "run"))...)
	})

	broken := filepath.Join(t.TempDir(), "broken")
	o.fails(t, []string{"MISBEHAVE=Score:3:error", "MISBEHAVE_COUNT=" + filepath.Join(t.TempDir(), "calls")}, nil, o.args(broken)...)
	for _, c := range []struct {
		env   string
		words []string
	}{
		{"MISBEHAVE_START=garbage", []string{`printed "Hello! I am a plugin." on standard output where the handshake belongs; print to standard error instead`}},
		{"MISBEHAVE_START=exit", []string{"died: exit status 127 before the handshake: it may lack a library", "libmoon.so"}},
		{"MISBEHAVE_START=protocol", []string{"it speaks protocol 7 and this harness protocol 1; it is newer: update harness"}},
		{"MISBEHAVE_START=protocol-old", []string{"it speaks protocol 0 and this harness protocol 1; it is older: build it anew"}},
		{"MISBEHAVE_START=netrpc", []string{"it speaks net/rpc, and the harness gRPC"}},
		{"MISBEHAVE_START=tcp", []string{"must listen on a Unix socket"}},
		{"MISBEHAVE_START=name", []string{`it calls itself "somebody-else"`}},
		{"MISBEHAVE_START=version", []string{"it has no version"}},
		{"MISBEHAVE_START=silent", []string{"no handshake within 10s"}},
		{"MISBEHAVE=Configure:1+:exit", []string{"Configure (settings {", "died: exit status 4"}},
		{"MISBEHAVE=Configure:1+:configure-error", []string{"settings: do: asks for too much"}},
	} {
		t.Run(c.env, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "run")
			if err := os.CopyFS(dir, os.DirFS(broken)); err != nil {
				t.Fatal(err)
			}
			words := append(c.words, "optimizer odd: ")
			args := []string{"run", "--resume", dir}
			if strings.HasSuffix(c.env, "=silent") {
				args = append(args, "--plugin-timeout", "3s")
			}
			o.fails(t, []string{c.env, "MISBEHAVE_COUNT=" + filepath.Join(t.TempDir(), "calls")}, words, args...)
			recorded(t, dir, 1)
			o.must(t, nil, "run", "--resume", dir)
			if err := run.Equal(good, dir); err != nil {
				t.Error(err)
			}
		})
	}

	// What comes from outside while the reward thinks: a kill of it is mended, a kill of the policy, a policy that no longer
	// moves and a second Ctrl-C end the run.
	for _, c := range []struct {
		name   string
		victim string // the plugin that gets the signal; "" interrupts harness twice
		signal syscall.Signal
		words  []string
	}{
		{"reward killed", "harness-reward-odd", syscall.SIGKILL, nil},
		{"policy killed", "harness-policy-torch", syscall.SIGKILL, []string{"plugin policy torch: Forward (", "died: signal: killed", "the run is kept: harness run --resume "}},
		{"policy stopped", "harness-policy-torch", syscall.SIGSTOP, []string{
			"plugin policy torch: Forward (", "gave no answer: not a word came from it for 10s", "given more with --policy-timeout", "the run is kept: harness run --resume ",
		}},
		{"cancelled", "", 0, []string{"interrupt again to stop at once", "plugin reward odd: Score (4 samples of task ", "cancelled: context canceled", "the run is kept: harness run --resume "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, calls := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "calls")
			cmd := o.command(t, []string{"MISBEHAVE=Score:3:wait", "MISBEHAVE_COUNT=" + calls}, o.args(dir, "--policy-timeout", "10s")...)
			var log bytes.Buffer
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for lines := bufio.NewScanner(stderr); lines.Scan(); {
				fmt.Fprintln(&log, lines.Text())
				switch {
				case !strings.HasPrefix(lines.Text(), "odd: waiting for a word"):
				case c.victim != "":
					if err := syscall.Kill(child(t, cmd.Process.Pid, c.victim), c.signal); err != nil {
						t.Error(err)
					}
					if err := os.WriteFile(calls+".go", nil, 0o600); err != nil {
						t.Error(err)
					}
				default:
					for range 2 {
						if err := cmd.Process.Signal(os.Interrupt); err != nil {
							t.Error(err)
						}
						time.Sleep(200 * time.Millisecond) // two signals at once are one
					}
				}
			}
			err = cmd.Wait()
			if c.words == nil && err != nil {
				t.Fatalf("%v\n%s", err, log.String())
			}
			if c.words != nil {
				if err == nil {
					t.Fatalf("the run succeeded:\n%s", log.String())
				}
				hold(t, log.String(), c.words...)
				recorded(t, dir, 1)
				o.must(t, nil, "run", "--resume", dir)
			}
			if err := run.Equal(good, dir); err != nil {
				t.Error(err)
			}
		})
	}
}

// patience is a short one where a plugin hangs.
func patience(do string) []string {
	if strings.HasSuffix(do, ":hang") {
		return []string{"--plugin-timeout", "2s"}
	}
	return nil
}

// child returns the process of that name which a process has started.
func child(t *testing.T, parent int, name string) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// pid (name of at most 15 bytes) state ppid …
		pid, rest, _ := strings.Cut(string(text), " (")
		comm, rest, _ := strings.Cut(rest, ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) || !strings.HasPrefix(name, comm) {
			continue
		}
		exe, err := os.Readlink("/proc/" + pid + "/exe")
		if err == nil && filepath.Base(exe) == name {
			n, err := strconv.Atoi(pid)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("process %d has no child %s", parent, name)
	return 0
}
