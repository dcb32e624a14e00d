package pythonwasm

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rlvr-harness/harness/core"
)

// Comparison is the cost of verdicts on reference solutions, beside that of running them with their tests in a subprocess each.
type Comparison struct {
	// Programs is how many were compared; Heavy are the ids of tasks left out because their solution takes more than MaxFuel.
	Programs int      `json:"programs"`
	Heavy    []string `json:"heavy,omitempty"`
	MaxFuel  int64    `json:"max_fuel"`
	// Ours and Baseline are milliseconds of CPU a verdict: the mean over the programs, the median over the rounds. Baseline is 0 where
	// no interpreter was given.
	Ours     float64 `json:"ours"`
	Baseline float64 `json:"baseline"`
	// Ratio is Baseline / Ours.
	Ratio float64 `json:"ratio"`
	// PerSecond is verdicts a second of wall-clock time with all workers of the pool.
	PerSecond float64 `json:"per_second"`
	Rounds    []Round `json:"rounds"`
	// Peers are the other graders' costs.
	Peers []PeerCost `json:"peers,omitempty"`
}

// Peer is another way to grade programs.
type Peer struct {
	Label string
	// Grade grades the reference solutions of tasks and returns milliseconds of CPU a verdict.
	Grade func(ctx context.Context, tasks []core.Task) (float64, error)
}

// PeerCost is what a verdict of a peer costs.
type PeerCost struct {
	Label string `json:"label"`
	// Milliseconds is CPU time a verdict, the median over the rounds; Ratio is Milliseconds / Ours.
	Milliseconds float64 `json:"milliseconds"`
	Ratio        float64 `json:"ratio"`
}

// Round is one pass over the programs, ours and the baseline's in turns of benchBlock programs, so that both meet the same machine.
type Round struct {
	Ours     float64 `json:"ours"`
	Baseline float64 `json:"baseline"`
	// Peers are the peers' costs, in their order.
	Peers []float64 `json:"peers,omitempty"`
}

const benchBlock = 50

// Compare grades the reference solutions of tasks again and again and, where python names an interpreter, runs each with its tests as
// `python -I -S -c`; at the end of each round every peer grades them all. Solutions that take more than maxFuel are left out: they
// measure the interpreter, not the verdict. A solution that does not pass, here or natively, is an error: its cost would be another.
func (p *Pool) Compare(ctx context.Context, tasks []core.Task, python string, rounds int, maxFuel int64, peers ...Peer) (Comparison, error) {
	c := Comparison{MaxFuel: maxFuel}
	python, err := realPython(ctx, python)
	if err != nil {
		return c, err
	}
	var light []core.Task
	for _, t := range tasks {
		v, err := p.Reference(ctx, t)
		switch {
		case err != nil:
			return c, fmt.Errorf("compare: task %s: %w", t.ID, err)
		case v.Class != core.Passed:
			return c, fmt.Errorf("compare: task %s: its reference solution is %s: %s", t.ID, v.Class, v.Message)
		case v.Fuel > maxFuel:
			c.Heavy = append(c.Heavy, t.ID)
		default:
			light = append(light, t)
		}
	}
	if len(light) == 0 || rounds < 1 {
		return c, errors.New("compare: there is nothing to measure")
	}
	c.Programs = len(light)
	for range rounds {
		r, err := p.round(ctx, light, python)
		if err != nil {
			return c, err
		}
		for _, peer := range peers {
			ms, err := peer.Grade(ctx, light)
			if err != nil {
				return c, fmt.Errorf("compare: peer %s: %w", peer.Label, err)
			}
			r.Peers = append(r.Peers, ms)
		}
		c.Rounds = append(c.Rounds, r)
	}
	c.Ours = medianOf(c.Rounds, func(r Round) float64 { return r.Ours })
	c.Baseline = medianOf(c.Rounds, func(r Round) float64 { return r.Baseline })
	if c.Ours > 0 {
		c.Ratio = c.Baseline / c.Ours
	}
	for i, peer := range peers {
		ms := medianOf(c.Rounds, func(r Round) float64 { return r.Peers[i] })
		c.Peers = append(c.Peers, PeerCost{peer.Label, ms, ms / c.Ours})
	}
	c.PerSecond, err = p.throughput(ctx, light)
	return c, err
}

func (p *Pool) round(ctx context.Context, tasks []core.Task, python string) (Round, error) {
	var ours, baseline time.Duration
	for block := range slices.Chunk(tasks, benchBlock) {
		before := p.cpu()
		for _, t := range block {
			if err := p.measure(ctx, t); err != nil {
				return Round{}, err
			}
		}
		ours += p.cpu() - before
		if python == "" {
			continue
		}
		for _, t := range block {
			cmd := exec.CommandContext(ctx, python, "-I", "-S", "-c", script(t))
			if out, err := cmd.CombinedOutput(); err != nil {
				return Round{}, fmt.Errorf("compare: task %s: its reference solution, run by %s: %w: %s", t.ID, python, err, lastLine(string(out)))
			}
			baseline += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		}
	}
	n := float64(len(tasks)) * float64(time.Millisecond)
	return Round{Ours: float64(ours) / n, Baseline: float64(baseline) / n}, nil
}

// measure grades the reference solution of t, and does not answer with what is known of it.
func (p *Pool) measure(ctx context.Context, t core.Task) error {
	v, err := p.verify(ctx, t, t.Code, false)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	if v.Class != core.Passed {
		return fmt.Errorf("compare: task %s: its reference solution is %s: %s", t.ID, v.Class, v.Message)
	}
	return nil
}

// realPython asks python for its own path: what is found first may be a script that only finds the interpreter, at a price.
func realPython(ctx context.Context, python string) (string, error) {
	if python == "" {
		return "", nil
	}
	out, err := exec.CommandContext(ctx, python, "-I", "-S", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return "", fmt.Errorf("compare: run %s: %w", python, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// script is the program with its tests as a plain grader runs them.
func script(t core.Task) string {
	imports := strings.Join(t.Imports, "\n")
	return strings.Join([]string{imports, t.Code, imports, t.Setup, strings.Join(t.Tests, "\n")}, "\n")
}

// throughput grades the tasks once with every worker.
func (p *Pool) throughput(ctx context.Context, tasks []core.Task) (float64, error) {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	start := time.Now()
	for range p.config.Workers {
		g.Go(func() error {
			for i := next.Add(1) - 1; i < int64(len(tasks)); i = next.Add(1) - 1 {
				if err := p.measure(ctx, tasks[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	return float64(len(tasks)) / time.Since(start).Seconds(), nil
}

func medianOf[T any](rounds []T, f func(T) float64) float64 {
	var v []float64
	for _, r := range rounds {
		v = append(v, f(r))
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
