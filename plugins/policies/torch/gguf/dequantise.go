package gguf

import (
	"encoding/binary"
	"math"

	"github.com/rlvr-harness/harness/plugins/policies/torch/half"
)

// The block layouts are those of ggml (ggml-common.h, ggml-quants.c: dequantize_row_*). Each product is rounded to float32
// before the next operation, as the reference does, so that values are the same to the last bit on every machine.

func scalar(b []byte) float32 { return half.FromFloat16(binary.LittleEndian.Uint16(b)) }

// The three plain types convert as many elements as dst has, so that a block is not a call per element.

func f32(b []byte, dst []float32) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
}

func f16(b []byte, dst []float32) {
	for i := range dst {
		dst[i] = scalar(b[2*i:])
	}
}

func bf16(b []byte, dst []float32) {
	for i := range dst {
		dst[i] = half.FromBFloat16(binary.LittleEndian.Uint16(b[2*i:]))
	}
}

func q4_0(b []byte, dst []float32) {
	d := scalar(b)
	for i, q := range b[2:18] {
		dst[i] = d * float32(int(q&15)-8)
		dst[i+16] = d * float32(int(q>>4)-8)
	}
}

func q4_1(b []byte, dst []float32) {
	d, m := scalar(b), scalar(b[2:])
	for i, q := range b[4:20] {
		dst[i] = float32(d*float32(q&15)) + m
		dst[i+16] = float32(d*float32(q>>4)) + m
	}
}

func q5_0(b []byte, dst []float32) {
	d, high := scalar(b), binary.LittleEndian.Uint32(b[2:])
	for i, q := range b[6:22] {
		dst[i] = d * float32(int(uint32(q&15)|high>>i&1<<4)-16)
		dst[i+16] = d * float32(int(uint32(q>>4)|high>>(i+16)&1<<4)-16)
	}
}

func q5_1(b []byte, dst []float32) {
	d, m, high := scalar(b), scalar(b[2:]), binary.LittleEndian.Uint32(b[4:])
	for i, q := range b[8:24] {
		dst[i] = float32(d*float32(uint32(q&15)|high>>i&1<<4)) + m
		dst[i+16] = float32(d*float32(uint32(q>>4)|high>>(i+16)&1<<4)) + m
	}
}

func q8_0(b []byte, dst []float32) {
	d := scalar(b)
	for i, q := range b[2:34] {
		dst[i] = d * float32(int8(q)) // the bits are a signed number
	}
}

// scalesK unpacks the eight 6-bit scales and minima of a Q4_K or Q5_K block from 12 bytes.
func scalesK(b []byte) (scale, minimum [8]float32) {
	for i := range 4 {
		scale[i] = float32(b[i] & 63)
		minimum[i] = float32(b[i+4] & 63)
		scale[i+4] = float32(b[i+8]&15 | b[i]>>6<<4)
		minimum[i+4] = float32(b[i+8]>>4 | b[i+4]>>6<<4)
	}
	return scale, minimum
}

func q4K(b []byte, dst []float32) {
	d, dmin := scalar(b), scalar(b[2:])
	scale, minimum := scalesK(b[4:16])
	for g := range 4 { // 32 bytes hold two groups of 32: low halves, then high halves
		qs, out := b[16+32*g:48+32*g], dst[64*g:64*g+64]
		d0, m0 := float32(d*scale[2*g]), float32(dmin*minimum[2*g])
		d1, m1 := float32(d*scale[2*g+1]), float32(dmin*minimum[2*g+1])
		for i, q := range qs {
			out[i] = float32(d0*float32(q&15)) - m0
			out[i+32] = float32(d1*float32(q>>4)) - m1
		}
	}
}

func q5K(b []byte, dst []float32) {
	d, dmin := scalar(b), scalar(b[2:])
	scale, minimum := scalesK(b[4:16])
	high := b[16:48]
	for g := range 4 {
		qs, out := b[48+32*g:80+32*g], dst[64*g:64*g+64]
		d0, m0 := float32(d*scale[2*g]), float32(dmin*minimum[2*g])
		d1, m1 := float32(d*scale[2*g+1]), float32(dmin*minimum[2*g+1])
		for i, q := range qs {
			h := high[i] >> (2 * g)
			out[i] = float32(d0*float32(q&15|h&1<<4)) - m0
			out[i+32] = float32(d1*float32(q>>4|h>>1&1<<4)) - m1
		}
	}
}

func q6K(b []byte, dst []float32) {
	d := scalar(b[208:])
	var scale [16]float32
	for i := range scale {
		scale[i] = float32(d * float32(int8(b[192+i]))) // the bits are a signed number
	}
	for g := range 2 { // two halves of 128 elements
		low, high, out := b[64*g:64*g+64], b[128+32*g:160+32*g], dst[128*g:128*g+128]
		for i := range 32 {
			h, s := high[i], scale[8*g+i/16:]
			out[i] = s[0] * float32(int(low[i]&15|h&3<<4)-32)
			out[i+32] = s[2] * float32(int(low[i+32]&15|h>>2&3<<4)-32)
			out[i+64] = s[4] * float32(int(low[i]>>4|h>>4&3<<4)-32)
			out[i+96] = s[6] * float32(int(low[i+32]>>4|h>>6&3<<4)-32)
		}
	}
}
