package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Info describes a tensor.
type Info struct {
	Name  string
	DType DType
	Shape []int64 // outermost first; empty for a scalar
}

// Elements returns the number of elements.
func (i Info) Elements() int64 {
	n := int64(1)
	for _, d := range i.Shape {
		n *= d
	}
	return n
}

// File is one safetensors file, or the shards of a folder as if they were one. Its methods may be called from several
// goroutines at once.
type File struct {
	tensors []Info
	places  map[string]place
	meta    map[string]string
	paths   []string
	closers []io.Closer
}

type place struct {
	info Info
	r    io.ReaderAt
	at   int64 // byte offset in r
	size int64 // bytes
}

// Open reads the header of the file at path. The file stays open until Close.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	if st.IsDir() {
		_ = f.Close()
		return nil, fmt.Errorf("safetensors: %s: expected a file, found a folder", path)
	}
	file, err := NewFile(f, st.Size())
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("safetensors: %s: %w", path, err)
	}
	file.closers, file.paths = []io.Closer{f}, []string{path}
	return file, nil
}

// NewFile reads the header of a file of size bytes that r holds.
func NewFile(r io.ReaderAt, size int64) (*File, error) {
	var head [8]byte
	if size < int64(len(head)) {
		return nil, fmt.Errorf("expected at least 8 bytes, found %d: not a safetensors file", size)
	}
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("read header length: %w", err)
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxHeader {
		return nil, fmt.Errorf("header of %d bytes: expected at most %d: not a safetensors file", n, maxHeader)
	}
	length := int64(n)
	if length > size-8 {
		return nil, fmt.Errorf("header of %d bytes: the file has only %d: truncated; fetch it again", length, size)
	}
	text := make([]byte, length)
	if _, err := r.ReadAt(text, 8); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	entries, meta, err := parseHeader(text, size-8-length)
	if err != nil {
		return nil, err
	}
	f := &File{places: make(map[string]place, len(entries)), meta: meta}
	for _, e := range entries {
		f.tensors = append(f.tensors, e.info)
		f.places[e.info.Name] = place{e.info, r, 8 + length + e.begin, e.end - e.begin}
	}
	return f, nil
}

// Tensors lists the tensors in the order of their data. The caller must not change the shapes.
func (f *File) Tensors() []Info { return slices.Clone(f.tensors) }

// Lookup finds a tensor by name.
func (f *File) Lookup(name string) (Info, bool) {
	p, ok := f.places[name]
	return p.info, ok
}

// Metadata returns the header's free-form strings; nil where there are none.
func (f *File) Metadata() map[string]string { return f.meta }

// Paths lists the files that were opened, in order of their names.
func (f *File) Paths() []string { return slices.Clone(f.paths) }

// Close closes the files.
func (f *File) Close() error {
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// chunk is how many bytes are read at once while a tensor is converted; a multiple of every element size.
const chunk = 1 << 20

// ReadFloat32 converts a tensor of type F32, F16, BF16 or F64 into dst, row-major; len(dst) is its number of elements.
func (f *File) ReadFloat32(name string, dst []float32) error {
	return read(f, name, dst, float32s)
}

// ReadInt64 converts a tensor of type I64, I32, U8 or BOOL into dst, row-major; len(dst) is its number of elements.
func (f *File) ReadInt64(name string, dst []int64) error {
	return read(f, name, dst, int64s)
}

// ReadBytes returns a tensor's data as it is stored: row-major, little-endian.
func (f *File) ReadBytes(name string) ([]byte, error) {
	p, ok := f.places[name]
	if !ok {
		return nil, fmt.Errorf("safetensors: no tensor %q", name)
	}
	data := make([]byte, p.size)
	if err := readAt(p.r, data, p.at); err != nil {
		return nil, fmt.Errorf("safetensors: read %q: %w", name, err)
	}
	return data, nil
}

func read[T any](f *File, name string, dst []T, convert func(DType, []byte, []T) error) error {
	p, ok := f.places[name]
	if !ok {
		return fmt.Errorf("safetensors: no tensor %q", name)
	}
	size := p.info.DType.Size()
	if n := p.size / int64(size); int64(len(dst)) != n {
		return fmt.Errorf("safetensors: read %q %v: expected room for %d elements, found %d", name, p.info.Shape, n, len(dst))
	}
	buf := make([]byte, min(p.size, chunk))
	for at := int64(0); at < p.size; at += int64(len(buf)) {
		buf = buf[:min(p.size-at, chunk)]
		if err := readAt(p.r, buf, p.at+at); err != nil {
			return fmt.Errorf("safetensors: read %q: %w", name, err)
		}
		first := at / int64(size)
		if err := convert(p.info.DType, buf, dst[first:first+int64(len(buf)/size)]); err != nil {
			return fmt.Errorf("safetensors: read %q: %w", name, err)
		}
	}
	return nil
}

// readAt fills buf; a file that became shorter since it was opened is an error.
func readAt(r io.ReaderAt, buf []byte, at int64) error {
	if n, err := r.ReadAt(buf, at); n < len(buf) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}
