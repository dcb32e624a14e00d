package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/plugins/policies/torch/chat"
	"github.com/rlvr-harness/harness/plugins/policies/torch/gguf"
	"github.com/rlvr-harness/harness/plugins/policies/torch/safetensors"
	"github.com/rlvr-harness/harness/plugins/policies/torch/tokenizer"
)

// Model is an opened model. Its methods may be called from several goroutines at once, but for Close.
type Model struct {
	Config    Config
	Tokenizer *tokenizer.Tokenizer // nil where the folder has no tokenizer.json
	Template  *chat.Template       // nil where the model has none
	// ChatVariables are given to the chat template beside the messages, as "enable_thinking" → false for Qwen 3.
	ChatVariables map[string]any
	Path          string
	Name          string // the last part of Path, without .gguf

	bos, eos string // for the chat template
	tensors  []TensorInfo
	index    map[string]int
	weights  weights
}

// Open opens a Hugging Face folder or a GGUF file and checks it: the configuration, that every tensor is there with the right
// shape and no other that would matter, the tokenizer, the chat template. Tensors' data is not read.
func Open(path string) (*Model, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	open := openGGUF
	if st.IsDir() {
		open = openFolder
	}
	m, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", path, err)
	}
	return m, nil
}

func openFolder(dir string) (*Model, error) {
	c, err := readHFConfig(dir)
	if err != nil {
		return nil, err
	}
	f, err := safetensors.OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	m := &Model{Config: c, Path: dir, Name: nameOf(dir), weights: folderWeights{f}}
	if err := m.finish(func() error { return m.readTokenizerFiles(dir) }); err != nil {
		return nil, err
	}
	return m, nil
}

func openGGUF(path string) (*Model, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	c, err := readGGUFConfig(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	m := &Model{Config: c, Path: path, Name: strings.TrimSuffix(nameOf(path), ".gguf"), weights: newGGUFWeights(f, path, c)}
	if err := m.finish(func() error { return m.readGGUFTokenizer(f.Metadata) }); err != nil {
		return nil, err
	}
	return m, nil
}

// finish checks the tensors and reads what belongs to text; on an error it closes the weights.
func (m *Model) finish(readText func() error) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, m.weights.Close())
		}
	}()
	if m.tensors, err = match(m.Config, m.weights.list()); err != nil {
		return err
	}
	m.index = make(map[string]int, len(m.tensors))
	for i, t := range m.tensors {
		m.index[t.Name] = i
	}
	if err := readText(); err != nil {
		return err
	}
	if m.Tokenizer != nil && m.Tokenizer.Size() > m.Config.Vocab {
		return fmt.Errorf("the tokenizer has ids up to %d, the model only %d embeddings", m.Tokenizer.Size()-1, m.Config.Vocab)
	}
	return nil
}

// nameOf is the last part of a path, also of "." and "folder/".
func nameOf(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	return filepath.Base(path)
}

// Tensors lists the model's tensors in the order in which a forward pass meets them. The caller must not change the shapes.
func (m *Model) Tensors() []TensorInfo { return slices.Clone(m.tensors) }

// Read converts a tensor to float32 into dst, row-major; len(dst) is its number of elements. Quantised tensors are
// dequantised, and rows are in Hugging Face's order whatever the file's is.
func (m *Model) Read(name string, dst []float32) error {
	i, ok := m.index[name]
	if !ok {
		return fmt.Errorf("read model %s: no tensor %q", m.Path, name)
	}
	n := int64(1)
	for _, d := range m.tensors[i].Shape {
		n *= d
	}
	if int64(len(dst)) != n {
		return fmt.Errorf("read model %s: %s %v: expected room for %d elements, found %d", m.Path, name, m.tensors[i].Shape, n, len(dst))
	}
	if err := m.weights.read(name, dst); err != nil {
		return fmt.Errorf("read model %s: %s: %w", m.Path, place(name), err)
	}
	return nil
}

// SHA256 returns the hexadecimal sha256 of the weights: of the file, or of the shards' contents one after the other in order of
// their names. It is computed once in a process for as long as the files' sizes and times of change stay.
func (m *Model) SHA256() (string, error) {
	sum, err := sumFiles(m.weights.files())
	if err != nil {
		return "", fmt.Errorf("sha256 of model %s: %w", m.Path, err)
	}
	return sum, nil
}

// Close closes the model's files. Read must not be called after it; the tokenizer and the template stay usable.
func (m *Model) Close() error { return m.weights.Close() }
