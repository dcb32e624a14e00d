package gguf

import "fmt"

// Type is a tensor's element type, numbered as in the format.
type Type uint32

// The element types that this package dequantises.
const (
	F32  Type = 0
	F16  Type = 1
	Q4_0 Type = 2
	Q4_1 Type = 3
	Q5_0 Type = 6
	Q5_1 Type = 7
	Q8_0 Type = 8
	Q4K  Type = 12
	Q5K  Type = 13
	Q6K  Type = 14
	BF16 Type = 30
)

// kind is how a type is stored: blocks of a fixed number of elements and bytes.
type kind struct {
	name       string
	elements   int
	bytes      int
	dequantise func(block []byte, dst []float32) // one block; of a type with one element a block, as many as dst has room for
}

var kinds = map[Type]kind{
	F32:  {"F32", 1, 4, f32},
	F16:  {"F16", 1, 2, f16},
	BF16: {"BF16", 1, 2, bf16},
	Q4_0: {"Q4_0", 32, 18, q4_0},
	Q4_1: {"Q4_1", 32, 20, q4_1},
	Q5_0: {"Q5_0", 32, 22, q5_0},
	Q5_1: {"Q5_1", 32, 24, q5_1},
	Q8_0: {"Q8_0", 32, 34, q8_0},
	Q4K:  {"Q4_K", 256, 144, q4K},
	Q5K:  {"Q5_K", 256, 176, q5K},
	Q6K:  {"Q6_K", 256, 210, q6K},
}

// String returns the type's name in the format, or its number where this package does not read it.
func (t Type) String() string {
	if k, ok := kinds[t]; ok {
		return k.name
	}
	if name, ok := unread[t]; ok {
		return name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// unread names types that exist but are not dequantised here, so that an error can say which one a file has.
var unread = map[Type]string{
	9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL",
	21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0",
	35: "TQ2_0", 39: "MXFP4",
}
