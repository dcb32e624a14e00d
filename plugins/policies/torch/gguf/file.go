package gguf

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
)

// Tensor describes a tensor.
type Tensor struct {
	Name string
	// Shape is outermost first, as in PyTorch: the reverse of the file's order.
	Shape []int64
	Type  Type

	offset int64 // of the data, from the start of the file
	size   int64 // bytes of the data
}

// Elements returns the number of elements.
func (t Tensor) Elements() int64 {
	n := int64(1)
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// File is an opened GGUF file. Its methods may be called from several goroutines at once.
type File struct {
	Version  int
	Metadata Metadata

	tensors []Tensor
	index   map[string]int
	r       io.ReaderAt
	closer  io.Closer
}

// Open reads everything but the tensors' data from the file at path. The file stays open until Close.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = errors.New("expected a file, found a folder")
	}
	var file *File
	if err == nil {
		file, err = NewFile(f, st.Size())
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("gguf: %s: %w", path, err)
	}
	file.closer = f
	return file, nil
}

// NewFile reads everything but the tensors' data from a file of size bytes that r holds.
func NewFile(r io.ReaderAt, size int64) (*File, error) {
	d := &decoder{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 1<<16), size: size}
	var magic [4]byte
	d.fill(magic[:])
	if d.err == nil && string(magic[:]) != "GGUF" {
		return nil, fmt.Errorf("expected the file to start with GGUF, found %q", magic[:])
	}
	version := d.u32()
	if d.err == nil && version != 2 && version != 3 {
		if version&0xffff == 0 && version != 0 {
			return nil, errors.New("the file is big-endian; convert it to little-endian")
		}
		return nil, fmt.Errorf("expected GGUF version 2 or 3, found %d", version)
	}
	tensors := d.count("tensors", 24, maxTensors)
	keys := d.count("metadata pairs", 13, maxKeys)
	f := &File{Version: int(version), Metadata: d.metadata(keys), r: r}
	if d.err != nil {
		return nil, d.err
	}
	if err := f.readTensors(d, tensors); err != nil {
		return nil, err
	}
	return f, nil
}

// readTensors reads the tensors' descriptions and checks where their data lies.
func (f *File) readTensors(d *decoder, n int) error {
	align := int64(32) // the format's default
	if f.Metadata.Has("general.alignment") {
		a, err := f.Metadata.Int("general.alignment")
		if err != nil {
			return err
		}
		if a < 1 || a > 1<<20 || a&(a-1) != 0 {
			return fmt.Errorf("metadata general.alignment: expected a power of two up to %d, found %d", 1<<20, a)
		}
		align = int64(a)
	}
	f.index = make(map[string]int, min(n, 1<<12))
	for i := range n {
		t, err := readTensor(d, align)
		if err != nil {
			return fmt.Errorf("tensor %d %q: %w", i, t.Name, err)
		}
		if _, twice := f.index[t.Name]; twice {
			return fmt.Errorf("tensor %q occurs twice", t.Name)
		}
		f.index[t.Name] = len(f.tensors)
		f.tensors = append(f.tensors, t)
	}
	start := (d.at + align - 1) / align * align
	for i := range f.tensors {
		t := &f.tensors[i]
		if t.offset > math.MaxInt64-start-t.size || start+t.offset+t.size > d.size {
			return fmt.Errorf("tensor %q %v of %s: expected %d bytes at offset %d of the data, which would need a file of more than %d bytes: the file is truncated; fetch it again",
				t.Name, t.Shape, t.Type, t.size, t.offset, d.size)
		}
		t.offset += start
	}
	return f.checkOverlap()
}

