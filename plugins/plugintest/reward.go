package plugintest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
)

// large is the number of samples of the group that does not fit gRPC's default of 4 MiB.
const large = 10_000

func (s *suite) reward(ctx context.Context) {
	var r *plugins.Reward
	if !s.ask(ctx, demand{"opens", func(ctx context.Context) (err error) {
		r, err = plugins.OpenReward(ctx, s.options())
		return err
	}}) {
		return
	}
	defer r.Close()
	for _, d := range []demand{
		{"a score for each sample", func(ctx context.Context) error {
			for _, n := range []int{1, 2, 8, 64} {
				if _, err := r.Score(ctx, Group(n)); err != nil {
					return err
				}
			}
			return nil
		}},
		{"empty group", func(ctx context.Context) error { _, err := r.Score(ctx, Group(0)); return err }},
		{"odd texts", func(ctx context.Context) error { _, err := r.Score(ctx, odd()); return err }},
		{"deterministic", func(ctx context.Context) error { return sameScores(ctx, r, Group(20), Group(20), nil) }},
		{"order", func(ctx context.Context) error {
			// All but the last move up by one. Mirrored samples would hide an answer that is mirrored, and turned ones one that is turned.
			g, moved, order := Group(20), Group(20), make([]int, 20)
			for i := range order {
				if order[i] = i; i < 19 {
					order[i] = (i + 1) % 19
				}
				moved.Samples[i] = g.Samples[order[i]]
				moved.Samples[i].Index = i
			}
			// x[order[i]] and y[i] are of one sample
			return sameScores(ctx, r, moved, g, order)
		}},
		{"infrastructure abstains", func(ctx context.Context) error { return abstains(ctx, r) }},
		{"calls at the same time", func(ctx context.Context) error { return together(ctx, r) }},
		{"group of 10,000 samples", func(ctx context.Context) error {
			g := Group(large)
			scores, err := r.Score(ctx, g)
			if err == nil && len(scores) != large {
				err = fmt.Errorf("%d scores", len(scores))
			}
			return err
		}},
		{"cancelled call", func(ctx context.Context) error {
			return cancelled(ctx, r.PID, func(ctx context.Context) error { _, err := r.Score(ctx, Group(large)); return err },
				func(ctx context.Context) error { _, err := r.Score(ctx, Group(2)); return err })
		}},
		{"killed process", func(ctx context.Context) error {
			before, err := r.Score(ctx, Group(20))
			if err != nil {
				return err
			}
			if err := kill(r.PID()); err != nil {
				return err
			}
			after, err := r.Score(ctx, Group(20))
			if err != nil {
				return fmt.Errorf("after a restart: %w", err)
			}
			if !reflect.DeepEqual(before, after) {
				return errors.New("a fresh process scores the same group otherwise: a score may depend on the group and the settings alone")
			}
			return nil
		}},
		{"process ends", func(context.Context) error { return ends(r.PID(), r.Close) }},
	} {
		s.ask(ctx, d)
	}
}

// sameScores asks that two groups get the same scores, the second in the given order.
func sameScores(ctx context.Context, r core.Reward, a, b core.Group, order []int) error {
	x, err := r.Score(ctx, a)
	if err != nil {
		return err
	}
	y, err := r.Score(ctx, b)
	if err != nil {
		return err
	}
	for i := range x {
		j := i
		if order != nil {
			j = order[i]
		}
		if !reflect.DeepEqual(x[i], y[j]) {
			return fmt.Errorf("sample %d got %+v and then, in another call, %+v", i, x[i], y[j])
		}
	}
	return nil
}

// abstains asks that a reward which reads verdicts has no opinion where there is none.
func abstains(ctx context.Context, r core.Reward) error {
	g := Group(3)
	for i, class := range []core.Class{core.Passed, core.Failed, core.Infrastructure} {
		g.Samples[i] = Sample(0)
		g.Samples[i].Index = i
		v := core.Verdict{Class: class}
		if class != core.Infrastructure {
			v.Tests = []core.TestResult{{Class: class}, {Class: class}}
		}
		g.Samples[i].Evidence.Verdict = v
	}
	scores, err := r.Score(ctx, g)
	if err != nil {
		return err
	}
	if scores[0].Abstain == scores[1].Abstain && scores[0].Value == scores[1].Value {
		return notef("the score does not depend on the verdict")
	}
	if !scores[2].Abstain {
		return fmt.Errorf("a sample that the harness could not verify got %v: abstain where the verdict's class is infrastructure", scores[2].Value)
	}
	return nil
}

// together makes calls at the same time, each with a group of another size.
func together(ctx context.Context, r core.Reward) error {
	want, err := r.Score(ctx, Group(40))
	if err != nil {
		return err
	}
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			n := 1 + i*2
			got, err := r.Score(ctx, Group(n))
			if err == nil && !reflect.DeepEqual(got, want[:n]) {
				err = notef("the first %d samples of a group score otherwise than in a larger group", n)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	return worst(errs)
}

// worst returns what fails the suite, and otherwise the first thing worth noting.
func worst(errs []error) error {
	var failed []error
	var note error
	for _, err := range errs {
		switch {
		case errors.As(err, new(noted)):
			if note == nil {
				note = err
			}
		case err != nil:
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	return note
}

// cancelled asks that a cancelled call comes back and that the plugin serves the next.
func cancelled(ctx context.Context, pid func() int, long, short func(context.Context) error) error {
	inner, cancel := context.WithCancel(ctx)
	before := pid()
	timer := time.AfterFunc(time.Millisecond, cancel)
	defer timer.Stop()
	start := time.Now()
	err := long(inner)
	cancel()
	if d := time.Since(start); d > 10*time.Second {
		return fmt.Errorf("a cancelled call came back after %v", d)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("a cancelled call ended with %w", err)
	}
	if err := short(ctx); err != nil {
		return fmt.Errorf("after a cancelled call: %w", err)
	}
	if pid() != before {
		return errors.New("a cancelled call ended the process")
	}
	return nil
}

func kill(pid int) error {
	if pid == 0 {
		return errors.New("no process is running")
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

// ends asks that a closed plugin leaves no process behind.
func ends(pid int, closing func() error) error {
	if err := closing(); err != nil {
		return err
	}
	for deadline := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d is still there", pid)
		}
	}
	return nil
}
