package engine

// #cgo CXXFLAGS: -std=c++17 -O2
// #cgo LDFLAGS: -lstdc++ -ltorch_cpu -lc10 -ldl
// #include <stdlib.h>
// #include "api.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/sugarme/gotch/ts"
)

// Config is a model's shape and how it is to be computed.
type Config struct {
	Layers, Hidden, Intermediate, Heads, KVHeads, HeadDim, Vocab int
	// Positions is the largest number of tokens in a row.
	Positions int
	NormEps   float64
	// InvFreq has HeadDim/2 rotary frequencies, in radians per position.
	InvFreq []float64
	// QKNorm: each head of the queries and keys is normed. Bias: queries, keys and values have a bias. Tied: the head is the embedding.
	QKNorm, Bias, Tied bool
	Device             Device
	// BFloat16 keeps base weights, and multiplies by them, in bfloat16. All else is float32.
	BFloat16 bool
	// Rank of the adapter, 0 for none; Scale multiplies what it adds.
	Rank  int
	Scale float64
	// PlainOps computes on a processor with the operations that CUDA uses.
	PlainOps bool
}

// Kind is a weight's place in the model.
type Kind int

// The weights, as PyTorch shapes them: [out, in] for matrices.
const (
	Norm1     Kind = C.HT_NORM1
	Query     Kind = C.HT_Q
	Key       Kind = C.HT_K
	Value     Kind = C.HT_V
	Output    Kind = C.HT_O
	Norm2     Kind = C.HT_NORM2
	Gate      Kind = C.HT_GATE
	Up        Kind = C.HT_UP
	Down      Kind = C.HT_DOWN
	QueryBias Kind = C.HT_Q_BIAS
	KeyBias   Kind = C.HT_K_BIAS
	ValueBias Kind = C.HT_V_BIAS
	QueryNorm Kind = C.HT_Q_NORM
	KeyNorm   Kind = C.HT_K_NORM
	Embedding Kind = C.HT_EMBED
	FinalNorm Kind = C.HT_FINAL_NORM
	Head      Kind = C.HT_HEAD
)

// Engine is a model with its adapter on a device.
type Engine struct {
	p       *C.ht_engine
	c       Config
	adapter [4]*ts.Tensor // parameters, gradient, first and second moments: flat float32
	size    int
}

// failed turns an engine's message into an error and frees it.
func failed(op string, message *C.char) error {
	if message == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(message))
	return fmt.Errorf("engine: %s: %w", op, errors.New(C.GoString(message)))
}

