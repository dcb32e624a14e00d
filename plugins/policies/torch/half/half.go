// Package half converts 16-bit floating-point numbers, as weight files hold them, to float32. What holds them is left to
// packages gguf and safetensors.
package half

import "math"

// FromFloat16 converts the bits of an IEEE 754 binary16 number. The conversion is exact.
func FromFloat16(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp := uint32(h>>10) & 0x1f
	frac := uint32(h & 0x3ff)
	switch exp {
	case 0: // zero or subnormal: frac * 2^-24 is exact in float32
		return math.Float32frombits(math.Float32bits(float32(frac)/(1<<24)) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// FromBFloat16 converts the bits of a bfloat16 number. The conversion is exact.
func FromBFloat16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }
