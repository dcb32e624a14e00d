package run

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func TestFigure(t *testing.T) {
	panel := func(title string, scale float64) Panel {
		return Panel{Title: title, Steps: []int{1, 2, 3}, Curves: []Curve{
			{Name: "a <b>", Class: "s0", Values: []float64{0.1 * scale, math.NaN(), 0.2 * scale}},
			{Name: "c", Class: "v-failed", Values: []float64{0.2, 0.3, 0.1}, Low: []float64{0.1, 0.2, 0}, High: []float64{0.3, 0.4, 0.2}},
		}}
	}
	f := Figure{Title: "Pass rate & more", Note: "two seeds", Columns: 2, Percent: true, Panels: []Panel{panel("grpo", 1), panel("gspo", 4), panel("third", 1)}}
	got, err := f.SVG()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "figure.svg", got)
	dec := xml.NewDecoder(strings.NewReader(string(got)))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("not XML: %v", err)
		}
	}
	if strings.Count(string(got), ">80 %<") != 3 {
		t.Error("the panels are not on one scale")
	}
	for _, f := range []Figure{
		{},
		{Columns: 1, Panels: []Panel{{Title: "empty"}}},
		{Columns: 1, Panels: []Panel{{Steps: []int{1}, Curves: []Curve{{Values: []float64{1, 2}}}}}},
	} {
		if _, err := f.SVG(); err == nil {
			t.Errorf("%+v is drawn", f)
		}
	}
}
