package rollout

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/core"
)

// script is a generator that yields what it is told to.
type script func(ctx context.Context, s core.Sampling, yield func(core.Generated) error) error

func (f script) Generate(ctx context.Context, _ []core.Prompt, s core.Sampling, yield func(core.Generated) error, progress func(int)) error {
	progress(s.N)
	return f(ctx, s, yield)
}

// echo answers every prompt with its numbers, last first.
func echo(_ context.Context, s core.Sampling, yield func(core.Generated) error) error {
	for at := len(s.Seeds) - 1; at >= 0; at-- {
		text := fmt.Sprintf("%d.%d", at/s.N, at%s.N)
		if err := yield(core.Generated{Prompt: at / s.N, Sample: at % s.N, Completion: core.Completion{Text: text, Tokens: make([]int32, at+1)}}); err != nil {
			return err
		}
	}
	return nil
}

type slow struct{ running, most, calls atomic.Int32 }

func (v *slow) Verify(ctx context.Context, t core.Task, program string) (core.Verdict, error) {
	v.calls.Add(1)
	n := v.running.Add(1)
	defer v.running.Add(-1)
	for m := v.most.Load(); n > m && !v.most.CompareAndSwap(m, n); m = v.most.Load() {
	}
	time.Sleep(time.Millisecond)
	switch {
	case strings.HasSuffix(program, "!"):
		return core.Verdict{}, errors.New("the sandbox is gone")
	case ctx.Err() != nil:
		return core.Verdict{}, ctx.Err()
	}
	return core.Verdict{Class: core.Passed, Message: t.ID + "/" + program}, nil
}

type count struct{}

func (count) Lint(_ context.Context, p string) (core.Lint, error) {
	return core.Lint{Convention: len(p)}, nil
}

func collector(g Generator, v Verifier, workers int) Collector {
	return Collector{Generator: g, Workers: workers, Judge: Judge{
		Extract: func(_ context.Context, _ core.Task, _ core.Prompt, c core.Completion) (string, error) {
			return c.Text, nil
		},
		Verifier: v, Linter: count{},
	}}
}

func questions(n int) []Question {
	qs := make([]Question, n)
	for i := range qs {
		qs[i] = Question{Task: core.Task{ID: fmt.Sprint("task", i)}, Prompt: core.Prompt{TaskID: fmt.Sprint("task", i)}}
	}
	return qs
}

func TestCollectKeepsOrderAtAnyParallelism(t *testing.T) {
	for _, workers := range []int{0, 1, 7} {
		v := &slow{}
		c := collector(script(echo), v, workers)
		last := Progress{}
		c.Progress = func(p Progress) { last = p }
		groups, timing, err := c.Collect(t.Context(), questions(5), core.Sampling{N: 4, Seeds: make([]uint64, 20)})
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range groups {
			if g.Task.ID != fmt.Sprint("task", i) || len(g.Samples) != 4 {
				t.Fatalf("group %d is of %s with %d samples", i, g.Task.ID, len(g.Samples))
			}
			for j, s := range g.Samples {
				want := fmt.Sprintf("%d.%d", i, j)
				if s.Index != j || s.Completion.Text != want || s.Evidence.Verdict.Message != g.Task.ID+"/"+want || s.Evidence.Lint.Convention != 3 || s.Evidence.Tokens != i*4+j+1 {
					t.Errorf("%d workers: sample %s is %+v", workers, want, s)
				}
			}
		}
		if most := int(v.most.Load()); most > max(1, workers) {
			t.Errorf("%d programs ran at once with %d workers", most, workers)
		}
		if last != (Progress{Sampled: 20, Judged: 20, Total: 20, Tokens: 4}) {
			t.Errorf("the last progress is %+v", last)
		}
		if timing.Generate <= 0 || timing.Verify <= 0 {
			t.Errorf("timing is %+v", timing)
		}
	}
}

func TestNoCodeIsNotRun(t *testing.T) {
	g := script(func(_ context.Context, _ core.Sampling, yield func(core.Generated) error) error {
		return yield(core.Generated{Completion: core.Completion{Finish: core.FinishLength}})
	})
	groups, _, err := collector(g, nil, 1).Collect(t.Context(), questions(1), core.Sampling{N: 1, Seeds: []uint64{1}})
	if err != nil {
		t.Fatal(err)
	}
	e := groups[0].Samples[0].Evidence
	if e.Verdict.Class != core.NoCode || !e.Truncated {
		t.Errorf("the evidence is %+v", e)
	}
}

func TestCollectErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		g    script
		want string
	}{
		{"the policy fails", func(context.Context, core.Sampling, func(core.Generated) error) error {
			return errors.New("out of memory")
		}, "generate: out of memory"},
		{"a completion is missing", func(_ context.Context, _ core.Sampling, yield func(core.Generated) error) error {
			return yield(core.Generated{Prompt: 0, Sample: 0})
		}, "no completion 1 for prompt 0"},
		{"a completion comes twice", func(_ context.Context, _ core.Sampling, yield func(core.Generated) error) error {
			return errors.Join(yield(core.Generated{}), yield(core.Generated{}))
		}, "completion 0 of prompt 0 twice"},
		{"a prompt that was not asked", func(_ context.Context, _ core.Sampling, yield func(core.Generated) error) error {
			return yield(core.Generated{Prompt: 2})
		}, "completion 0 of prompt 2; there are 2 of 2"},
		{"a sample that was not asked", func(_ context.Context, _ core.Sampling, yield func(core.Generated) error) error {
			return yield(core.Generated{Sample: 2})
		}, "completion 2 of prompt 0; there are 2 of 2"},
		{"a sample below the first", func(_ context.Context, _ core.Sampling, yield func(core.Generated) error) error {
			return yield(core.Generated{Sample: -1})
		}, "completion -1 of prompt 0"},
		{"the sandbox fails, and the policy is told to stop", func(ctx context.Context, _ core.Sampling, yield func(core.Generated) error) error {
			if err := yield(core.Generated{Completion: core.Completion{Text: "!"}}); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Second):
				return errors.New("was never told to stop")
			}
		}, "verify a program for task task0: the sandbox is gone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := collector(tt.g, &slow{}, 2).Collect(t.Context(), questions(2), core.Sampling{N: 2, Seeds: make([]uint64, 4)})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, _, err := collector(script(echo), &slow{}, 1).Collect(t.Context(), questions(2), core.Sampling{N: 2, Seeds: make([]uint64, 3)}); err == nil {
		t.Error("3 seeds for 4 completions were accepted")
	}
}

// When the policy fails, what it sampled before waits for nobody.
func TestCollectStopsJudging(t *testing.T) {
	v := &slow{}
	_, _, err := collector(script(func(_ context.Context, s core.Sampling, yield func(core.Generated) error) error {
		for i := range s.N - 1 {
			if err := yield(core.Generated{Sample: i, Completion: core.Completion{Text: "x"}}); err != nil {
				return err
			}
		}
		return errors.New("out of memory")
	}), v, 1).Collect(t.Context(), questions(1), core.Sampling{N: 2000, Seeds: make([]uint64, 2000)})
	if err == nil || err.Error() != "rollout: generate: out of memory" {
		t.Errorf("got %v", err)
	}
	if n := v.calls.Load(); n > 1000 {
		t.Errorf("%d of 1999 programs were judged for nothing", n)
	}
}

func TestSeed(t *testing.T) {
	seen := map[uint64]string{}
	for run := range uint64(3) {
		for _, stream := range []string{"sample", "order", "orde", ""} {
			for a := range uint64(20) {
				for _, parts := range [][]uint64{{a}, {a, 0}, {0, a + 1}} {
					name := fmt.Sprint(run, stream, parts)
					s := Seed(run, stream, parts...)
					if s != Seed(run, stream, parts...) {
						t.Fatalf("%s: two seeds", name)
					}
					if other, ok := seen[s]; ok && other != name {
						t.Errorf("%s and %s have one seed", name, other)
					}
					seen[s] = name
				}
			}
		}
	}
	// resumed runs and published results rely on this very number
	if got := Seed(7, "sample", 1, 2); got != 0xa15b3aebf36de1b {
		t.Errorf("Seed(7, sample, 1, 2) is now %#x", got)
	}
}

type constant core.Score

func (c constant) Score(_ context.Context, g core.Group) ([]core.Score, error) {
	out := make([]core.Score, len(g.Samples))
	for i := range out {
		out[i] = core.Score(c)
	}
	return out, nil
}

func TestScoreRefusesWhatIsNoNumber(t *testing.T) {
	g := []core.Group{{Samples: make([]core.Sample, 1)}}
	for _, tt := range []struct {
		s  core.Score
		ok bool
	}{
		{core.Score{Value: 0.5}, true},
		{core.Score{Value: math.NaN()}, false},
		{core.Score{Value: math.Inf(1)}, false},
		{core.Score{Value: math.NaN(), Abstain: true}, true},
		{core.Score{Components: []core.Component{{Name: "x", Value: math.NaN()}}}, false},
		{core.Score{Components: []core.Component{{Name: "x", Weight: math.Inf(-1)}}}, false},
	} {
		if _, err := Score(t.Context(), constant(tt.s), g); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.s, err)
		} else if err != nil && !errors.Is(err, ErrScores) {
			t.Errorf("%+v: %v is not ErrScores", tt.s, err)
		}
	}
}
