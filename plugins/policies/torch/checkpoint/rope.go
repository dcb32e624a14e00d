package checkpoint

import "math"

// RopeInvFreq returns the HeadDim/2 rotary frequencies in radians per position: at position p the pair of dimensions
// (i, i+HeadDim/2) of a head turns by the angle p*RopeInvFreq()[i].
//
// The plain frequencies are theta^(-2i/HeadDim) (Su et al., "RoFormer", arXiv 2104.09864, section 3.2.2). With Llama3Scaling, slow ones
// are divided by the factor, fast ones kept, and those between interpolated (Llama 3.1's reference code, apply_scaling; transformers,
// _compute_llama3_parameters): with the wavelength w = 2π/f,
//
//	w > original/low:   f / factor
//	w < original/high:  f
//	otherwise:          (1-s)*f/factor + s*f,  s = (original/w - low) / (high - low)
func (c Config) RopeInvFreq() []float64 {
	out := make([]float64, c.HeadDim/2)
	for i := range out {
		f := math.Pow(c.RopeTheta, -2*float64(i)/float64(c.HeadDim))
		if c.RopeScaling != nil {
			f = c.RopeScaling.scale(f)
		}
		if c.RopeFactors != nil {
			f /= c.RopeFactors[i]
		}
		out[i] = f
	}
	return out
}

func (s Llama3Scaling) scale(f float64) float64 {
	original := float64(s.OriginalContext)
	turns := original * f / (2 * math.Pi) // original context in wavelengths
	switch {
	case turns < s.LowFreqFactor:
		return f / s.Factor
	case turns > s.HighFreqFactor:
		return f
	}
	smooth := (turns - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor)
	return (1-smooth)*f/s.Factor + smooth*f
}
