package plugins

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/core"
)

// holds says that text has all the words.
func holds(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("want %q in:\n%s", w, text)
		}
	}
}

func TestRewardThatFails(t *testing.T) {
	for _, c := range []struct {
		do        string
		cause     Cause
		restarted bool
		says      []string
	}{
		{"die", Died, true, []string{"plugin reward odd: Score (8 samples of task 11): died: exit status 3", "restarted once", "about to die", "harness plugin check"}},
		{"panic", Died, true, []string{"exit status 2", "panic: a panic of the author's"}},
		{"error", Refused, false, []string{"refused: the moon is in the wrong house"}},
		{"nan", Wrong, false, []string{"answered wrongly: score 0 is NaN", "abstains"}},
		{"inf", Wrong, false, []string{"score 0 is +Inf"}},
		{"abstain-nan", Wrong, false, []string{"abstains with the value NaN"}},
		{"component", Wrong, false, []string{"component part"}},
		{"few", Wrong, false, []string{"7 scores for 8 samples"}},
		{"many", Wrong, false, []string{"9 scores for 8 samples"}},
	} {
		t.Run(c.do, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			_, err := openReward(t, odd(c.do)).Score(ctx, group(8))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("want an *Error, got %v", err)
			}
			if e.Cause != c.cause || e.Restarted != c.restarted {
				t.Errorf("cause %s restarted %v, want %s %v", e.Cause, e.Restarted, c.cause, c.restarted)
			}
			holds(t, err.Error(), c.says...)
		})
	}
}

