package policy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rlvr-harness/harness/plugins/policies/torch/adapter"
	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
	"github.com/rlvr-harness/harness/plugins/policies/torch/safetensors"
)

// stateFormat names the state file's form; another form gets another number.
const stateFormat = "harness-torch-policy/1"

// vectors are the parts of a state file by the prefix of their tensors' names.
var vectors = []struct {
	vector engine.Vector
	prefix string
}{{engine.Parameters, "parameters."}, {engine.FirstMoment, "moment1."}, {engine.SecondMoment, "moment2."}}

// SaveAdapter implements core.Policy.
func (p *Policy) SaveAdapter(_ context.Context, dir string) error {
	err := p.thread.Do(func() error {
		values, err := p.engine.Read(engine.Parameters)
		if err != nil {
			return err
		}
		return adapter.Write(dir, p.adapter, p.layout, values)
	})
	if err != nil {
		return fmt.Errorf("torch: save adapter: %w", err)
	}
	return nil
}

// SaveState implements core.Policy: a safetensors file with the adapter and AdamW's moments, and the step count in its metadata.
func (p *Policy) SaveState(_ context.Context, file string) error {
	err := p.thread.Do(func() error {
		if p.accumulated {
			return errors.New("a gradient is accumulated and not applied; save after Step")
		}
		var ts []safetensors.Tensor
		for _, v := range vectors {
			values, err := p.engine.Read(v.vector)
			if err != nil {
				return err
			}
			ts = append(ts, adapter.Tensors(p.layout, values, func(name string) string { return v.prefix + name })...)
		}
		return safetensors.Write(file, ts, map[string]string{
			"format": stateFormat, "updates": strconv.FormatInt(p.updates, 10), "model": p.info.SHA256,
			"rank": strconv.Itoa(p.adapter.Rank), "scale": strconv.FormatFloat(p.adapter.Scale(), 'g', -1, 64),
		})
	})
	if err != nil {
		return fmt.Errorf("torch: save state: %w", err)
	}
	return nil
}

// LoadState implements core.Policy. A file that does not fit this model and adapter changes nothing.
func (p *Policy) LoadState(_ context.Context, file string) error {
	err := p.thread.Do(func() error {
		f, err := safetensors.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		updates, err := p.checkState(f)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		values := make([][]float32, len(vectors))
		for i, v := range vectors {
			if values[i], err = p.readVector(f, v.prefix); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		for i, v := range vectors {
			if err := p.engine.Write(v.vector, values[i]); err != nil {
				return err
			}
		}
		p.drop()
		p.updates = updates
		if p.accumulated {
			p.accumulated = false
			return p.engine.Write(engine.Gradient, make([]float32, p.layout.Size))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("torch: load state: %w", err)
	}
	return nil
}

func (p *Policy) checkState(f *safetensors.File) (updates int64, err error) {
	meta := f.Metadata()
	scale := strconv.FormatFloat(p.adapter.Scale(), 'g', -1, 64)
	for _, want := range []struct{ key, value, what string }{
		{"format", stateFormat, "the file's form"},
		{"model", p.info.SHA256, "the model's sha256"},
		{"rank", strconv.Itoa(p.adapter.Rank), "the adapter's rank"},
		{"scale", scale, "the adapter's scale"},
	} {
		if meta[want.key] != want.value {
			return 0, fmt.Errorf("%s: expected %q, found %q", want.what, want.value, meta[want.key])
		}
	}
	updates, err = strconv.ParseInt(meta["updates"], 10, 64)
	if err != nil || updates < 0 {
		return 0, fmt.Errorf("the number of updates: expected 0 or more, found %q", meta["updates"])
	}
	if n := len(f.Tensors()); n != len(vectors)*len(p.layout.Matrices) {
		return 0, fmt.Errorf("expected %d tensors, found %d", len(vectors)*len(p.layout.Matrices), n)
	}
	return updates, nil
}

func (p *Policy) readVector(f *safetensors.File, prefix string) ([]float32, error) {
	values := make([]float32, p.layout.Size)
	for _, m := range p.layout.Matrices {
		name := prefix + m.Name
		info, ok := f.Lookup(name)
		if !ok {
			return nil, fmt.Errorf("tensor %q is missing", name)
		}
		if !slices.Equal(info.Shape, []int64{int64(m.Rows), int64(m.Cols)}) || info.DType != safetensors.F32 {
			return nil, fmt.Errorf("tensor %q: expected F32 [%d %d], found %s %v", name, m.Rows, m.Cols, info.DType, info.Shape)
		}
		part := values[m.Offset : m.Offset+m.Len()]
		if err := f.ReadFloat32(name, part); err != nil {
			return nil, err
		}
		for _, x := range part {
			if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) || f < 0 && strings.HasPrefix(prefix, "moment2") {
				return nil, fmt.Errorf("tensor %q holds %g", name, x)
			}
		}
	}
	return values, nil
}
