package gaming

import "math"

// Window is the number of newest steps over which a drift is looked at, and least the fewest from which anything is said.
const (
	Window = 24
	least  = 12
)

// What a drift must be to count: so many standard errors of its slope, and so much over the window. Findings are a share
// of their mean, since their number depends on the lint profile; the pass rate is in points.
const (
	standardErrors = 2.5
	lintFall       = -0.3
	passFall       = -0.05
)

// Point is what a step's completions were like.
type Point struct {
	// Tokens is their mean length, Lint the mean number of findings, PassRate the share that passed. NaN is "not measured".
	Tokens, Lint, PassRate float64
}

// Trend is a straight line through the window by least squares.
type Trend struct {
	// Change is what the line rises over the window, from the first to the last step.
	Change float64
	// Err is the standard error of Change, as of independent steps.
	Err float64
	// Mean is that of the values.
	Mean float64
}

// Relative is the change as a share of the mean; 0 where the mean is 0.
func (t Trend) Relative() float64 {
	if t.Mean == 0 {
		return 0
	}
	return t.Change / t.Mean
}

// falls says that the line falls by more than chance.
func (t Trend) falls() bool { return t.Change < 0 && t.Change < -standardErrors*t.Err }

// Drift is where length, findings and pass rate are going.
type Drift struct {
	// Steps is the number of steps that it is taken from, at most Window.
	Steps                  int
	Tokens, Lint, PassRate Trend
}

// Degenerates says that lint improves while the pass rate falls: the sign of programs that are short and clean and wrong.
func (d Drift) Degenerates() bool {
	return d.Lint.falls() && d.Lint.Relative() <= lintFall && d.PassRate.falls() && d.PassRate.Change <= passFall
}

// DriftOf looks at the newest steps of a run; false where there are too few.
func DriftOf(points []Point) (Drift, bool) {
	points = points[max(0, len(points)-Window):]
	of := func(value func(Point) float64) (Trend, bool) {
		var xs, ys []float64
		for i, p := range points {
			if v := value(p); !math.IsNaN(v) {
				xs, ys = append(xs, float64(i)), append(ys, v)
			}
		}
		if len(xs) < least {
			return Trend{}, false
		}
		return trend(xs, ys, float64(len(points)-1)), true
	}
	d := Drift{Steps: len(points)}
	var a, b, c bool
	d.Tokens, a = of(func(p Point) float64 { return p.Tokens })
	d.Lint, b = of(func(p Point) float64 { return p.Lint })
	d.PassRate, c = of(func(p Point) float64 { return p.PassRate })
	return d, a && b && c
}

// trend fits a line to at least three points; span is the width of the window.
func trend(xs, ys []float64, span float64) Trend {
	n := float64(len(xs))
	var mx, my float64
	for i := range xs {
		mx += xs[i] / n
		my += ys[i] / n
	}
	var sxx, sxy float64
	for i := range xs {
		sxx += (xs[i] - mx) * (xs[i] - mx)
		sxy += (xs[i] - mx) * (ys[i] - my)
	}
	slope := sxy / sxx
	var rest float64
	for i := range xs {
		r := ys[i] - my - slope*(xs[i]-mx)
		rest += r * r
	}
	return Trend{Change: slope * span, Err: math.Sqrt(rest/(n-2)/sxx) * span, Mean: my}
}