// TestAudit: what no single answer shows, the first question asked twice does.
func TestAudit(t *testing.T) {
	scores := [][]core.Score{{{Value: 1}, {Value: 3}}}
	g := group(8)
	for i := range g.Samples { // no two are worth the same
		g.Samples[i].Completion.Tokens = append(make([]int32, 8-i), slices.Repeat([]int32{1}, i)...)
	}
	for _, c := range []struct{ do, score, advantages string }{
		{"nothing", "", ""},
		{"swap", "Score (8 samples of task 11, asked again): answered wrongly: sample 1 earned 0.75 and, at place 0 of the same group, 0.875", ""},
		{"random", "asked the same again", "Advantages (2 scores in 1 groups, asked again): answered wrongly: asked the same again, it answered otherwise"},
	} {
		t.Run(c.do, func(t *testing.T) {
			t.Parallel()
			o := odd(c.do)
			o.Set["by"] = "tokens"
			if _, err := openReward(t, o).Score(context.Background(), g); err != nil {
				t.Errorf("without an audit: %v", err)
			}
			o.Audit = true
			r, opt := openReward(t, o), openOptimizer(t, o)
			_, err := r.Score(context.Background(), g)
			told(t, "Score", err, c.score)
			_, err = opt.Advantages(context.Background(), scores)
			told(t, "Advantages", err, c.advantages)
			_, err = opt.Loss(context.Background(), batch(2, 3))
			told(t, "Loss", err, map[bool]string{true: "Loss (2 rows of 3 tokens, asked again): answered wrongly"}[c.do == "random"])
			if c.do == "nothing" { // once is enough
				if _, err := r.Score(context.Background(), g); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// told wants an error with some words, or none.
func told(t *testing.T, call string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", call, err)
	case want != "" && err == nil:
		t.Errorf("%s: no error, want %q", call, want)
	case want != "":
		holds(t, err.Error(), want)
	}
}

// TestWhoseLimit: the remedy is with whose limit it is.
func TestWhoseLimit(t *testing.T) {
	for message, want := range map[string]string{
		"grpc: received message larger than max (5000000 vs. 4194304)":     "the plugin's own limit: raise its server's largest message to 256 MiB",
		"grpc: received message larger than max (300000000 vs. 268435456)": "at most 256 MiB: send fewer samples",
		"something else": "at most 256 MiB",
	} {
		holds(t, tooLarge(message).Error(), message, want)
	}
}

func TestOptimizerThatFails(t *testing.T) {
	scores := [][]core.Score{{{Value: 1}, {Abstain: true}}, {{Value: 0}}}
	for _, c := range []struct{ do, advantages, loss string }{
		{"die", "Advantages (3 scores in 2 groups): died", "Loss (2 rows of 3 tokens): died"},
		{"error", "refused: the moon", "refused: the moon"},
		{"nan", "group 0 sample 0: advantage NaN", "loss NaN"},
		{"few", "advantages of 1 groups for 2 groups", "derivative of 5 entries for a batch of 2 × 3"},
		{"many", "group 0: 3 advantages for 2 samples", ""},
		{"masked", "group 0 sample 1 abstained and has the advantage 1", "row 0 token 2, which the mask leaves out"},
		{"inf", "", "derivative -Inf at row 0 token 0"},
		{"component", "", "metric odd is NaN"},
	} {
		t.Run(c.do, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			o := openOptimizer(t, odd(c.do))
			_, err := o.Advantages(ctx, scores)
			told(t, "Advantages", err, c.advantages)
			_, err = o.Loss(ctx, batch(2, 3))
			told(t, "Loss", err, c.loss)
		})
	}
}

func TestLossOfAWrongShape(t *testing.T) {
	o := openOptimizer(t, odd("nothing"))
	b := batch(2, 3)
	b.OldLogProbs = b.OldLogProbs[1:]
	if _, err := o.Loss(context.Background(), b); err == nil || !strings.Contains(err.Error(), "OldLogProbs has 5 entries, want 6") {
		t.Errorf("got %v", err)
	}
}

func TestDeathIsMended(t *testing.T) {
	o := odd("die-once")
	o.Set["mark"] = filepath.Join(t.TempDir(), "died")
	var log record
	o.Log = log.logger()
	scores, err := openReward(t, o).Score(context.Background(), group(4))
	if err != nil || len(scores) != 4 || scores[0].Value != 1 || scores[1].Value != 0.5 {
		t.Fatalf("got %v, %v", scores, err)
	}
	holds(t, log.String(), "restarting a plugin", "reward odd", "call=Score")
}

// TestKilled ends the process from outside between two calls.
func TestKilled(t *testing.T) {
	r := openReward(t, odd("nothing"))
	if _, err := r.Score(context.Background(), group(2)); err != nil {
		t.Fatal(err)
	}
	first := r.PID()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Score(context.Background(), group(2)); err != nil {
		t.Fatal(err)
	}
	if r.PID() == first {
		t.Error("the process was not started afresh")
	}
}

// TestKilledUnderLoad kills the process while many calls are on their way: each is repeated and none is lost.
func TestKilledUnderLoad(t *testing.T) {
	r := openReward(t, odd("nothing"))
	var wg sync.WaitGroup
	errs := make(chan error, 64)
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				scores, err := r.Score(context.Background(), group(16+i))
				if err == nil && len(scores) != 16+i {
					err = errors.New("the answer of another call")
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	if pid := r.PID(); pid != 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

func TestHang(t *testing.T) {
	o := odd("hang")
	o.Timeout = time.Second // it bounds Info and Configure too, which a busy machine must manage
	start := time.Now()
	_, err := openReward(t, o).Score(context.Background(), group(2))
	var e *Error
	if !errors.As(err, &e) || e.Cause != Hung || !e.Restarted {
		t.Fatalf("got %v", err)
	}
	holds(t, err.Error(), "gave no answer: the call took longer than 1s", "waiting for ever")
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestCancel(t *testing.T) {
	r := openReward(t, odd("slow"))
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	start := time.Now()
	_, err := r.Score(ctx, group(2))
	var e *Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.Cause != Cancelled {
		t.Fatalf("got %v", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
	if r.PID() == 0 {
		t.Error("a cancelled call ended the plugin")
	}
}

func TestPolicyIsNotRestarted(t *testing.T) {
	ctx := context.Background()
	p := openPolicy(t, odd("die"))
	seqs := []core.Sequence{{Prompt: []int32{1}, Completion: []int32{2}}}
	_, err := p.Score(ctx, seqs, 1, false)
	var e *Error
	if !errors.As(err, &e) || e.Cause != Died || e.Restarted {
		t.Fatalf("got %v", err)
	}
	holds(t, err.Error(), "ScoreTokens (1 sequences with 1 prompt and 1 completion tokens): died: exit status 3")
	_, err = p.Step(ctx, core.AdamW{})
	if err == nil {
		t.Fatal("a dead policy made a step")
	}
	holds(t, err.Error(), "resume the run from its last checkpoint")
}

// TestSilentPolicy: a policy that says nothing for too long is ended, in whatever call; one that speaks now and then may
// take as long as it likes.
func TestSilentPolicy(t *testing.T) {
	ctx := context.Background()
	generate := func(p *Policy, n int) error {
		return p.Generate(ctx, make([]core.Prompt, 1), core.Sampling{N: n, Seeds: make([]uint64, n)}, func(core.Generated) error { return nil }, nil)
	}
	for _, c := range []struct {
		call, do, says string
		ask            func(*Policy) error
	}{
		{"Generate", "hang", "Generate (1 prompts with 2 completions each, of up to 0 tokens): gave no answer: not a word came from it for 1s", func(p *Policy) error { return generate(p, 2) }},
		{"ScoreTokens", "hang", "ScoreTokens (0 sequences with 0 prompt and 0 completion tokens): gave no answer: not a word came from it for 1s", func(p *Policy) error {
			_, err := p.Score(ctx, nil, 1, false)
			return err
		}},
	} {
		t.Run(c.call, func(t *testing.T) {
			t.Parallel()
			o := odd(c.do)
			o.Silence = time.Second
			p := openPolicy(t, o)
			pid := p.PID()
			err := c.ask(p)
			var e *Error
			if !errors.As(err, &e) || e.Cause != Hung || e.Kind != KindPolicy || e.Restarted {
				t.Fatalf("got %v", err)
			}
			holds(t, err.Error(), "plugin policy odd: "+c.says, "harness plugin check", "waiting for ever")
			ended(t, pid)
			if err := generate(p, 1); err == nil || !strings.Contains(err.Error(), "resume the run from its last checkpoint") {
				t.Errorf("after its end: %v", err)
			}
		})
	}
	t.Run("Configure", func(t *testing.T) {
		t.Parallel()
		o := odd("configure-hang")
		o.Silence = time.Second
		p, err := OpenPolicy(ctx, o)
		if err == nil {
			_ = p.Close()
			t.Fatal("it was opened")
		}
		holds(t, err.Error(), "Configure (settings {", "not a word came from it for 1s")
	})
	t.Run("slow but alive", func(t *testing.T) {
		t.Parallel()
		o := odd("drip")
		o.Silence = 2 * time.Second
		p := openPolicy(t, o)
		start := time.Now()
		if err := generate(p, 10); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < o.Silence {
			t.Errorf("it took only %v: nothing is shown", d)
		}
	})
}

func TestStart(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		env  string
		says []string
	}{
		{"garbage", []string{`printed "Hello! I am a plugin." on standard output`, "standard error instead"}},
		{"exit", []string{"died: exit status 127", "no such library: libmoon.so"}},
		{"protocol", []string{"it speaks protocol 7 and this harness protocol 1", "it is newer: update harness"}},
		{"protocol-old", []string{"it speaks protocol 0 and this harness protocol 1", "it is older: build it anew"}},
		{"netrpc", []string{"net/rpc"}},
		{"tcp", []string{"must listen on a Unix socket"}},
		{"name", []string{`it calls itself "somebody-else"`}},
		{"version", []string{"it has no version"}},
	} {
		t.Run(c.env, func(t *testing.T) {
			t.Parallel()
			o := odd("nothing")
			o.Env = []string{"MISBEHAVE_START=" + c.env}
			_, err := OpenReward(ctx, o)
			if err == nil {
				t.Fatal("it was opened")
			}
			holds(t, err.Error(), append(c.says, "plugin reward odd: ")...)
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		o := odd("nothing")
		o.Env = []string{"MISBEHAVE_START=silent"}
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		if _, err := OpenReward(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("dies in Configure", func(t *testing.T) {
		_, err := OpenReward(ctx, odd("exit"))
		if err == nil {
			t.Fatal("it was opened")
		}
		holds(t, err.Error(), "Configure (settings", "died: exit status 4")
	})
}

func TestFiles(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := write("harness-reward-plain", "#!/bin/sh\n", 0o644)
	script := write("harness-reward-noise", "#!/bin/sh\necho hello there\n", 0o755)
	bare := write("harness-reward-bare", "just text, no program\n", 0o755)
	quiet := write("harness-reward-quiet", "#!/bin/sh\nexit 0\n", 0o755)
	sum := Options{Name: "odd", Search: []string{bin}, SHA256: strings.Repeat("0", 64)}
	for _, c := range []struct {
		name string
		o    Options
		says []string
	}{
		{"not executable", Options{Name: plain}, []string{"not executable; run chmod +x"}},
		{"garbage", Options{Name: script}, []string{`"hello there"`, "standard output"}},
		{"no program", Options{Name: bare}, []string{"no program for this machine"}},
		{"leaves at once", Options{Name: quiet}, []string{"died: exit status 0 before the handshake"}},
		{"missing", Options{Name: filepath.Join(dir, "nothing")}, []string{"no such file"}},
		{"a folder", Options{Name: dir + "/"}, []string{"is a folder"}},
		{"checksum", sum, []string{"sha256", "the file has changed"}},
		{"unknown", Options{Name: "od", Search: []string{bin}}, []string{`no reward "od"; did you mean odd?`, "there are odd"}},
		{"nothing there", Options{Name: "x", Search: []string{filepath.Join(dir, "empty")}}, []string{"./task build"}},
		{"another kind", Options{Name: filepath.Join(bin, FileName(KindOptimizer, "odd"))}, []string{`kind "optimizer" where one of kind "reward" is wanted`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := OpenReward(ctx, c.o)
			if err == nil {
				t.Fatal("it was opened")
			}
			holds(t, err.Error(), c.says...)
		})
	}
}

func TestShadowed(t *testing.T) {
	other := t.TempDir()
	if err := os.Link(filepath.Join(bin, "odd"), filepath.Join(other, FileName(KindReward, "odd"))); err != nil {
		t.Fatal(err)
	}
	o := odd("nothing")
	o.Search = []string{bin, other}
	var log record
	o.Log = log.logger()
	info := openReward(t, o).Plugin()
	if info.Path != filepath.Join(bin, FileName(KindReward, "odd")) || len(info.Shadowed) != 1 || !strings.HasPrefix(info.Shadowed[0], other) {
		t.Errorf("used %s, shadowed %v", info.Path, info.Shadowed)
	}
	holds(t, log.String(), "a second plugin of this name is not used", other)
}

func TestCloseEndsTheProcess(t *testing.T) {
	r, err := OpenReward(context.Background(), odd("nothing"))
	if err != nil {
		t.Fatal(err)
	}
	pid := r.PID()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there: %v", pid, err)
	}
	if _, err := r.Score(context.Background(), group(1)); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("got %v", err)
	}
}

// TestOrphan: a harness that is killed with no chance to say so takes its plugins with it.
func TestOrphan(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "PLUGINS_TEST_HOST="+bin)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the host said %q", line)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	ended(t, pid)
}

// ended waits until a process has.
func ended(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(50 * time.Millisecond) {
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(stat), ") Z ") {
			return // nobody has asked how
		}
		if time.Now().After(deadline) {
			t.Fatalf("plugin %d outlived its harness", pid)
		}
	}
}

// TestOrphanOfAnyLanguage: nor does a plugin live on that knows nothing of its parent.
func TestOrphanOfAnyLanguage(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere no kernel ends a process with its parent: a plugin has to")
	}
	dir := t.TempDir()
	said := filepath.Join(dir, "pid")
	script := fmt.Sprintf("#!/bin/sh\necho $$ > %s.new\nmv %[1]s.new %[1]s\nwhile :; do sleep 1; done\n", said)
	if err := os.WriteFile(filepath.Join(dir, FileName(KindReward, "odd")), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "PLUGINS_TEST_HOST="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	for deadline := time.Now().Add(20 * time.Second); pid == 0; time.Sleep(20 * time.Millisecond) {
		if text, err := os.ReadFile(said); err == nil {
			if pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
				t.Fatal(err)
			}
		} else if time.Now().After(deadline) {
			t.Fatal("the plugin was not started")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	ended(t, pid)
}

// TestSweepSockets: what a killed plugin left goes, what is in use or young stays.
func TestSweepSockets(t *testing.T) {
	dir := t.TempDir()
	folder := func(name string, age time.Duration, live bool) string {
		path := filepath.Join(dir, socketFolder+name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(path, "s"), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		if live {
			t.Cleanup(func() { _ = l.Close() })
		} else {
			l.SetUnlinkOnClose(false) // as a process leaves it that is killed
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
		return path
	}
	stays := []string{folder("live", time.Hour, true), folder("young", 0, false)}
	goes := folder("dead", time.Hour, false)
	sweepSockets(dir)
	for _, path := range stays {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(goes); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", goes, err)
	}
}

func TestLogHasThePluginsName(t *testing.T) {
	o := odd("chatter")
	var log record
	o.Log = log.logger()
	r := openReward(t, o)
	if _, err := r.Score(context.Background(), group(1)); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if strings.Contains(log.String(), "words on standard output") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	holds(t, log.String(), "words on standard output", "plugin=odd")
}

func TestEnv(t *testing.T) {
	o := odd("env")
	o.Env = []string{"MISBEHAVE_WORD=heard"}
	scores, err := openReward(t, o).Score(context.Background(), group(1))
	if err != nil || scores[0].Note != "heard" {
		t.Errorf("got %v, %v", scores, err)
	}
}

func TestGeneratedThatIsWrong(t *testing.T) {
	for _, c := range []struct{ do, says string }{
		{"nan", "log-probability NaN"},
		{"few", "2 tokens and 1 log-probabilities"},
		{"many", "came twice"},
		{"large", `completion 0 of prompt 0 ended by "max_tokens"; want eos, stop, length or nothing`},
		{"component", "completion 0 of prompt 99"},
		{"masked", "1 completions where 4 were asked for"},
		{"error", "the moon"},
		{"die", "died: exit status 3"},
	} {
		t.Run(c.do, func(t *testing.T) {
			t.Parallel()
			p := openPolicy(t, odd(c.do))
			err := p.Generate(context.Background(), make([]core.Prompt, 2), core.Sampling{N: 2, MaxTokens: 4, Seeds: make([]uint64, 4)},
				func(core.Generated) error { return nil }, nil)
			if err == nil {
				t.Fatal("no error")
			}
			holds(t, err.Error(), c.says)
		})
	}
}

// TestCompletionsOutsideOfTheQuestion: the numbers of a completion index what the host keeps.
func TestCompletionsOutsideOfTheQuestion(t *testing.T) {
	for _, at := range [][2]int{{-1, 0}, {2, 0}, {0, -1}, {0, 3}} {
		err := checkGenerated(core.Generated{Prompt: at[0], Sample: at[1]}, 2, core.Sampling{N: 3}, map[[2]int]bool{})
		if err == nil || !strings.Contains(err.Error(), "2 prompts with 3 each") {
			t.Errorf("completion %d of prompt %d: %v", at[1], at[0], err)
		}
	}
	if err := checkGenerated(core.Generated{Prompt: 1, Sample: 2}, 2, core.Sampling{N: 3}, map[[2]int]bool{}); err != nil {
		t.Error(err)
	}
}

func TestYieldEndsGenerate(t *testing.T) {
	p := openPolicy(t, odd("nothing"))
	enough := errors.New("enough")
	n := 0
	err := p.Generate(context.Background(), make([]core.Prompt, 2), core.Sampling{N: 8, Seeds: make([]uint64, 16)}, func(core.Generated) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	}, nil)
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("got %v after %d", err, n)
	}
	if err := p.Generate(context.Background(), make([]core.Prompt, 1), core.Sampling{N: 2}, nil, nil); err == nil || !strings.Contains(err.Error(), "0 seeds") {
		t.Errorf("got %v", err)
	}
}

func TestBackwardRefusesNaN(t *testing.T) {
	p := openPolicy(t, odd("nothing"))
	err := p.Backward(context.Background(), [][]float64{{0, math.NaN()}})
	if err == nil || !strings.Contains(err.Error(), "derivative NaN at row 0 token 1") {
		t.Errorf("got %v", err)
	}
}

// TestChildOfAPlugin: what a plugin has started, and what holds its output open, ends with it, and nothing waits for it.
func TestChildOfAPlugin(t *testing.T) {
	for _, c := range []struct {
		name, child, do string
		end             func(*Reward) error
	}{
		{"of one that hangs", "sleep 1000", "hang", func(r *Reward) error {
			var e *Error
			if _, err := r.Score(context.Background(), group(2)); !errors.As(err, &e) || e.Cause != Hung {
				return fmt.Errorf("got %w", err)
			}
			return nil
		}},
		{"of one that dies", "sleep 1000", "die", func(r *Reward) error {
			_, err := r.Score(context.Background(), group(2))
			if err == nil || runtime.GOOS == "linux" && !strings.Contains(err.Error(), "died: exit status 3") {
				return fmt.Errorf("got %w", err)
			}
			return nil
		}},
		{"of one that is closed", "sleep 1000", "slow", (*Reward).Close},
		{"that has left the group", "setsid sleep 12", "slow", (*Reward).Close}, // and lives on
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			said := filepath.Join(dir, "pid")
			script := fmt.Sprintf("#!/bin/sh\n%s &\necho $! >> %q\nexec %q\n", c.child, said, filepath.Join(bin, FileName(KindReward, "odd")))
			if err := os.WriteFile(filepath.Join(dir, FileName(KindReward, "odd")), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			o := odd(c.do)
			o.Search, o.Timeout = []string{dir}, 2*time.Second
			r := openReward(t, o)
			done := make(chan error, 1)
			go func() { done <- c.end(r) }()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(time.Minute):
				t.Fatal("it waits for the plugin's child")
			}
			text, err := os.ReadFile(said)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			pid, err := strconv.Atoi(first)
			if err != nil {
				t.Fatal(err)
			}
			ended(t, pid)
		})
	}
}
