package lora

import "math"

// Init returns an adapter's first values: A uniform in ±1/sqrt(in), which is what PEFT's Kaiming initialisation comes to, and B zero,
// so that the adapter changes nothing yet. Each value depends on the seed and its place alone: the same on every machine.
func (l Layout) Init(seed uint64) []float32 {
	v := make([]float32, l.Size)
	for _, m := range l.Matrices {
		if m.B {
			continue
		}
		bound := 1 / math.Sqrt(float64(m.Cols))
		for i := range m.Len() {
			v[m.Offset+i] = float32((2*uniform(seed, uint64(m.Offset+i)) - 1) * bound) // a place in a vector is not negative
		}
	}
	return v
}

// uniform is the nth number in [0, 1) of a seed: SplitMix64's finaliser (Steele, Lea and Flood, 2014) over a counter.
func uniform(seed, n uint64) float64 {
	mix := func(z uint64) uint64 {
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return z ^ z>>31
	}
	return float64(mix(mix(seed+0x9e3779b97f4a7c15)+(n+1)*0x9e3779b97f4a7c15)>>11) * 0x1p-53
}
