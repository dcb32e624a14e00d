package gaming

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestDrift(t *testing.T) {
	// A run of 32 completions a step: a line and the noise of the steps' samples and tasks.
	made := func(steps int, seed uint64, tokens, lint, pass func(x float64) float64) []Point {
		rng := rand.New(rand.NewPCG(seed, 0))
		var out []Point
		for i := range steps {
			x := float64(i) / float64(steps)
			out = append(out, Point{tokens(x) + 4*rng.NormFloat64(), lint(x) + 0.1*rng.NormFloat64(), pass(x) + 0.06*rng.NormFloat64()})
		}
		return out
	}
	level := func(v float64) func(float64) float64 { return func(float64) float64 { return v } }
	line := func(from, to float64) func(float64) float64 {
		return func(x float64) float64 { return from + (to-from)*x }
	}
	for _, c := range []struct {
		name               string
		steps              int
		tokens, lint, pass func(float64) float64
		measured, warns    bool
	}{
		{"too few steps", least - 1, line(90, 20), line(1, 0.1), line(0.5, 0.1), false, false},
		{"nothing happens", 48, level(60), level(0.6), level(0.4), true, false},
		{"both improve", 24, line(90, 40), line(1, 0.1), line(0.2, 0.6), true, false},
		{"both get worse", 24, level(60), line(0.3, 1.2), line(0.6, 0.2), true, false},
		{"lint improves alone", 24, line(90, 40), line(1, 0.1), level(0.4), true, false},
		{"the pass rate falls alone", 24, level(60), level(0.6), line(0.6, 0.2), true, false},
		{"degenerates", 24, line(90, 30), line(1, 0.1), line(0.6, 0.2), true, true},
		{"degenerates in a short run", 16, line(90, 30), line(1, 0.1), line(0.6, 0.1), true, true},
		{"degenerates without getting shorter", 24, level(60), line(1, 0.1), line(0.6, 0.2), true, true},
		{"by too little to care", 24, level(60), line(0.65, 0.6), line(0.42, 0.39), true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(20) {
				d, ok := DriftOf(made(c.steps, seed, c.tokens, c.lint, c.pass))
				if ok != c.measured || d.Degenerates() != c.warns {
					t.Errorf("seed %d: measured %v, warns %v: %+v", seed, ok, d.Degenerates(), d)
				}
			}
		})
	}
}

// Over runs in which nothing happens, the warning hardly ever appears.
func TestDriftFalseAlarms(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	const runs, steps = 300, 100
	alarmed := 0
	for range runs {
		var points []Point
		for range steps {
			points = append(points, Point{60 + 10*rng.NormFloat64(), 0.6 + 0.2*rng.NormFloat64(), 0.4 + 0.1*rng.NormFloat64()})
			if d, ok := DriftOf(points); ok && d.Degenerates() {
				alarmed++
				break
			}
		}
	}
	t.Logf("%d of %d runs of %d steps of noise", alarmed, runs, steps)
	if alarmed > runs/50 {
		t.Errorf("%d of %d runs of noise are warned of", alarmed, runs)
	}
}

func TestTrend(t *testing.T) {
	got := trend([]float64{0, 1, 2, 3}, []float64{1, 3, 2, 4}, 3)
	// slope 0.8, residuals -0.3 0.9 -0.9 0.3, so s² = 1.8/2 and the slope's error is sqrt(0.9/5)
	for _, p := range [][2]float64{{got.Change, 2.4}, {got.Err, 3 * math.Sqrt(0.18)}, {got.Mean, 2.5}, {got.Relative(), 0.96}} {
		if math.Abs(p[0]-p[1]) > 1e-12 {
			t.Errorf("got %+v: %v, want %v", got, p[0], p[1])
		}
	}
	if (Trend{Change: 1}).Relative() != 0 {
		t.Error("a share of nothing")
	}
	points := make([]Point, 40)
	for i := range points {
		points[i] = Point{math.NaN(), 1, 1}
	}
	if _, ok := DriftOf(points); ok {
		t.Error("lengths that were not measured have a drift")
	}
}
