package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// Limits that no sane file reaches; they keep a hostile one from costing much.
const (
	maxKey     = 1 << 16 // bytes of a key or a tensor's name; the format says 65535 for keys
	maxDims    = 4       // the format's limit
	maxNesting = 3       // arrays in arrays
	maxKeys    = 1 << 20
	maxTensors = 1 << 20
)

// The format's value types.
const (
	typeUint8 uint32 = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
)

// valueSize is the bytes of a value, or the least that it can have: a text or an array has at least its length.
var valueSize = [...]int64{1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8}

// decoder reads the part of a file before the tensors' data. The first error sticks; values read after it are zero.
type decoder struct {
	r    *bufio.Reader
	at   int64
	size int64 // of the whole file
	err  error
	buf  [8]byte
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("at byte %d: %w", d.at, fmt.Errorf(format, args...))
	}
}

func (d *decoder) left() int64 { return d.size - d.at }

func (d *decoder) fill(b []byte) {
	if d.err == nil {
		if _, err := io.ReadFull(d.r, b); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				d.fail("expected %d more bytes, found %d: the file is truncated; fetch it again", len(b), d.left())
			} else {
				d.fail("read: %w", err)
			}
		}
	}
	if d.err != nil {
		clear(b)
		return
	}
	d.at += int64(len(b))
}

func (d *decoder) u32() uint32 { d.fill(d.buf[:4]); return binary.LittleEndian.Uint32(d.buf[:4]) }
func (d *decoder) u64() uint64 { d.fill(d.buf[:8]); return binary.LittleEndian.Uint64(d.buf[:8]) }

// count reads a number of things that have at least size bytes each and checks that the file can hold them.
func (d *decoder) count(what string, size int64, limit uint64) int {
	n := d.u64()
	if d.err == nil && (n > limit || n > uint64(max(d.left(), 0)/size)) { // not negative
		d.fail("%d %s: the file has only %d bytes left", n, what, d.left())
	}
	if d.err != nil {
		return 0
	}
	return int(n) // at most the file's size
}

func (d *decoder) text(what string, limit uint64) string {
	b := make([]byte, d.count("bytes of "+what, 1, limit))
	d.fill(b)
	return string(b)
}

// value reads one value of the given type.
func (d *decoder) value(t uint32, depth int) any {
	if t == typeArray {
		return d.array(depth)
	}
	if t == typeString {
		return d.text("a text", math.MaxInt64)
	}
	if t >= uint32(len(valueSize)) {
		d.fail("unknown value type %d", t)
		return nil
	}
	b := d.buf[:valueSize[t]]
	d.fill(b)
	switch t {
	case typeBool:
		return b[0] != 0
	case typeFloat32:
		return shortest(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case typeFloat64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return integer(t, b)
}

func integer(t uint32, b []byte) any {
	switch t {
	case typeUint8:
		return uint64(b[0])
	case typeInt8:
		return int64(int8(b[0])) // the bits are a signed number
	case typeUint16:
		return uint64(binary.LittleEndian.Uint16(b))
	case typeInt16:
		return int64(int16(binary.LittleEndian.Uint16(b))) // the bits are a signed number
	case typeUint32:
		return uint64(binary.LittleEndian.Uint32(b))
	case typeInt32:
		return int64(int32(binary.LittleEndian.Uint32(b))) // the bits are a signed number
	case typeInt64:
		return int64(binary.LittleEndian.Uint64(b)) // the bits are a signed number
	}
	return binary.LittleEndian.Uint64(b)
}

// shortest widens a float32 to the float64 with the same shortest decimal form.
func shortest(v float32) float64 {
	if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
		return float64(v)
	}
	w, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
	if err != nil {
		return float64(v)
	}
	return w
}

// array reads an array; lists of numbers become []int64, []uint64 or []float64.
func (d *decoder) array(depth int) any {
	t := d.u32()
	if d.err == nil && t >= uint32(len(valueSize)) {
		d.fail("array of unknown value type %d", t)
	}
	if d.err == nil && depth >= maxNesting {
		d.fail("arrays nested more than %d deep", maxNesting)
	}
	if d.err != nil {
		return nil
	}
	n := d.count("array elements", valueSize[t], math.MaxInt64)
	switch t {
	case typeBool:
		return list[bool](d, t, n, depth)
	case typeString:
		return list[string](d, t, n, depth)
	case typeFloat32, typeFloat64:
		return list[float64](d, t, n, depth)
	case typeInt8, typeInt16, typeInt32, typeInt64:
		return list[int64](d, t, n, depth)
	case typeArray:
		return list[any](d, t, n, depth)
	}
	return list[uint64](d, t, n, depth)
}

func list[T any](d *decoder, t uint32, n, depth int) []T {
	out := make([]T, 0, min(n, 1<<16)) // grows as elements are really there
	for range n {
		v := d.value(t, depth+1)
		if d.err != nil {
			return nil
		}
		out = append(out, v.(T))
	}
	return out
}

// metadata reads n key-value pairs.
func (d *decoder) metadata(n int) Metadata {
	m := make(Metadata, min(n, 1<<10))
	for range n {
		key := d.text("a key", maxKey)
		if d.err == nil && !utf8.ValidString(key) {
			d.fail("key %q is not valid UTF-8", key)
		}
		if d.err == nil && m.Has(key) {
			d.fail("key %q occurs twice", key)
		}
		v := d.value(d.u32(), 0)
		if d.err != nil {
			d.err = fmt.Errorf("metadata %q: %w", key, d.err)
			return nil
		}
		m[key] = v
	}
	return m
}
