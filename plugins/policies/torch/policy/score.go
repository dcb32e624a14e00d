package policy

import (
	"context"
	"fmt"
	"math"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
)

// held is a Forward that waits for its Backward.
type held struct {
	temperature float64
	lens        []int
	packs       []scored
	tapes       []*engine.Tape // nil where the pack is to be computed again
}

// rowBytes is what a tape keeps for each of a pack's tokens: each layer's input, queries, keys and values, attention's result and
// normaliser, the middle of the residual stream, gate and up; raw queries and keys where they are normed.
func (p *Policy) rowBytes() int64 {
	c := p.model.Config
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	floats := 2*c.Hidden + 2*q + 2*kv + c.Heads + 2*c.Intermediate
	if c.QKNorm {
		floats += q + kv
	}
	return 4 * int64(c.Layers*floats+c.Hidden)
}

// logitBytes is what a pack's logits take.
func (p *Policy) logitBytes(k *scored) int64 {
	return 4 * int64(len(k.LogitRows)) * int64(p.model.Config.Vocab)
}

// mostRows bounds a pack: one tape must fit into the budget, if a single sequence lets it.
func (p *Policy) mostRows() int { return int(max(1, p.budget/p.rowBytes())) }

// Score implements core.Policy.
func (p *Policy) Score(ctx context.Context, seqs []core.Sequence, temperature float64, reference bool) (core.TokenScores, error) {
	var s core.TokenScores
	err := p.thread.Do(func() error {
		packs, err := p.prepare(seqs, temperature)
		if err != nil {
			return err
		}
		s = core.TokenScores{LogProbs: ragged(seqs), Entropy: ragged(seqs)}
		for i := range packs {
			if _, err := p.forward(ctx, &packs[i], temperature, !reference, engine.KeepNothing, s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return core.TokenScores{}, fmt.Errorf("torch: score: %w", err)
	}
	return s, nil
}

// Forward implements core.Policy. Activations are kept for as many packs as fit into memory_mib, in order, and then logits; Backward
// computes what is not there again. All ways give the same bits.
func (p *Policy) Forward(ctx context.Context, seqs []core.Sequence, temperature float64) (core.TokenScores, error) {
	var s core.TokenScores
	err := p.thread.Do(func() error {
		p.drop()
		packs, err := p.prepare(seqs, temperature)
		if err != nil {
			return err
		}
		s = core.TokenScores{LogProbs: ragged(seqs), Entropy: ragged(seqs)}
		h := &held{temperature: temperature, packs: packs, tapes: make([]*engine.Tape, len(packs))}
		for _, q := range seqs {
			h.lens = append(h.lens, len(q.Completion))
		}
		p.held = h
		keep := p.keep(packs)
		for i := range packs {
			if h.tapes[i], err = p.forward(ctx, &packs[i], temperature, true, keep[i], s); err != nil {
				p.drop()
				return err
			}
		}
		return nil
	})
	if err != nil {
		return core.TokenScores{}, fmt.Errorf("torch: forward: %w", err)
	}
	return s, nil
}

// keep shares memory_mib out: to the activations of the first packs, and what is left to logits.
func (p *Policy) keep(packs []scored) []engine.Keep {
	left, out := p.budget, make([]engine.Keep, len(packs))
	for i := range packs {
		if n := int64(packs[i].Rows()) * p.rowBytes(); n <= left {
			left, out[i] = left-n, engine.KeepActivations
		}
	}
	for i := range packs {
		if n := p.logitBytes(&packs[i]); out[i] == engine.KeepActivations && n <= left {
			left, out[i] = left-n, engine.KeepLogits
		}
	}
	return out
}

// prepare checks what is to be scored and lays it out.
func (p *Policy) prepare(seqs []core.Sequence, temperature float64) ([]scored, error) {
	if !(temperature > 0) || math.IsInf(temperature, 0) {
		return nil, fmt.Errorf("temperature: expected a positive number, found %g", temperature)
	}
	if err := p.checkSequences(seqs); err != nil {
		return nil, err
	}
	return plan(seqs, p.mostRows()), nil
}

// forward scores one pack into s.
func (p *Policy) forward(ctx context.Context, k *scored, temperature float64, adapter bool, keep engine.Keep, s core.TokenScores) (*engine.Tape, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	logp, entropy := make([]float64, len(k.spots)), make([]float64, len(k.spots))
	tape, err := p.engine.Forward(&k.Pack, temperature, adapter, keep, logp, entropy)
	if err != nil {
		return nil, err
	}
	for i, at := range k.spots {
		if math.IsNaN(logp[i]) || math.IsInf(logp[i], 0) {
			tape.Close()
			return nil, fmt.Errorf("sequence %d: the log-probability of token %d is %g; the adapter has diverged (lower the learning rate), or the model's weights are damaged", at.sequence, at.token, logp[i])
		}
		s.LogProbs[at.sequence][at.token] = logp[i]
		s.Entropy[at.sequence][at.token] = entropy[i]
	}
	return tape, nil
}

// drop forgets the Forward that waits, if there is one.
func (p *Policy) drop() {
	if p.held == nil {
		return
	}
	for _, t := range p.held.tapes {
		t.Close()
	}
	p.held = nil
}
