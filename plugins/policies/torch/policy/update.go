package policy

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
)

// Backward implements core.Policy.
func (p *Policy) Backward(ctx context.Context, grad [][]float64) error {
	err := p.thread.Do(func() error {
		h := p.held
		if h == nil {
			return errors.New("there is no forward pass to follow; call Forward first")
		}
		defer p.drop()
		if err := h.check(grad); err != nil {
			return err
		}
		for i := range h.packs {
			if err := p.backward(ctx, h, i, grad); err != nil {
				return err
			}
		}
		p.accumulated = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("torch: backward: %w", err)
	}
	return nil
}

func (h *held) check(grad [][]float64) error {
	if len(grad) != len(h.lens) {
		return fmt.Errorf("derivatives for %d sequences, the forward pass had %d", len(grad), len(h.lens))
	}
	for i, g := range grad {
		if len(g) != h.lens[i] {
			return fmt.Errorf("sequence %d: %d derivatives for %d tokens", i, len(g), h.lens[i])
		}
		for t, v := range g {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("sequence %d: the derivative of token %d is %g; nothing was added to the gradient", i, t, v)
			}
		}
	}
	return nil
}

// backward follows pack i back. A pack whose derivatives are all zero adds nothing and is passed over.
func (p *Policy) backward(ctx context.Context, h *held, i int, grad [][]float64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	k := &h.packs[i]
	weight := make([]float64, len(k.spots))
	idle := true
	for j, at := range k.spots {
		weight[j] = grad[at.sequence][at.token]
		idle = idle && weight[j] == 0
	}
	tape := h.tapes[i]
	h.tapes[i] = nil
	if idle {
		tape.Close()
		return nil
	}
	if tape == nil {
		var err error
		logp, entropy := make([]float64, len(k.spots)), make([]float64, len(k.spots))
		if tape, err = p.engine.Forward(&k.Pack, h.temperature, true, engine.KeepActivations, logp, entropy); err != nil {
			return err
		}
	}
	return p.engine.Backward(tape, weight)
}

// Step implements core.Policy. A gradient that is not finite is an error, and is cleared without being applied.
func (p *Policy) Step(_ context.Context, a core.AdamW) (core.StepStats, error) {
	var s core.StepStats
	err := p.thread.Do(func() error {
		if err := checkAdamW(a); err != nil {
			return err
		}
		p.drop() // a Forward before the step does not hold after it
		norm, err := p.engine.Step(engine.AdamW{LR: a.LR, Beta1: a.Beta1, Beta2: a.Beta2, Eps: a.Eps, WeightDecay: a.WeightDecay, MaxNorm: a.MaxGradNorm}, p.updates+1)
		p.accumulated = false
		if err != nil {
			return err
		}
		if math.IsNaN(norm) || math.IsInf(norm, 0) {
			return fmt.Errorf("the gradient's norm is %g; update %d was not applied (a smaller learning rate may keep the policy stable)", norm, p.updates+1)
		}
		p.updates++
		s.GradNorm = norm
		return nil
	})
	if err != nil {
		return core.StepStats{}, fmt.Errorf("torch: step: %w", err)
	}
	return s, nil
}

func checkAdamW(a core.AdamW) error {
	finite := func(v float64) bool { return v >= 0 && !math.IsInf(v, 0) }
	switch {
	case !finite(a.LR):
		return fmt.Errorf("learning rate: expected 0 or more, found %g", a.LR)
	case !(a.Beta1 >= 0 && a.Beta1 < 1) || !(a.Beta2 >= 0 && a.Beta2 < 1):
		return fmt.Errorf("betas: expected 0 to below 1, found %g and %g", a.Beta1, a.Beta2)
	case !(a.Eps > 0) || math.IsInf(a.Eps, 0):
		return fmt.Errorf("epsilon: expected a positive number, found %g", a.Eps)
	case !finite(a.WeightDecay):
		return fmt.Errorf("weight decay: expected 0 or more, found %g", a.WeightDecay)
	case !finite(a.MaxGradNorm):
		return fmt.Errorf("maximal gradient norm: expected 0 or more, found %g", a.MaxGradNorm)
	}
	return nil
}
