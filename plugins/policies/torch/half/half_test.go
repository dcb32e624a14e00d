package half

import (
	"math"
	"testing"
)

func TestFromFloat16(t *testing.T) {
	rows := []struct {
		bits uint16
		want float64
	}{
		{0x0000, 0},
		{0x8000, math.Copysign(0, -1)},
		{0x3c00, 1},
		{0xc000, -2},
		{0x7bff, 65504},
		{0x0001, math.Exp2(-24)},
		{0x83ff, -1023 * math.Exp2(-24)},
		{0x0400, math.Exp2(-14)},
		{0x7c00, math.Inf(1)},
		{0xfc00, math.Inf(-1)},
		{0x3555, 0x1.554p-2},
	}
	for _, r := range rows {
		if got := FromFloat16(r.bits); float64(got) != r.want || math.Signbit(float64(got)) != math.Signbit(r.want) {
			t.Errorf("%#04x: expected %v, found %v", r.bits, r.want, got)
		}
	}
	if got := float64(FromFloat16(0x7e00)); !math.IsNaN(got) {
		t.Errorf("0x7e00: expected NaN, found %v", got)
	}
}

// Every finite number has the value that its fields say.
func TestFromFloat16AgainstDefinition(t *testing.T) {
	for bits := range 1 << 16 {
		exp, frac := bits>>10&31, float64(bits&1023)
		if exp == 31 {
			continue
		}
		want := math.Ldexp(frac, -24)
		if exp > 0 {
			want = math.Ldexp(1024+frac, exp-25)
		}
		if bits>>15 == 1 {
			want = -want
		}
		if got := FromFloat16(uint16(bits)); float64(got) != want {
			t.Fatalf("%#04x: expected %v, found %v", bits, want, got)
		}
	}
}

func TestFromBFloat16(t *testing.T) {
	for bits, want := range map[uint16]float32{0x3fc0: 1.5, 0xbf80: -1, 0: 0, 0x0001: 0x1p-133} {
		if got := FromBFloat16(bits); got != want {
			t.Errorf("%#04x: expected %v, found %v", bits, want, got)
		}
	}
}
