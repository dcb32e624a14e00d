package checkpoint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/plugins/policies/torch/gguf"
	"github.com/rlvr-harness/harness/plugins/policies/torch/safetensors"
)

// TensorInfo describes a tensor of a model.
type TensorInfo struct {
	Name  string  // as Hugging Face names it: "model.layers.0.self_attn.q_proj.weight"
	Shape []int64 // as PyTorch has it: [out, in] of a projection
	DType string  // as stored: "F32", "BF16", "Q4_1", …
}

// weights are tensors under their Hugging Face names.
type weights interface {
	list() []TensorInfo
	read(name string, dst []float32) error
	files() []string
	Close() error
}

// folderWeights are those of a Hugging Face folder.
type folderWeights struct{ *safetensors.File }

func (w folderWeights) list() []TensorInfo {
	var out []TensorInfo
	for _, t := range w.Tensors() {
		out = append(out, TensorInfo{t.Name, t.Shape, string(t.DType)})
	}
	return out
}

func (w folderWeights) read(name string, dst []float32) error { return w.ReadFloat32(name, dst) }
func (w folderWeights) files() []string                       { return w.Paths() }

// ggufWeights are those of a GGUF file.
type ggufWeights struct {
	*gguf.File
	path   string
	config Config
	names  map[string]string // Hugging Face's → the file's
}

func newGGUFWeights(f *gguf.File, path string, c Config) *ggufWeights {
	w := &ggufWeights{f, path, c, map[string]string{}}
	for _, t := range f.Tensors() {
		if name, ok := hfName(t.Name); ok {
			w.names[name] = t.Name
		}
	}
	return w
}

func (w *ggufWeights) list() []TensorInfo {
	var out []TensorInfo
	for _, t := range w.Tensors() {
		name, ok := hfName(t.Name)
		if !ok {
			name = t.Name
		}
		out = append(out, TensorInfo{name, t.Shape, t.Type.String()})
	}
	return out
}

func (w *ggufWeights) read(name string, dst []float32) error {
	if err := w.Read(w.names[name], dst); err != nil {
		return err
	}
	if w.config.Architecture == Llama {
		if strings.HasSuffix(name, ".self_attn.q_proj.weight") {
			restoreRows(dst, w.config.Heads, w.config.HeadDim)
		}
		if strings.HasSuffix(name, ".self_attn.k_proj.weight") {
			restoreRows(dst, w.config.KVHeads, w.config.HeadDim)
		}
	}
	return nil
}

func (w *ggufWeights) files() []string { return []string{w.path} }

// harmless says that a tensor which the configuration does not ask for may be there: frequencies are computed, and some
// files store a tied head a second time.
func harmless(name string, c Config) bool {
	return name == ropeFreqs || strings.HasSuffix(name, ".rotary_emb.inv_freq") || name == head && c.TieEmbeddings
}

// match holds the tensors that are there against those that the configuration asks for and returns them in its order.
func match(c Config, there []TensorInfo) ([]TensorInfo, error) {
	// A layer has at least nine tensors: more layers than that are not there, and need no list.
	if c.Layers > len(there)/9 {
		return nil, fmt.Errorf("the configuration has %d layers, but there are only %d tensors", c.Layers, len(there))
	}
	byName := make(map[string]TensorInfo, len(there))
	for _, t := range there {
		byName[t.Name] = t
	}
	var out []TensorInfo
	for _, want := range c.expected() {
		found, ok := byName[want.Name]
		if !ok {
			return nil, fmt.Errorf("%s: expected %v, found no such tensor", place(want.Name), want.Shape)
		}
		if !slices.Equal(found.Shape, want.Shape) {
			return nil, fmt.Errorf("%s: expected %v, found %v", place(want.Name), want.Shape, found.Shape)
		}
		if !readable(found.DType) {
			return nil, fmt.Errorf("%s: expected floating-point numbers, found %s", place(want.Name), found.DType)
		}
		delete(byName, want.Name)
		out = append(out, found)
	}
	for _, t := range there {
		if _, left := byName[t.Name]; left && !harmless(t.Name, c) {
			return nil, fmt.Errorf("%s %v: not a tensor of architecture %s with this configuration", place(t.Name), t.Shape, c.Architecture)
		}
	}
	return out, nil
}

// readable leaves out the types of safetensors that are not converted to float32.
func readable(dtype string) bool {
	d := safetensors.DType(dtype)
	return d.Float() || d.Size() == 0 // without a size: a type of GGUF, all of which can be read
}

// place writes "model.layers.3.mlp.up_proj.weight" as "layer 3 mlp.up_proj.weight".
func place(name string) string {
	rest, ok := strings.CutPrefix(name, "model.layers.")
	if layer, tensor, cut := strings.Cut(rest, "."); ok && cut {
		return "layer " + layer + " " + tensor
	}
	return name
}
