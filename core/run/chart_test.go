package run

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestChart(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]chart{
		"chart_line.html": {
			title: "A & B", note: "a < b", steps: []int{1, 2, 3, 4}, floor: 0, ceiling: nan,
			curves: []curve{{name: "a", class: "s0", values: []float64{0.1, nan, 0.3, 0.25}}, {name: "b", class: "s1", values: []float64{1, 2, 1.5, 1}}},
		},
		"chart_stacked.html": {
			title: "shares", steps: []int{1, 2, 3}, percent: true, stacked: true, floor: 0, ceiling: 1, varies: true,
			curves: []curve{{name: "x", class: "s0", values: []float64{0.25, 0.5, 1}}, {name: "y", class: "s1", values: []float64{0.75, 0.5, 0}}},
		},
		"chart_points.html": {
			title: "held out", steps: []int{0, 8}, percent: true, points: true, floor: 0, ceiling: nan,
			curves: []curve{{name: "pass@1", class: "s0", values: []float64{0.25, 0.5}, low: []float64{0.1, 0.3}, high: []float64{0.4, 0.7}}},
		},
	} {
		html, err := c.HTML()
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, []byte(html+"\n"))
	}
}

func TestExtent(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name           string
		values         []float64
		floor, ceiling float64
		ticks          []float64
	}{
		{"a share", []float64{0.1, 0.9}, 0, 1, []float64{0, 0.25, 0.5, 0.75, 1}},
		{"nothing measured", []float64{nan}, nan, nan, []float64{0, 0.25, 0.5, 0.75, 1}},
		{"all zero", []float64{0, 0}, 0, nan, []float64{0, 0.25, 0.5, 0.75, 1}},
		{"one value", []float64{2e-5}, 0, nan, []float64{0, 5e-6, 1e-5, 1.5e-5, 2e-5}},
		{"both signs", []float64{-0.3, 0.7}, nan, nan, []float64{-0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8}},
		{"less empty space", []float64{20.3}, 0, nan, []float64{0, 5, 10, 15, 20, 25}},
		{"large", []float64{130, 980}, 0, nan, []float64{0, 250, 500, 750, 1000}},
	} {
		low, high, ticks := chart{floor: c.floor, ceiling: c.ceiling, curves: []curve{{values: c.values}}}.extent()
		if len(ticks) != len(c.ticks) {
			t.Errorf("%s: ticks %v, want %v", c.name, ticks, c.ticks)
			continue
		}
		for i := range ticks {
			if math.Abs(ticks[i]-c.ticks[i]) > 1e-12 {
				t.Errorf("%s: ticks %v, want %v", c.name, ticks, c.ticks)
			}
		}
		if low != ticks[0] || high != ticks[len(ticks)-1] {
			t.Errorf("%s: from %v to %v with ticks %v", c.name, low, high, ticks)
		}
	}
}

func TestStepTicks(t *testing.T) {
	for _, c := range []struct {
		first, last int
		want        []int
	}{
		{1, 1, []int{1}}, {1, 4, []int{1, 2, 3, 4}}, {0, 48, []int{0, 10, 20, 30, 40}}, {1, 1000, []int{200, 400, 600, 800, 1000}},
	} {
		if got := stepTicks(c.first, c.last); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%d to %d: %v, want %v", c.first, c.last, got, c.want)
		}
	}
}

func TestLongRunsAreThinned(t *testing.T) {
	c := chart{title: "long", floor: math.NaN(), ceiling: math.NaN(), curves: []curve{{name: "x", class: "s0"}}}
	for i := range 10000 {
		c.steps = append(c.steps, i+1)
		c.curves[0].values = append(c.curves[0].values, float64(i%13))
	}
	thin := c.thin()
	if n := len(thin.steps); n > maxPoints || n < maxPoints/2 || n != len(thin.curves[0].values) {
		t.Errorf("%d steps, %d values", n, len(thin.curves[0].values))
	}
	if thin.steps[len(thin.steps)-1] != 10000 {
		t.Error("the last step is lost")
	}
	if !strings.Contains(thin.note, "mean of 13 steps") || math.Abs(thin.curves[0].values[0]-6) > 1e-12 {
		t.Errorf("note %q, first value %v", thin.note, thin.curves[0].values[0])
	}
}

func TestExponentialMean(t *testing.T) {
	got := exponential([]float64{1, math.NaN(), 3}, 0.5)
	// weights 0.5·0.5 and 0.5 of 1 and 3, divided by their sum
	if got[0] != 1 || !math.IsNaN(got[1]) || math.Abs(got[2]-(0.25*1+0.5*3)/0.75) > 1e-15 {
		t.Errorf("%v", got)
	}
}

func TestTrim(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.25: "0.25", 1.0 / 3: "0.333", 12345: "12345", 2e-5: "2e-05", 1e7: "1e+07", -0.5: "-0.5", 99.96: "100", 1.15: "1.15",
	} {
		if got := trim(v, 3); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}
