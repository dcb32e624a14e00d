package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// TestPolicyAcrossTheWire makes every call of a policy.
func TestPolicyAcrossTheWire(t *testing.T) {
	ctx := context.Background()
	p := openPolicy(t, odd("nothing"))
	info, err := p.Info(ctx)
	if err != nil || info.Parameters != 7 || info.EOS[0] != 2 || info.Versions["lib"] != "1" {
		t.Errorf("Info: %+v, %v", info, err)
	}
	got := map[string]int{}
	last := 0
	err = p.Generate(ctx, []core.Prompt{{Prefill: "a"}, {Prefill: "b"}}, core.Sampling{N: 3, MaxTokens: 2, Seeds: make([]uint64, 6)},
		func(g core.Generated) error { got[g.Completion.Text]++; return nil }, func(n int) { last = n })
	if err != nil || got["\xffa"] != 3 || got["\xffb"] != 3 || last != 6 {
		t.Errorf("Generate: %v, %d tokens, %v", got, last, err)
	}
	seqs := []core.Sequence{{Prompt: []int32{1, 2}, Completion: []int32{4, 6}}, {Prompt: []int32{1}, Completion: nil}}
	for _, c := range []struct {
		reference bool
		want      []float64
	}{{false, []float64{-2, -3}}, {true, []float64{-3, -4}}} {
		s, err := p.Score(ctx, seqs, 2, c.reference)
		if err != nil || !reflect.DeepEqual(s.LogProbs[0], c.want) || len(s.LogProbs[1]) != 0 || s.Entropy != nil {
			t.Errorf("Score: %+v, %v", s, err)
		}
	}
	s, err := p.Forward(ctx, seqs, 1)
	if err != nil || len(s.Entropy) != 2 || s.LogProbs[0][0] != -4 {
		t.Errorf("Forward: %+v, %v", s, err)
	}
	if err := p.Backward(ctx, s.LogProbs); err != nil {
		t.Error(err)
	}
	stats, err := p.Step(ctx, core.AdamW{LR: 1, Beta1: 2, Beta2: 4, Eps: 8, WeightDecay: 16, MaxGradNorm: 32})
	if err != nil || stats.GradNorm != 63 {
		t.Errorf("Step: %+v, %v", stats, err)
	}
	t.Chdir(t.TempDir()) // the plugin's working folder is another one: paths are made absolute
	if err := p.SaveAdapter(ctx, "adapter"); err != nil {
		t.Error(err)
	}
	if err := p.SaveState(ctx, "state"); err != nil {
		t.Error(err)
	}
	for _, f := range []string{"adapter", "state"} {
		if _, err := os.Stat(f); err != nil {
			t.Error(err)
		}
	}
	if err := p.LoadState(ctx, "state"); err != nil {
		t.Error(err)
	}
	if err := p.LoadState(ctx, "absent"); err == nil || !strings.Contains(err.Error(), "LoadState (") || strings.Contains(err.Error(), "plugin check") {
		t.Errorf("LoadState of nothing: %v", err)
	}
}

// TestLargeMessages sends more than gRPC's default of 4 MiB in both directions.
func TestLargeMessages(t *testing.T) {
	ctx := context.Background()
	g := group(10_000)
	for i := range g.Samples {
		g.Samples[i].Completion.Text = strings.Repeat("x", 2000)
	}
	scores, err := openReward(t, odd("nothing")).Score(ctx, g)
	if err != nil || len(scores) != len(g.Samples) {
		t.Errorf("%d scores, %v", len(scores), err)
	}
	b := batch(256, 4096)
	loss, err := openOptimizer(t, odd("nothing")).Loss(ctx, b)
	if err != nil || len(loss.Grad) != len(b.LogProbs) {
		t.Errorf("%d derivatives, %v", len(loss.Grad), err)
	}
}

// TestTooLarge: a message over the limit is refused by its size, and the plugin lives on.
func TestTooLarge(t *testing.T) {
	r := openReward(t, odd("nothing"))
	g := group(1)
	g.Samples[0].Completion.Text = strings.Repeat("x", MaxMessageBytes)
	_, err := r.Score(context.Background(), g)
	if err == nil || !strings.Contains(err.Error(), "a message is at most 256 MiB") {
		t.Errorf("got %.300v", err)
	}
	if _, err := r.Score(context.Background(), group(1)); err != nil {
		t.Error(err)
	}
}

// fakeHost answers from the program's text.
type fakeHost struct{ err error }

func (h fakeHost) Verify(_ context.Context, task core.Task, program string) (core.Verdict, error) {
	if len(task.Tests) != 2 || !strings.Contains(program, "def f") {
		return core.Verdict{}, fmt.Errorf("task %v and program %q came", task, program)
	}
	return core.Verdict{Class: core.Timeout}, h.err
}

func (h fakeHost) Lint(context.Context, string) (core.Lint, error) {
	return core.Lint{Warning: 4, Codes: map[string]int{"S101": 4}}, nil
}

func TestHost(t *testing.T) {
	o := odd("host")
	if _, err := OpenReward(context.Background(), o); err == nil || !strings.Contains(err.Error(), "needs the harness's sandbox") {
		t.Errorf("without a host: %v", err)
	}
	o.Host = fakeHost{}
	r := openReward(t, o)
	scores, err := r.Score(context.Background(), group(1))
	if err != nil || scores[0].Note != "timeout 4" {
		t.Errorf("got %v, %v", scores, err)
	}
	o.Host = fakeHost{errors.New("no sandbox is left")}
	if _, err = openReward(t, o).Score(context.Background(), group(1)); err == nil || !strings.Contains(err.Error(), "host: Verify: no sandbox is left") {
		t.Errorf("got %v", err)
	}
}

func TestInspect(t *testing.T) {
	for _, k := range Kinds() {
		info, err := Inspect(context.Background(), k, filepath.Join(bin, FileName(k, "odd")))
		if err != nil || info.Kind != k || info.Name != "odd" || info.Version != "0.1.0" || len(info.SHA256) != 64 || !strings.Contains(string(info.Schema), `"do"`) {
			t.Errorf("%s: %+v, %v", k, info, err)
		}
	}
}

func TestFind(t *testing.T) {
	found := Find([]string{filepath.Join(bin, "absent"), bin})
	var names []string
	for _, f := range found {
		names = append(names, string(f.Kind)+" "+f.Name)
	}
	if want := []string{"reward odd", "optimizer odd", "policy odd"}; !reflect.DeepEqual(names, want) {
		t.Errorf("found %v, want %v", names, want)
	}
	for name, good := range map[string]bool{"reinforce++": true, "unit-tests": true, "": false, "-x": false, "A": false, "a/b": false, "a b": false, "../x": false} {
		if (CheckName(name) == nil) != good {
			t.Errorf("name %q: %v", name, CheckName(name))
		}
	}
}

func TestSearchPath(t *testing.T) {
	data := t.TempDir()
	t.Setenv("XDG_DATA_HOME", data)
	t.Setenv(SearchPathVariable, "/somewhere:relative")
	t.Chdir(data)
	got := SearchPath()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Dir(exe), filepath.Join(data, "bin"), "/somewhere", filepath.Join(data, "relative"), filepath.Join(data, "harness", "plugins")}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
