package adapter

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/rlvr-harness/harness/plugins/policies/torch/lora"
	"github.com/rlvr-harness/harness/plugins/policies/torch/safetensors"
)

// ReadConfig reads the configuration in an adapter's folder.
func ReadConfig(dir string) (Config, error) {
	path := filepath.Join(dir, ConfigFile)
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("adapter: %w; expected a folder that PEFT or harness wrote", err)
	}
	defer f.Close()
	c, err := ParseConfig(f)
	if err != nil {
		return Config{}, fmt.Errorf("adapter: %s: %w", path, err)
	}
	return c, nil
}

// Read reads the weights in an adapter's folder into a flat vector of a layout made from its Config. Every matrix must be there, in
// its shape, and no other.
func Read(dir string, l lora.Layout) ([]float32, error) {
	path := filepath.Join(dir, WeightsFile)
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	defer f.Close()
	v := make([]float32, l.Size)
	known := map[string]bool{}
	for _, m := range l.Matrices {
		known[m.Name] = true
		info, ok := f.Lookup(m.Name)
		if !ok {
			return nil, fmt.Errorf("adapter: %s: tensor %q is missing", path, m.Name)
		}
		if !slices.Equal(info.Shape, []int64{int64(m.Rows), int64(m.Cols)}) {
			return nil, fmt.Errorf("adapter: %s: tensor %q: expected shape [%d %d], found %v; was the adapter trained on this model?", path, m.Name, m.Rows, m.Cols, info.Shape)
		}
		if err := f.ReadFloat32(m.Name, v[m.Offset:m.Offset+m.Len()]); err != nil {
			return nil, fmt.Errorf("adapter: %w", err)
		}
	}
	for _, t := range f.Tensors() {
		if !known[t.Name] {
			return nil, fmt.Errorf("adapter: %s: unexpected tensor %q; the model has no such projection", path, t.Name)
		}
	}
	return v, nil
}

// Write writes both files into dir, which it creates; each appears complete or not at all. The bytes depend on the arguments alone.
func Write(dir string, c Config, l lora.Layout, values []float32) error {
	if len(values) != l.Size || c.Rank != l.Rank {
		return fmt.Errorf("adapter: write %s: %d values of rank %d for a layout of %d of rank %d", dir, len(values), c.Rank, l.Size, l.Rank)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("adapter: %w", err)
	}
	if err := safetensors.Write(filepath.Join(dir, WeightsFile), Tensors(l, values, func(name string) string { return name }), nil); err != nil {
		return fmt.Errorf("adapter: %w", err)
	}
	data, err := c.encode()
	if err != nil {
		return fmt.Errorf("adapter: write %s: %w", dir, err)
	}
	return writeFile(filepath.Join(dir, ConfigFile), data)
}

// Tensors cuts a flat vector into the layout's matrices, under the names that rename gives them.
func Tensors(l lora.Layout, values []float32, rename func(string) string) []safetensors.Tensor {
	ts := make([]safetensors.Tensor, 0, len(l.Matrices))
	for _, m := range l.Matrices {
		ts = append(ts, safetensors.Float32(rename(m.Name), []int64{int64(m.Rows), int64(m.Cols)}, values[m.Offset:m.Offset+m.Len()]))
	}
	return ts
}

// writeFile writes a small file by way of a temporary one beside it.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("adapter: %w", err)
	}
	defer os.Remove(f.Name()) // nothing is left to remove once it was renamed
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("adapter: write %s: %w", path, err)
	}
	return nil
}
