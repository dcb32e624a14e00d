package engine

import (
	"fmt"
	"log/slog"
	"unsafe"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
)

// newTensor makes an uninitialised float32 tensor in the processor's memory.
func newTensor(shape []int64) (*ts.Tensor, error) {
	t, err := ts.Empty(shape, gotch.Float, gotch.CPU)
	if err != nil {
		return nil, fmt.Errorf("engine: tensor of shape %v: %w", shape, err)
	}
	return t, nil
}

func zeros(shape []int64, d Device) (*ts.Tensor, error) {
	t, err := ts.Zeros(shape, gotch.Float, d.gotch())
	if err != nil {
		return nil, fmt.Errorf("engine: tensor of shape %v on %s: %w", shape, d, err)
	}
	return t, nil
}

// elements is the memory of a tensor made by newTensor; it is valid until the tensor is dropped.
func elements(t *ts.Tensor, shape []int64) ([]float32, error) {
	p, err := t.DataPtr()
	if err != nil {
		return nil, fmt.Errorf("engine: tensor of shape %v: %w", shape, err)
	}
	n := int64(1)
	for _, s := range shape {
		n *= s
	}
	return unsafe.Slice((*float32)(p), n), nil
}

func drop(t *ts.Tensor) {
	if err := t.Drop(); err != nil {
		slog.Warn("engine: a tensor was not freed", "error", err)
	}
}

// LiveTensors counts the tensors that gotch holds for Go. It is for tests: the count must not grow with use.
func LiveTensors() int { return len(ts.ExistingTensors) }
