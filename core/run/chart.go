package run

import (
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// A chart is drawn here, as SVG, and needs no script; the report's script reads the same numbers from the element behind
// it to show values under the pointer and to smooth.

// curve is a row of numbers over the steps; NaN leaves a gap.
type curve struct {
	name string
	// class names the colour in the style sheet.
	class  string
	values []float64
	// low and high bound a band around the values; nil for none.
	low, high []float64
}

// chart is a figure with the steps to the right.
type chart struct {
	title, note string
	unit        string // behind a value, as " s"
	steps       []int
	curves      []curve
	stacked     bool
	// points marks each value, for curves with few of them.
	points bool
	// floor and ceiling widen the range of the vertical axis; NaN does nothing.
	floor, ceiling float64
	percent        bool
	varies         bool
}

const (
	chartWidth, chartHeight = 560.0, 214.0
	plotLeft, plotRight     = 46.0, 10.0
	plotTop, plotBottom     = 10.0, 24.0
	plotWidth               = chartWidth - plotLeft - plotRight
	plotHeight              = chartHeight - plotTop - plotBottom
	// maxPoints is the number of points that a curve may have; beyond it neighbours are averaged.
	maxPoints = 800
	// smoothing is the factor of the exponential mean that is drawn over noisy curves.
	smoothing = 0.6
)

// thin averages neighbouring steps until there are no more than maxPoints of them.
func (c chart) thin() chart {
	by := (len(c.steps) + maxPoints - 1) / maxPoints
	if by <= 1 {
		return c
	}
	mean := func(values []float64) []float64 {
		if values == nil {
			return nil
		}
		var out []float64
		for at := 0; at < len(values); at += by {
			sum, n := 0.0, 0.0
			for _, v := range values[at:min(at+by, len(values))] {
				if !math.IsNaN(v) {
					sum, n = sum+v, n+1
				}
			}
			out = append(out, sum/n) // NaN where nothing was measured
		}
		return out
	}
	thinned := c
	thinned.steps, thinned.curves = nil, nil
	for at := 0; at < len(c.steps); at += by {
		thinned.steps = append(thinned.steps, c.steps[min(at+by, len(c.steps))-1])
	}
	for _, k := range c.curves {
		k.values, k.low, k.high = mean(k.values), mean(k.low), mean(k.high)
		thinned.curves = append(thinned.curves, k)
	}
	thinned.note = strings.TrimPrefix(thinned.note+fmt.Sprintf(" Each point is the mean of %d steps.", by), " ")
	return thinned
}

// exponential returns the bias-corrected exponential mean of values; gaps stay gaps.
func exponential(values []float64, factor float64) []float64 {
	out := make([]float64, len(values))
	sum, weight := 0.0, 0.0
	for i, v := range values {
		if math.IsNaN(v) {
			out[i] = v
			continue
		}
		sum, weight = factor*sum+(1-factor)*v, factor*weight+(1-factor)
		out[i] = sum / weight
	}
	return out
}

// smooth says whether a smoothed curve is drawn over the values.
func (c chart) smooth() bool { return !c.stacked && !c.points && len(c.steps) >= 8 }

// bands returns lower and upper edges of the stacked curves.
func (c chart) bands() (lower, upper [][]float64) {
	base := make([]float64, len(c.steps))
	for _, k := range c.curves {
		top := make([]float64, len(base))
		for i := range base {
			top[i] = base[i]
			if i < len(k.values) && !math.IsNaN(k.values[i]) {
				top[i] += k.values[i]
			}
		}
		lower, upper = append(lower, base), append(upper, top)
		base = top
	}
	return lower, upper
}

// extent returns the range of the vertical axis and its ticks.
func (c chart) extent() (low, high float64, ticks []float64) {
	low, high = math.Inf(1), math.Inf(-1)
	see := func(values []float64) {
		for _, v := range values {
			if !math.IsNaN(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if c.stacked {
		_, upper := c.bands()
		for _, u := range upper {
			see(u)
		}
		low = 0
	} else {
		for _, k := range c.curves {
			see(k.values)
			see(k.low)
			see(k.high)
		}
	}
	if !math.IsNaN(c.floor) {
		low = min(low, c.floor)
	}
	if !math.IsNaN(c.ceiling) {
		high = max(high, c.ceiling)
	}
	if math.IsInf(low, 0) || math.IsInf(high, 0) {
		low, high = 0, 1
	}
	if high-low < 1e-12*max(1e-300, math.Abs(high)) {
		pad := math.Abs(high) / 10
		if pad == 0 {
			pad = 1
		}
		if low >= 0 {
			low = max(0, low-pad)
		} else {
			low -= pad
		}
		high += pad
	}
	ticks = ticksAt(low, high, niceStep((high-low)/4))
	if finer := ticksAt(low, high, niceStep((high-low)/5)); last(finer)-finer[0] < (last(ticks)-ticks[0])*(1-1e-9) {
		ticks = finer // less empty space
	}
	return ticks[0], last(ticks), ticks
}

// ticksAt returns multiples of step around a range.
func ticksAt(low, high, step float64) []float64 {
	var ticks []float64
	for i := math.Floor(low/step + 1e-9); ; i++ {
		ticks = append(ticks, i*step)
		if i*step >= high-step*1e-9 {
			return ticks
		}
	}
}

// niceStep returns the next of 1, 2, 2.5, 5 times a power of ten that is at least x.
func niceStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*power >= x*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// stepTicks returns round step numbers between the first and the last.
func stepTicks(first, last int) []int {
	if last <= first {
		return []int{first}
	}
	by := int(math.Ceil(niceStep(float64(last-first)/6) - 1e-9))
	by = max(by, 1)
	var ticks []int
	for t := (first + by - 1) / by * by; t <= last; t += by {
		ticks = append(ticks, t)
	}
	return ticks
}

func (c chart) x(step int) float64 {
	first, last := c.steps[0], c.steps[len(c.steps)-1]
	if first == last {
		return plotLeft + plotWidth/2
	}
	return plotLeft + plotWidth*float64(step-first)/float64(last-first)
}

func scaleY(v, low, high float64) float64 { return plotTop + plotHeight*(1-(v-low)/(high-low)) }

// num writes a coordinate.
func num(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10+0, 'f', -1, 64)
}

// label writes a value of an axis or of a table.
func (c chart) label(v float64) string {
	if c.percent {
		return trim(v*100, 3) + " %"
	}
	return trim(v, 3) + c.unit
}

// trim writes a number with so many significant digits, without an exponent where that is short.
func trim(v float64, digits int) string {
	if v == 0 {
		return "0"
	}
	if a := math.Abs(v); a < 1e-4 || a >= 1e6 {
		return strconv.FormatFloat(v, 'g', digits, 64)
	}
	if math.Abs(v) >= math.Pow(10, float64(digits)) {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	if err != nil {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(r, 'f', -1, 64)
}

// line returns the path of values with its gaps.
func (c chart) line(values []float64, low, high float64) string {
	var b strings.Builder
	pen := false
	for i, v := range values {
		if math.IsNaN(v) {
			pen = false
			continue
		}
		if pen {
			b.WriteByte('L')
		} else {
			b.WriteByte('M')
		}
		b.WriteString(num(c.x(c.steps[i])) + " " + num(scaleY(v, low, high)))
		pen = true
	}
	return b.String()
}

// area returns the path around what lies between two curves.
func (c chart) area(lower, upper []float64, low, high float64) string {
	var there, back []string
	for i := range upper {
		if math.IsNaN(lower[i]) || math.IsNaN(upper[i]) {
			continue
		}
		x := num(c.x(c.steps[i]))
		there = append(there, x+" "+num(scaleY(upper[i], low, high)))
		back = append([]string{x + " " + num(scaleY(lower[i], low, high))}, back...)
	}
	if len(there) == 0 {
		return ""
	}
	return "M" + strings.Join(append(there, back...), "L") + "Z"
}

// last returns the newest number that was measured.
func last(values []float64) float64 {
	for i := len(values) - 1; i >= 0; i-- {
		if !math.IsNaN(values[i]) {
			return values[i]
		}
	}
	return math.NaN()
}

// describe says the chart in words, for who cannot see it.
func (c chart) describe() string {
	var parts []string
	for _, k := range c.curves {
		first := math.NaN()
		for _, v := range k.values {
			if !math.IsNaN(v) {
				first = v
				break
			}
		}
		if !math.IsNaN(first) {
			parts = append(parts, fmt.Sprintf("%s from %s to %s", k.name, c.label(first), c.label(last(k.values))))
		}
	}
	return fmt.Sprintf("Steps %d to %d: %s.", c.steps[0], c.steps[len(c.steps)-1], strings.Join(parts, "; "))
}

// HTML draws the figure.
func (c chart) HTML() (template.HTML, error) {
	if len(c.steps) == 0 || len(c.curves) == 0 {
		return "", nil
	}
	c = c.thin()
	low, high, ticks := c.extent()
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	if c.varies {
		b.WriteString(variesBegin)
	}
	p(`<figure class="chart"><figcaption><h3>%s</h3>`, html.EscapeString(c.title))
	if c.note != "" {
		p(`<p>%s</p>`, html.EscapeString(c.note))
	}
	p(`</figcaption>`)
	if len(c.curves) > 1 {
		p(`<ul class="legend">`)
		for _, k := range c.curves {
			p(`<li class="%s"><i></i>%s</li>`, k.class, html.EscapeString(k.name))
		}
		p(`</ul>`)
	}
	p(`<div class="plot"><svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, html.EscapeString(c.title+". "+c.describe()))
	c.plot(p, low, high, ticks)
	p(`</svg></div>`)
	data, err := c.data(low, high)
	if err != nil {
		return "", fmt.Errorf("chart %q: %w", c.title, err)
	}
	p(`<script type="application/json">%s</script></figure>`, data)
	if c.varies {
		b.WriteString(variesEnd)
	}
	return template.HTML(b.String()), nil //nolint:gosec // every text in it was escaped above
}

// plot writes axes and curves in the coordinates of a chart.
func (c chart) plot(p func(format string, args ...any), low, high float64, ticks []float64) {
	for _, t := range ticks {
		y := num(scaleY(t, low, high))
		p(`<path class="grid" d="M%g %sH%g"/><text class="tick y" x="%g" y="%s" dy=".32em">%s</text>`,
			plotLeft, y, chartWidth-plotRight, plotLeft-7, y, html.EscapeString(c.label(t)))
	}
	p(`<text class="tick y" x="%g" y="%g">step</text>`, plotLeft-7, chartHeight-6)
	for _, t := range stepTicks(c.steps[0], c.steps[len(c.steps)-1]) {
		p(`<text class="tick x" x="%s" y="%g">%d</text>`, num(c.x(t)), chartHeight-6, t)
	}
	if c.stacked {
		lower, upper := c.bands()
		for i, k := range c.curves {
			p(`<path class="area %s" d="%s"/>`, k.class, c.area(lower[i], upper[i], low, high))
		}
	}
	for _, k := range c.curves {
		if k.low != nil {
			p(`<path class="band %s" d="%s"/>`, k.class, c.area(k.low, k.high, low, high))
		}
	}
	if !c.stacked {
		for i, k := range c.curves {
			if c.smooth() {
				p(`<path class="raw %s" d="%s"/>`, k.class, c.line(k.values, low, high))
				p(`<path class="line %s" data-curve="%d" d="%s"/>`, k.class, i, c.line(exponential(k.values, smoothing), low, high))
			} else {
				p(`<path class="line %s" d="%s"/>`, k.class, c.line(k.values, low, high))
			}
			if c.points || len(c.steps) == 1 {
				for j, v := range k.values {
					if math.IsNaN(v) {
						continue
					}
					x := num(c.x(c.steps[j]))
					if k.low != nil {
						p(`<path class="whisker %s" d="M%s %sV%s"/>`, k.class, x, num(scaleY(k.low[j], low, high)), num(scaleY(k.high[j], low, high)))
					}
					p(`<circle class="dot %s" cx="%s" cy="%s" r="3.2"/>`, k.class, x, num(scaleY(v, low, high)))
				}
			}
		}
	}
}

// data is what the script needs: JSON with every "<" escaped.
func (c chart) data(low, high float64) ([]byte, error) {
	type row struct {
		Name   string `json:"name"`
		Class  string `json:"class"`
		Values []any  `json:"values"`
	}
	rows := make([]row, len(c.curves))
	for i, k := range c.curves {
		rows[i] = row{Name: k.name, Class: k.class, Values: make([]any, len(k.values))}
		for j, v := range k.values {
			if !math.IsNaN(v) {
				rows[i].Values[j] = json.Number(strconv.FormatFloat(v, 'g', 5, 64))
			}
		}
	}
	return json.Marshal(map[string]any{
		"steps": c.steps, "curves": rows, "low": low, "high": high, "unit": c.unit, "percent": c.percent,
		"left": plotLeft, "top": plotTop, "width": plotWidth, "height": plotHeight, "smooth": c.smooth(),
	})
}
