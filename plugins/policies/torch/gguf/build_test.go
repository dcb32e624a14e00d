package gguf

import (
	"encoding/binary"
	"math"
)

// builder puts GGUF bytes together, right or wrong.
type builder struct{ b []byte }

func (w *builder) u32(v uint32) *builder { w.b = binary.LittleEndian.AppendUint32(w.b, v); return w }

func (w *builder) u64(v uint64) *builder { w.b = binary.LittleEndian.AppendUint64(w.b, v); return w }
func (w *builder) raw(s string) *builder { w.b = append(w.b, s...); return w }
func (w *builder) str(s string) *builder { return w.u64(uint64(len(s))).raw(s) }
func (w *builder) pad(n int) *builder {
	for len(w.b)%n != 0 {
		w.b = append(w.b, 0)
	}
	return w
}

// head starts a file of version 3.
func head(tensors, keys uint64) *builder {
	return new(builder).raw("GGUF").u32(3).u64(tensors).u64(keys)
}

// tensor describes a tensor; dims are in the file's order, innermost first.
func (w *builder) tensor(name string, t Type, offset uint64, dims ...uint64) *builder {
	w.str(name).u32(uint32(len(dims)))
	for _, d := range dims {
		w.u64(d)
	}
	return w.u32(uint32(t)).u64(offset)
}

// small is a whole file: every kind of metadata, a float32 matrix and a Q8_0 row.
func small() []byte {
	w := head(2, 17).
		str("u8").u32(typeUint8).raw("\xff").
		str("i8").u32(typeInt8).raw("\xff").
		str("u16").u32(typeUint16).raw("\xff\xff").
		str("i16").u32(typeInt16).raw("\xff\xff").
		str("u32").u32(typeUint32).u32(7).
		str("i32").u32(typeInt32).u32(math.MaxUint32).
		str("f32").u32(typeFloat32).u32(math.Float32bits(1e-5)).
		str("bool").u32(typeBool).raw("\x01").
		str("text").u32(typeString).str("grüß").
		str("u64").u32(typeUint64).u64(1<<40).
		str("i64").u32(typeInt64).u64(math.MaxUint64).
		str("f64").u32(typeFloat64).u64(math.Float64bits(0.1)).
		str("texts").u32(typeArray).u32(typeString).u64(2).str("a").str("").
		str("ints").u32(typeArray).u32(typeInt32).u64(2).u32(1).u32(math.MaxUint32).
		str("floats").u32(typeArray).u32(typeFloat32).u64(1).u32(math.Float32bits(0.1)).
		str("nested").u32(typeArray).u32(typeArray).u64(1).u32(typeBool).u64(2).raw("\x00\x01").
		str("general.alignment").u32(typeUint32).u32(64).
		tensor("matrix", F32, 0, 3, 2).
		tensor("row", Q8_0, 64, 32).
		pad(64)
	for i := range 6 {
		w.u32(math.Float32bits(float32(i)))
	}
	w.pad(64).raw("\x00\x38") // 0.5
	for i := range 32 {
		w.b = append(w.b, byte(int8(i-16)))
	}
	return w.b
}
