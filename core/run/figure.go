package run

import (
	"errors"
	"fmt"
	"html"
	"math"
	"strings"
)

// Figure is a picture for a document that compares runs: charts of one kind side by side, as the report draws them, on one
// vertical scale.
type Figure struct {
	Title, Note string
	// Columns is the number of panels in a row.
	Columns int
	Panels  []Panel
	// Percent shows values as percentages; Stacked piles the curves up; Points marks each value.
	Percent, Stacked, Points bool
	// Full is the upper end of the axis, as 1 for shares that add up; 0 takes that of the values.
	Full float64
}

// Panel is one chart of a Figure.
type Panel struct {
	Title string
	// Steps are the places of the values on the horizontal axis.
	Steps  []int
	Curves []Curve
}

// Curve is a row of numbers over the steps; NaN leaves a gap.
type Curve struct {
	Name string
	// Class names the colour: s0 to s7, v-CLASS of a verdict, l-SEVERITY of a finding.
	Class  string
	Values []float64
	// Low and High bound a band around the values; nil for none.
	Low, High []float64
}

// The measures of a figure, in the units of a chart.
const (
	figureHead, figureGap, panelHead = 52.0, 18.0, 24.0
	legendEntry, legendLetter        = 30.0, 6.6
	legendLine                       = 16.0
)

// SVG draws the figure as a file of its own that follows the reader's choice of light or dark.
func (f Figure) SVG() ([]byte, error) {
	if len(f.Panels) == 0 || f.Columns < 1 {
		return nil, errors.New("draw figure: it has no panels")
	}
	charts := make([]chart, len(f.Panels))
	low, high := math.Inf(1), math.Inf(-1)
	var legend []Curve
	named := map[string]bool{}
	for i, p := range f.Panels {
		c := chart{steps: p.Steps, percent: f.Percent, stacked: f.Stacked, points: f.Points, floor: 0, ceiling: math.NaN()}
		if f.Full > 0 {
			c.ceiling = f.Full
		}
		if len(p.Steps) == 0 {
			return nil, fmt.Errorf("draw figure %q: panel %q has no steps", f.Title, p.Title)
		}
		for _, k := range p.Curves {
			if len(k.Values) != len(p.Steps) || k.Low != nil && (len(k.Low) != len(p.Steps) || len(k.High) != len(p.Steps)) {
				return nil, fmt.Errorf("draw figure %q: curve %q has %d values for %d steps", f.Title, k.Name, len(k.Values), len(p.Steps))
			}
			c.curves = append(c.curves, curve{name: k.Name, class: k.Class, values: k.Values, low: k.Low, high: k.High})
			if !named[k.Name] {
				named[k.Name] = true
				legend = append(legend, k)
			}
		}
		charts[i] = c.thin()
		l, h, _ := charts[i].extent()
		low, high = min(low, l), max(high, h)
	}
	columns := min(f.Columns, len(charts))
	rows := (len(charts) + columns - 1) / columns
	width := float64(columns)*chartWidth + float64(columns-1)*figureGap
	entries, legendHeight := placeLegend(legend, width)
	top := figureHead + legendHeight
	height := top + float64(rows)*(chartHeight+panelHead)

	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	var words []string
	for i, c := range charts {
		words = append(words, f.Panels[i].Title+": "+c.describe())
	}
	p(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" role="img" aria-label="%s">`, num(width), num(height),
		html.EscapeString(f.Title+". "+strings.Join(words, " ")))
	p("<style>\n%s</style>\n", figureStyle())
	p(`<rect class="paper" width="100%%" height="100%%"/>`)
	p(`<text class="title" x="8" y="20">%s</text><text class="note" x="8" y="38">%s</text>`, html.EscapeString(f.Title), html.EscapeString(f.Note))
	for _, e := range entries {
		p(`<rect class="swatch %s" x="%s" y="%s" width="10" height="10" rx="2"/><text class="note" x="%s" y="%s">%s</text>`,
			e.class, num(e.x), num(e.y-9), num(e.x+15), num(e.y), html.EscapeString(e.name))
	}
	for i, c := range charts {
		c.floor, c.ceiling = low, high
		l, h, ticks := c.extent()
		x := float64(i%columns) * (chartWidth + figureGap)
		y := top + float64(i/columns)*(chartHeight+panelHead)
		p("\n"+`<g transform="translate(%s %s)"><text class="panel" x="%g" y="14">%s</text><g transform="translate(0 %g)">`,
			num(x), num(y), plotLeft, html.EscapeString(f.Panels[i].Title), panelHead)
		c.plot(p, l, h, ticks)
		p(`</g></g>`)
	}
	b.WriteString("\n</svg>\n")
	return []byte(b.String()), nil
}

// legendItem is a name with its place.
type legendItem struct {
	name, class string
	x, y        float64
}

// placeLegend breaks the names of curves into lines; widths of letters are guessed, since a file of its own cannot ask.
func placeLegend(curves []Curve, width float64) (items []legendItem, height float64) {
	x, y := 8.0, figureHead+8
	for _, k := range curves {
		need := legendEntry + legendLetter*float64(len(k.Name))
		if x+need > width && x > 8 {
			x, y = 8, y+legendLine
		}
		items = append(items, legendItem{k.Name, k.Class, x, y})
		x += need
	}
	return items, y - figureHead + legendLine
}

// figureStyle is what a figure needs of the report's style sheet: the colours and the rules of charts.
func figureStyle() string {
	var kept []string
	colours := true // the sheet begins with them
	for line := range strings.Lines(reportStyle) {
		if strings.HasPrefix(line, "* {") {
			colours = false
		}
		if colours || strings.HasPrefix(line, "svg ") || strings.Contains(line, "svg .grid") || strings.Contains(line, "--c:") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "") + `.paper { fill: var(--paper); }
.swatch { fill: var(--c); }
svg .title { font: 600 15px var(--sans); fill: var(--ink); }
svg .panel { font: 600 12.5px var(--sans); fill: var(--ink); }
svg .note { font-size: 12px; }
`
}
