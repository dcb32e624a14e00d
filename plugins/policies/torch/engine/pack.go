package engine

// #include "api.h"
import "C"

import (
	"fmt"
	"runtime"
)

// Segment is a run of consecutive rows of a Pack: a prompt (Parent -1) or a completion of the prompt that is segment Parent.
type Segment struct {
	Start, Len, Parent int64
}

// Pack is several prompts with their completions laid end to end. A prompt's tokens are there once, however many completions it
// has: their rows attend to it, and gradients flow back through it.
type Pack struct {
	Tokens    []int64 // of all segments
	Positions []int32 // of each token in its sequence
	Segments  []Segment
	// LogitRows are the rows whose logits are wanted, ascending.
	LogitRows []int64
	// TargetRows are indices into LogitRows, ascending; TargetTokens the tokens whose log-probability is wanted there.
	TargetRows, TargetTokens []int64
}

// Rows counts the pack's tokens.
func (p *Pack) Rows() int { return len(p.Tokens) }

func pointer[T any](pin *runtime.Pinner, s []T) *T {
	if len(s) == 0 {
		return nil
	}
	pin.Pin(&s[0])
	return &s[0]
}

func (p *Pack) c(pin *runtime.Pinner) C.ht_pack {
	return C.ht_pack{
		rows: C.int64_t(len(p.Tokens)), tokens: (*C.int64_t)(pointer(pin, p.Tokens)), positions: (*C.int32_t)(pointer(pin, p.Positions)),
		segments: C.int64_t(len(p.Segments)), segment: segments(pin, p.Segments),
		logit_rows: C.int64_t(len(p.LogitRows)), logit_row: (*C.int64_t)(pointer(pin, p.LogitRows)),
		targets: C.int64_t(len(p.TargetRows)), target_row: (*C.int64_t)(pointer(pin, p.TargetRows)), target_token: (*C.int64_t)(pointer(pin, p.TargetTokens)),
	}
}

func segments(pin *runtime.Pinner, s []Segment) *C.int64_t {
	flat := make([]int64, 0, 3*len(s))
	for _, x := range s {
		flat = append(flat, x.Start, x.Len, x.Parent)
	}
	return (*C.int64_t)(pointer(pin, flat))
}

func (p *Pack) check() error {
	if len(p.Positions) != len(p.Tokens) || len(p.TargetRows) != len(p.TargetTokens) {
		return fmt.Errorf("engine: a pack of %d tokens with %d positions, %d target rows with %d tokens", len(p.Tokens), len(p.Positions),
			len(p.TargetRows), len(p.TargetTokens))
	}
	return nil
}

// Tape is a forward pass that Backward can follow back. It holds the activations until it is closed or followed.
type Tape struct {
	p *C.ht_tape
}

// Close frees the tape; closing twice does nothing.
func (t *Tape) Close() {
	if t != nil && t.p != nil {
		C.ht_tape_free(t.p)
		t.p = nil
	}
}

// Keep is what a forward pass keeps for its backward pass.
type Keep int

// Backward computes logits again where they were not kept. Both ways give the same bits.
const (
	KeepNothing Keep = iota
	KeepActivations
	KeepLogits // and activations
)

// Forward writes the log-probability of each of the pack's targets, and the entropy of the distribution that it is from, in nats,
// of the logits divided by temperature. Without adapter the base model is scored. The tape is nil where nothing is kept.
func (e *Engine) Forward(p *Pack, temperature float64, adapter bool, keep Keep, logp, entropy []float64) (*Tape, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	n := len(p.TargetRows)
	if n == 0 || len(logp) != n || len(entropy) != n {
		return nil, fmt.Errorf("engine: forward: room for %d and %d results, %d targets", len(logp), len(entropy), n)
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	c := p.c(&pin)
	var message *C.char
	t := C.ht_forward(e.p, &c, C.double(temperature), flag(adapter), C.int(keep), (*C.double)(&logp[0]), (*C.double)(&entropy[0]), &message)
	if err := failed("forward", message); err != nil || t == nil {
		return nil, err
	}
	return &Tape{t}, nil
}

// Backward adds to the adapter's gradient that of the sum of weight times log-probability over the tape's targets, and closes the tape.
func (e *Engine) Backward(t *Tape, weight []float64) error {
	if t == nil || t.p == nil || len(weight) == 0 {
		return fmt.Errorf("engine: backward: the tape is closed, or there is no weight")
	}
	defer t.Close()
	var message *C.char
	C.ht_backward(e.p, t.p, (*C.double)(&weight[0]), &message)
	return failed("backward", message)
}

// Logits returns the logits of the pack's LogitRows, one slice per row.
func (e *Engine) Logits(p *Pack, adapter bool) ([][]float32, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if len(p.LogitRows) == 0 {
		return nil, nil
	}
	flat := make([]float32, len(p.LogitRows)*e.c.Vocab)
	var pin runtime.Pinner
	defer pin.Unpin()
	c := p.c(&pin)
	var message *C.char
	C.ht_logits(e.p, &c, flag(adapter), (*C.float)(&flat[0]), &message)
	if err := failed("logits", message); err != nil {
		return nil, err
	}
	rows := make([][]float32, len(p.LogitRows))
	for i := range rows {
		rows[i] = flat[i*e.c.Vocab : (i+1)*e.c.Vocab]
	}
	return rows, nil
}