// Open makes an engine with unset weights. Close frees it.
func Open(c Config) (*Engine, error) {
	if len(c.InvFreq)*2 != c.HeadDim || c.HeadDim == 0 {
		return nil, fmt.Errorf("engine: open: %d rotary frequencies for heads of %d", len(c.InvFreq), c.HeadDim)
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&c.InvFreq[0])
	h := C.ht_config{
		layers: C.int64_t(c.Layers), hidden: C.int64_t(c.Hidden), ffn: C.int64_t(c.Intermediate), heads: C.int64_t(c.Heads),
		kv_heads: C.int64_t(c.KVHeads), head_dim: C.int64_t(c.HeadDim), vocab: C.int64_t(c.Vocab), positions: C.int64_t(c.Positions),
		eps: C.double(c.NormEps), qk_norm: flag(c.QKNorm), bias: flag(c.Bias), tied: flag(c.Tied), inv_freq: (*C.double)(&c.InvFreq[0]),
		cuda: flag(c.Device == CUDA), bfloat16: flag(c.BFloat16), plain_ops: flag(c.PlainOps), rank: C.int64_t(c.Rank), scale: C.double(c.Scale),
	}
	var message *C.char
	p := C.ht_open(&h, &message)
	if err := failed("open", message); err != nil {
		return nil, err
	}
	return &Engine{p: p, c: c}, nil
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// Close frees the engine's memory. Tapes and batches must be closed before.
func (e *Engine) Close() error {
	if e.p == nil {
		return nil
	}
	C.ht_close(e.p)
	e.p = nil
	var errs []error
	for i, t := range e.adapter {
		if t != nil {
			errs = append(errs, t.Drop())
			e.adapter[i] = nil
		}
	}
	return errors.Join(errs...)
}

// SetWeight fills a weight: read gets its elements, row-major, to write to.
func (e *Engine) SetWeight(k Kind, layer int, shape []int64, read func(dst []float32) error) error {
	t, err := newTensor(shape)
	if err != nil {
		return err
	}
	defer drop(t)
	dst, err := elements(t, shape)
	if err != nil {
		return err
	}
	if err := read(dst); err != nil {
		return err
	}
	var message *C.char
	C.ht_set_weight(e.p, C.int(k), C.int64_t(layer), t.Ctensor(), &message)
	return failed("set weight", message)
}

// SetAdapter gives the engine an adapter of size parameters, all zero. offsets has the place of A and then of B for each of q, k,
// v, o, gate, up, down of each layer, -1 where a projection has none; the A of q, k and v are adjacent, and those of gate and up.
func (e *Engine) SetAdapter(size int, offsets []int64) error {
	if len(offsets) != e.c.Layers*14 || size <= 0 {
		return fmt.Errorf("engine: set adapter: %d offsets for %d layers, %d parameters", len(offsets), e.c.Layers, size)
	}
	for i := range e.adapter {
		t, err := zeros([]int64{int64(size)}, e.c.Device)
		if err != nil {
			return err
		}
		e.adapter[i] = t
	}
	e.size = size
	a := e.adapter
	var message *C.char
	C.ht_set_adapter(e.p, a[0].Ctensor(), a[1].Ctensor(), a[2].Ctensor(), a[3].Ctensor(), (*C.int64_t)(&offsets[0]), &message)
	return failed("set adapter", message)
}

// Ready must be called once, when all weights are set.
func (e *Engine) Ready() error {
	var message *C.char
	C.ht_ready(e.p, &message)
	return failed("prepare weights", message)
}

// Vector is one of the adapter's flat vectors.
type Vector int

// The adapter's vectors.
const (
	Parameters Vector = iota
	Gradient
	FirstMoment
	SecondMoment
)

// Read returns a copy of one of the adapter's vectors.
func (e *Engine) Read(v Vector) ([]float32, error) {
	dst := make([]float32, e.size)
	return dst, e.exchange(v, dst, false)
}

// Write replaces one of the adapter's vectors.
func (e *Engine) Write(v Vector, values []float32) error {
	return e.exchange(v, values, true)
}

func (e *Engine) exchange(v Vector, host []float32, write bool) error {
	if e.size == 0 || len(host) != e.size {
		return fmt.Errorf("engine: %d values for an adapter of %d", len(host), e.size)
	}
	shape := []int64{int64(e.size)}
	t, err := newTensor(shape)
	if err != nil {
		return err
	}
	defer drop(t)
	staged, err := elements(t, shape)
	if err != nil {
		return err
	}
	var message *C.char
	if write {
		copy(staged, host)
		C.ht_copy(e.adapter[v].Ctensor(), t.Ctensor(), &message)
		C.ht_adapter_changed(e.p)
	} else {
		C.ht_copy(t.Ctensor(), e.adapter[v].Ctensor(), &message)
		copy(host, staged)
	}
	return failed("copy the adapter", message)
}

// AdamW holds the settings of a parameter update (Loshchilov and Hutter, arXiv 1711.05101).
type AdamW struct {
	LR, Beta1, Beta2, Eps, WeightDecay float64
	// MaxNorm clips the gradient's L2 norm; 0 does not clip.
	MaxNorm float64
}

// Step applies the gradient as update number step, from 1, and clears it. It returns the gradient's norm before clipping;
// where that is not finite nothing was applied.
func (e *Engine) Step(a AdamW, step int64) (norm float64, err error) {
	var message *C.char
	var n C.double
	C.ht_step(e.p, C.double(a.LR), C.double(a.Beta1), C.double(a.Beta2), C.double(a.Eps), C.double(a.WeightDecay), C.double(a.MaxNorm),
		C.int64_t(step), &n, &message)
	return float64(n), failed("step", message)
}
