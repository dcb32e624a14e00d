package safetensors

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// Tensor is a tensor to be written.
type Tensor struct {
	Name  string
	DType DType
	Shape []int64
	Data  []byte // row-major, little-endian
}

// Float32 makes a tensor of type F32 from its elements, row-major.
func Float32(name string, shape []int64, values []float32) Tensor {
	data := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	return Tensor{name, F32, shape, data}
}

// Int64 makes a tensor of type I64 from its elements, row-major.
func Int64(name string, shape, values []int64) Tensor {
	data := make([]byte, 8*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint64(data[8*i:], uint64(v)) // the bits are kept
	}
	return Tensor{name, I64, shape, data}
}

// Write writes a file that appears at path complete or not at all. Nil metadata writes the {"format":"pt"} that Python's
// loaders look for. The bytes are those of the reference implementation: widest type first, then by name, the header padded to 8.
func Write(path string, tensors []Tensor, metadata map[string]string) error {
	head, ordered, err := header(tensors, metadata)
	if err != nil {
		return fmt.Errorf("safetensors: write %s: %w", path, err)
	}
	if err := writeAtomic(path, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		for _, t := range ordered {
			if _, err := w.Write(t.Data); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("safetensors: write %s: %w", path, err)
	}
	return nil
}

// header returns the length, the JSON text and its padding, and the tensors in the order of their data.
func header(tensors []Tensor, metadata map[string]string) ([]byte, []Tensor, error) {
	if metadata == nil {
		metadata = map[string]string{"format": "pt"}
	}
	ordered := slices.Clone(tensors)
	slices.SortFunc(ordered, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(dtypes[b.DType].order, dtypes[a.DType].order), cmp.Compare(a.Name, b.Name))
	})
	var text bytes.Buffer
	text.WriteString("{")
	if len(metadata) > 0 {
		text.WriteString(`"__metadata__":{`)
		for i, k := range slices.Sorted(maps.Keys(metadata)) {
			if i > 0 {
				text.WriteByte(',')
			}
			text.Write(quote(k))
			text.WriteByte(':')
			text.Write(quote(metadata[k]))
		}
		text.WriteByte('}')
	}
	at := 0
	seen := map[string]bool{}
	for _, t := range ordered {
		if err := checkTensor(t); err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if seen[t.Name] {
			return nil, nil, fmt.Errorf("tensor %q occurs twice", t.Name)
		}
		seen[t.Name] = true
		if text.Len() > 1 {
			text.WriteByte(',')
		}
		text.Write(quote(t.Name))
		shape := t.Shape
		if shape == nil {
			shape = []int64{}
		}
		dims, err := json.Marshal(shape)
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(&text, `:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, string(t.DType), dims, at, at+len(t.Data))
		at += len(t.Data)
	}
	text.WriteString("}")
	for text.Len()%8 != 0 {
		text.WriteByte(' ')
	}
	if text.Len() > maxHeader {
		return nil, nil, fmt.Errorf("header of %d bytes: the format allows %d", text.Len(), maxHeader)
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(text.Len())) // a length
	return append(out, text.Bytes()...), ordered, nil
}

func checkTensor(t Tensor) error {
	if t.Name == "" || t.Name == "__metadata__" {
		return errors.New("not a name for a tensor")
	}
	size := t.DType.Size()
	if size == 0 {
		return fmt.Errorf("unknown dtype %q", t.DType)
	}
	n, err := elements(t.Shape)
	if err != nil {
		return err
	}
	if n > math.MaxInt64/int64(size) || n*int64(size) != int64(len(t.Data)) {
		return fmt.Errorf("shape %v of %s: expected %d elements of %d bytes, found %d bytes", t.Shape, t.DType, n, size, len(t.Data))
	}
	return nil
}

// quote writes a JSON string without escaping '<', '>' and '&', as the reference does.
func quote(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("safetensors: a string did not encode: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// writeAtomic writes into a temporary file beside path, flushes it to the disk and renames it.
func writeAtomic(path string, fill func(io.Writer) error) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	w := bufio.NewWriterSize(tmp, 1<<20)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