// readTensor reads one description; its offset is still relative to the data's start.
func readTensor(d *decoder, align int64) (Tensor, error) {
	t := Tensor{Name: d.text("a tensor's name", maxKey)}
	dims := d.u32()
	if d.err == nil && (dims < 1 || dims > maxDims) {
		d.fail("expected 1 to %d dimensions, found %d", maxDims, dims)
	}
	if d.err != nil {
		return t, d.err
	}
	n := int64(1)
	for range dims {
		size := d.u64()
		if d.err == nil && (size == 0 || size > uint64(math.MaxInt64/n)) { // n is positive
			d.fail("dimension %d: expected 1 to %d", size, math.MaxInt64/n)
		}
		if d.err != nil {
			return t, d.err
		}
		t.Shape = append(t.Shape, int64(size)) // checked above
		n *= int64(size)                       // checked above
	}
	t.Type = Type(d.u32())
	offset := d.u64()
	if d.err != nil {
		return t, d.err
	}
	k, ok := kinds[t.Type]
	if !ok {
		return t, fmt.Errorf("%s is not supported; known types: %s", t.Type, knownTypes())
	}
	if t.Shape[0]%int64(k.elements) != 0 {
		return t, fmt.Errorf("rows of %d elements: expected a multiple of %d for %s", t.Shape[0], k.elements, t.Type)
	}
	blocks := n / int64(k.elements)
	if blocks > math.MaxInt64/int64(k.bytes) {
		return t, fmt.Errorf("%d elements of %s are too many", n, t.Type)
	}
	t.size = blocks * int64(k.bytes)
	if offset > math.MaxInt64 || int64(offset)%align != 0 {
		return t, fmt.Errorf("offset %d: expected a multiple of %d", offset, align)
	}
	t.offset = int64(offset)
	slices.Reverse(t.Shape)
	return t, nil
}

// checkOverlap refuses two tensors that share bytes.
func (f *File) checkOverlap() error {
	byPlace := slices.Clone(f.tensors)
	slices.SortFunc(byPlace, func(a, b Tensor) int {
		if a.offset < b.offset {
			return -1
		}
		return 1
	})
	for i := 1; i < len(byPlace); i++ {
		a, b := byPlace[i-1], byPlace[i]
		if a.offset+a.size > b.offset {
			return fmt.Errorf("tensors %q and %q overlap: %q ends at byte %d, %q starts at %d", a.Name, b.Name, a.Name, a.offset+a.size, b.Name, b.offset)
		}
	}
	return nil
}

// knownTypes lists the types that can be read.
func knownTypes() string {
	var ids []Type
	for t := range kinds {
		ids = append(ids, t)
	}
	slices.Sort(ids)
	text := ""
	for i, t := range ids {
		if i > 0 {
			text += ", "
		}
		text += t.String()
	}
	return text
}

// Tensors lists the tensors in the file's order. The caller must not change the shapes.
func (f *File) Tensors() []Tensor { return slices.Clone(f.tensors) }

// Lookup finds a tensor by name.
func (f *File) Lookup(name string) (Tensor, bool) {
	i, ok := f.index[name]
	if !ok {
		return Tensor{}, false
	}
	return f.tensors[i], true
}

// Read dequantises a tensor into dst, row-major; len(dst) is its number of elements.
func (f *File) Read(name string, dst []float32) error {
	t, ok := f.Lookup(name)
	if !ok {
		return fmt.Errorf("gguf: no tensor %q", name)
	}
	if int64(len(dst)) != t.Elements() {
		return fmt.Errorf("gguf: read %q %v: expected room for %d elements, found %d", name, t.Shape, t.Elements(), len(dst))
	}
	k := kinds[t.Type]
	buf := make([]byte, min(t.size, int64((1<<20)/k.bytes*k.bytes)))
	for at := int64(0); at < t.size; at += int64(len(buf)) {
		buf = buf[:min(t.size-at, int64(cap(buf)))]
		if n, err := f.r.ReadAt(buf, t.offset+at); n < len(buf) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("gguf: read %q: %w", name, err)
		}
		if k.elements == 1 {
			n := len(buf) / k.bytes
			k.dequantise(buf, dst[:n])
			dst = dst[n:]
			continue
		}
		for b := 0; b < len(buf); b += k.bytes {
			k.dequantise(buf[b:b+k.bytes], dst[:k.elements])
			dst = dst[k.elements:]
		}
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}
