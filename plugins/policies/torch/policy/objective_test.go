package policy

import "math"

// objective is GRPO's loss (Shao et al., arXiv 2402.03300, equation 3, with the k3 estimate of the divergence), or GSPO's (Zheng et
// al., arXiv 2507.18071, equation 5) with sequence true; the mean over sequences of the mean over tokens.
type objective struct {
	low, high, beta float64
	sequence        bool
	advantage       []float64
	old, ref        [][]float64
}

// loss returns the loss of log-probabilities and its derivative by each.
func (o objective) loss(logp [][]float64) (float64, [][]float64) {
	total, grad := 0.0, make([][]float64, len(logp))
	rows := float64(len(logp))
	for i, row := range logp {
		grad[i] = make([]float64, len(row))
		n := float64(len(row))
		mean := 0.0
		for t, v := range row {
			mean += (v - o.old[i][t]) / n
		}
		for t, v := range row {
			a := o.advantage[i]
			ratio := math.Exp(v - o.old[i][t])
			if o.sequence {
				ratio = math.Exp(mean)
			}
			clipped := math.Min(math.Max(ratio, 1-o.low), 1+o.high)
			total -= math.Min(ratio*a, clipped*a) / n / rows
			if ratio*a <= clipped*a {
				if o.sequence {
					for s := range row {
						grad[i][s] -= ratio * a / n / n / rows
					}
				} else {
					grad[i][t] -= ratio * a / n / rows
				}
			}
			if o.beta != 0 {
				d := o.ref[i][t] - v
				total += o.beta * (math.Exp(d) - d - 1) / n / rows
				grad[i][t] += o.beta * (1 - math.Exp(d)) / n / rows
			}
		}
	}
	return total, grad
}
