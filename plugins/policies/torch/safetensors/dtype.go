package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/rlvr-harness/harness/plugins/policies/torch/half"
)

// DType is an element type, spelled as in the format.
type DType string

// The element types that this package converts. Others of the format are listed, sized and copied, but not converted.
const (
	Bool DType = "BOOL"
	U8   DType = "U8"
	I32  DType = "I32"
	I64  DType = "I64"
	F16  DType = "F16"
	BF16 DType = "BF16"
	F32  DType = "F32"
	F64  DType = "F64"
)

// dtypeInfo is the size of an element in bytes and the place in the reference writer's order, which puts the widest first.
type dtypeInfo struct{ size, order int }

var dtypes = map[DType]dtypeInfo{
	Bool: {1, 0}, U8: {1, 1}, "I8": {1, 2}, "F8_E5M2": {1, 3}, "F8_E4M3": {1, 4}, "F8_E8M0": {1, 5},
	"I16": {2, 6}, "U16": {2, 7}, F16: {2, 8}, BF16: {2, 9},
	I32: {4, 10}, "U32": {4, 11}, F32: {4, 12},
	"C64": {8, 13}, F64: {8, 14}, I64: {8, 15}, "U64": {8, 16},
}

// Size returns the bytes of one element, or 0 for an unknown type.
func (d DType) Size() int { return dtypes[d].size }

// Float says that tensors of this type can be read as float32.
func (d DType) Float() bool { return d == F32 || d == F16 || d == BF16 || d == F64 }

// float32s converts src, whole elements of type d, into dst.
func float32s(d DType, src []byte, dst []float32) error {
	switch d {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = half.FromBFloat16(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = half.FromFloat16(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
		}
	case Bool, U8, I32, I64:
		fallthrough
	default:
		return fmt.Errorf("expected F32, F16, BF16 or F64, found %s", d)
	}
	return nil
}

// int64s converts src, whole elements of type d, into dst; false is 0 and true is 1.
func int64s(d DType, src []byte, dst []int64) error {
	switch d {
	case I64:
		for i := range dst {
			dst[i] = int64(binary.LittleEndian.Uint64(src[8*i:])) // the bits are a signed number
		}
	case I32:
		for i := range dst {
			dst[i] = int64(int32(binary.LittleEndian.Uint32(src[4*i:]))) // the bits are a signed number
		}
	case U8, Bool:
		for i := range dst {
			dst[i] = int64(src[i])
		}
	case F16, BF16, F32, F64:
		fallthrough
	default:
		return fmt.Errorf("expected I64, I32, U8 or BOOL, found %s", d)
	}
	return nil
}
