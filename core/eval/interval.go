package eval

import "math"

// z is the 0.975 quantile of the normal distribution: intervals are of 95 %.
const z = 1.959963984540054

// Estimate is a number with the bounds of its 95 % confidence interval.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// meanOf estimates the mean over a population of tasks of which these are a sample; each value is in [0, 1].
//
// Where every value is 0 or 1, as with one sample a task, the interval is Wilson's score interval (1927). Otherwise it is
// Agresti and Coull's adjusted Wald interval (1998, Am. Stat. 52(2)), whose form does not need whole values: z²/2 tasks that
// are always solved and as many that never are join the data, and the variance is that between tasks. That variance holds
// both the spread of the tasks and the chance of the samples (Miller 2024, arXiv 2411.00640, section 3). Unlike mean ± z·s/√n
// both stay in [0, 1], have a width where all tasks agree, and cover the truth near 0 and 1.
func meanOf(values []float64) Estimate {
	n := float64(len(values))
	sum, squares, whole := 0.0, 0.0, true
	for _, v := range values {
		sum += v
		squares += v * v
		whole = whole && (v == 0 || v == 1)
	}
	if whole {
		return wilson(sum/n, n)
	}
	const added = z * z
	middle := (sum + added/2) / (n + added)
	half := z * math.Sqrt(((squares+added/2)/(n+added)-middle*middle)/(n+added))
	return Estimate{sum / n, max(0, middle-half), min(1, middle+half)}
}

// wilson is the score interval of a share p of n outcomes.
func wilson(p, n float64) Estimate {
	z2 := z * z / n
	middle := (p + z2/2) / (1 + z2)
	half := z / (1 + z2) * math.Sqrt(p*(1-p)/n+z2/(4*n))
	e := Estimate{p, max(0, middle-half), min(1, middle+half)}
	if p == 0 { // exactly, not up to a rounding error
		e.Low = 0
	}
	if p == 1 {
		e.High = 1
	}
	return e
}

// meanDifference estimates the mean of differences in [-1, 1], one per task. The interval is Bonett and Price's adjusted
// Wald interval for paired shares (2012, J. Educ. Behav. Stat. 37(4)): one task more in favour of each side is put to the
// data. It has a width where no task differs, and its form does not need differences that are whole.
func meanDifference(d []float64) Estimate {
	n := float64(len(d))
	sum, squares := 0.0, 0.0
	for _, v := range d {
		sum += v
		squares += v * v
	}
	middle := sum / (n + 2)
	half := z * math.Sqrt(((squares+2)/(n+2)-middle*middle)/(n+2))
	return Estimate{sum / n, max(-1, middle-half), min(1, middle+half)}
}
