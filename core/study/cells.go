package study

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/rlvr-harness/harness/core/run"
)

// Plan says which runs a study is made of: every reward with every optimizer with every seed.
type Plan struct {
	Rewards    []string `json:"rewards"`
	Optimizers []string `json:"optimizers"`
	Seeds      []uint64 `json:"seeds"`
	// Settings are the flags of "harness run" that all runs share.
	Settings []string `json:"settings"`
}

// Run names one run of a plan.
type Run struct {
	Reward, Optimizer string
	Seed              uint64
}

// Name is the name of the run's folder.
func (r Run) Name() string { return fmt.Sprintf("%s-%s-%d", r.Reward, r.Optimizer, r.Seed) }

// Runs lists the runs of a plan, one seed after the other, so that a study which ends early has compared what it has.
func (p Plan) Runs() []Run {
	var out []Run
	for _, seed := range p.Seeds {
		for _, reward := range p.Rewards {
			for _, optimizer := range p.Optimizers {
				out = append(out, Run{reward, optimizer, seed})
			}
		}
	}
	return out
}

// Finished says whether a folder holds a run that is complete; begun, whether it holds one at all.
func Finished(dir string) (begun, finished bool, err error) {
	if _, err := run.ReadManifest(dir); errors.Is(err, run.ErrNoRun) {
		return false, false, nil
	} else if err != nil {
		return false, false, err
	}
	t, err := run.ReadTimes(dir)
	return true, err == nil && t.Finished != nil, err
}

// record is what a run left behind.
type record struct {
	Run
	manifest    run.Manifest
	times       run.Times
	steps       []run.Step
	evaluations []run.Evaluation
	warnings    []string
}

// cell is a reward with an optimizer: its finished runs, one for each seed.
type cell struct {
	reward, optimizer string
	runs              []record
}

func (c cell) name() string { return c.reward + " × " + c.optimizer }

// read reads the finished runs of a plan, by cell in the plan's order. A cell without a finished run is left out.
func read(dir string, p Plan) (cells []cell, missing []string, err error) {
	for _, reward := range p.Rewards {
		for _, optimizer := range p.Optimizers {
			c := cell{reward: reward, optimizer: optimizer}
			for _, seed := range p.Seeds {
				r := record{Run: Run{reward, optimizer, seed}}
				folder := filepath.Join(dir, r.Name())
				_, finished, err := Finished(folder)
				if err != nil {
					return nil, nil, err
				}
				if !finished {
					missing = append(missing, r.Name())
					continue
				}
				if r.manifest, err = run.ReadManifest(folder); err != nil {
					return nil, nil, err
				}
				if r.times, err = run.ReadTimes(folder); err != nil {
					return nil, nil, err
				}
				if r.steps, err = run.ReadSteps(folder); err != nil {
					return nil, nil, err
				}
				if r.evaluations, err = run.ReadEvaluations(folder); err != nil {
					return nil, nil, err
				}
				if r.warnings, err = run.Warnings(folder); err != nil {
					return nil, nil, err
				}
				if len(r.steps) == 0 {
					return nil, nil, fmt.Errorf("%s has no steps", folder)
				}
				c.runs = append(c.runs, r)
			}
			if len(c.runs) > 0 {
				cells = append(cells, c)
			}
		}
	}
	return cells, missing, nil
}

// steps is the number of steps that all runs of a cell have.
func (c cell) steps() int {
	n := math.MaxInt
	for _, r := range c.runs {
		n = min(n, len(r.steps))
	}
	return n
}

// over returns the mean over runs at each step, and the least and the greatest of them.
func (c cell) over(of func(run.Step) float64) (mean, low, high []float64) {
	for i := range c.steps() {
		var values []float64
		for _, r := range c.runs {
			values = append(values, of(r.steps[i]))
		}
		mean, low, high = append(mean, meanOf(values)), append(low, slices.Min(values)), append(high, slices.Max(values))
	}
	return mean, low, high
}

// thirds returns, for each run, the means over the first and over the last third of its steps.
func (c cell) thirds(of func(run.Step) float64) (first, last []float64) {
	for _, r := range c.runs {
		n := third(len(r.steps))
		first = append(first, meanOver(r.steps[:n], of))
		last = append(last, meanOver(r.steps[len(r.steps)-n:], of))
	}
	return first, last
}

func third(n int) int { return max(1, n/3) }

func meanOver(steps []run.Step, of func(run.Step) float64) float64 {
	var values []float64
	for _, s := range steps {
		values = append(values, of(s))
	}
	return meanOf(values)
}

// meanOf leaves out what was not measured.
func meanOf(values []float64) float64 {
	sum, n := 0.0, 0.0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	return sum / n // NaN where nothing was measured
}

// heldOut returns the first and the last evaluation of a run.
func (r record) heldOut() (before, after run.Evaluation, ok bool) {
	if len(r.evaluations) < 2 {
		return before, after, false
	}
	return r.evaluations[0], r.evaluations[len(r.evaluations)-1], true
}

// settings returns the members of a run's configuration as text.
func (r record) settings() map[string]string {
	out := map[string]string{}
	text, err := json.Marshal(r.manifest.Config)
	if err != nil {
		return out
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return out
	}
	for name, value := range members {
		if out[name], err = strconv.Unquote(string(value)); err != nil {
			out[name] = string(value)
		}
	}
	return out
}
