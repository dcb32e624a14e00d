package engine

// #include "api.h"
import "C"

import (
	"fmt"
	"runtime"
)

// Sampling says how tokens are drawn.
type Sampling struct {
	// Temperature divides the logits; 0 takes the most probable token, the lowest of equals.
	Temperature float64
	// TopP keeps the smallest set of most probable tokens that sums to it, after TopK; 1 keeps all.
	TopP float64
	// TopK keeps the most probable tokens; 0 keeps all.
	TopK int
}

// Batch decodes rows together. Rows are numbered by their place; Keep renumbers them.
type Batch struct {
	p    *C.ht_batch
	rows int
}

// NewBatch makes an empty batch. Close frees it.
func (e *Engine) NewBatch(s Sampling) (*Batch, error) {
	var message *C.char
	p := C.ht_batch_new(e.p, C.double(s.Temperature), C.double(s.TopP), C.int64_t(s.TopK), &message)
	if err := failed("new batch", message); err != nil {
		return nil, err
	}
	return &Batch{p: p}, nil
}

// Close frees the batch's keys and values; closing twice does nothing.
func (b *Batch) Close() {
	if b.p != nil {
		C.ht_batch_free(b.p)
		b.p = nil
	}
}

// Rows counts the rows.
func (b *Batch) Rows() int { return b.rows }

// AddPrompts computes the segments of p, all prompts. They are numbered on from the batch's last one, the first being 0.
func (b *Batch) AddPrompts(p *Pack) error {
	if err := p.check(); err != nil {
		return err
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	c := p.c(&pin)
	var message *C.char
	C.ht_batch_prompts(b.p, &c, &message)
	return failed("prompts", message)
}

// Add puts a row at the end, which continues a prompt with the random numbers of seed.
func (b *Batch) Add(prompt int, seed uint64) error {
	var message *C.char
	C.ht_batch_add(b.p, C.int64_t(prompt), C.uint64_t(seed), &message)
	if err := failed("add a row", message); err != nil {
		return err
	}
	b.rows++
	return nil
}

// ClosePrompt says that no row will be added to the prompt any more.
func (b *Batch) ClosePrompt(prompt int) error {
	var message *C.char
	C.ht_batch_close_prompt(b.p, C.int64_t(prompt), &message)
	return failed("close a prompt", message)
}

// Step draws the next token of each row, with its log-probability in nats in the distribution drawn from: after temperature,
// truncated and renormalised; 0 at temperature 0.
func (b *Batch) Step(tokens []int64, logp []float64) error {
	if b.rows == 0 || len(tokens) != b.rows || len(logp) != b.rows {
		return fmt.Errorf("engine: decode: room for %d tokens and %d log-probabilities, %d rows", len(tokens), len(logp), b.rows)
	}
	var message *C.char
	C.ht_batch_step(b.p, (*C.int64_t)(&tokens[0]), (*C.double)(&logp[0]), C.int64_t(b.rows), &message)
	return failed("decode", message)
}

// Keep leaves only the given rows, ascending.
func (b *Batch) Keep(rows []int64) error {
	var none int64
	p := &none
	if len(rows) > 0 {
		p = &rows[0]
	}
	var message *C.char
	C.ht_batch_keep(b.p, (*C.int64_t)(p), C.int64_t(len(rows)), &message)
	if err := failed("keep rows", message); err != nil {
		return err
	}
	b.rows = len(rows)
	return nil
}
