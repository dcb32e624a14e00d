package eval

import (
	"errors"
	"fmt"
	"math"
)

// Comparison sets two evaluations of the same tasks against each other, task by task: most of the chance in a pass rate is
// the choice of the tasks, which a paired difference does not have.
type Comparison struct {
	// Tasks counts those with a scored completion on both sides; the others are left out and counted in OnlyA and OnlyB.
	Tasks int `json:"tasks"`
	OnlyA int `json:"only_a,omitempty"`
	OnlyB int `json:"only_b,omitempty"`
	// A and B are pass@1 over the shared tasks.
	A Estimate `json:"a"`
	B Estimate `json:"b"`
	// Difference is B - A.
	Difference Estimate `json:"difference"`
	McNemar    McNemar  `json:"mcnemar"`
}

// McNemar is the exact test of whether the tasks on which two evaluations differ favour one of them. With several samples
// per task a task favours the side with the larger share of passes, which makes it the sign test.
type McNemar struct {
	// ABetter and BBetter count the tasks that favour a side; Ties the others.
	ABetter int `json:"a_better"`
	BBetter int `json:"b_better"`
	Ties    int `json:"ties"`
	// P is two-sided.
	P float64 `json:"p"`
}

// Compare pairs two evaluations by task.
func Compare(a, b []Record) (Comparison, error) {
	ta, err := tally(a, nil)
	if err != nil {
		return Comparison{}, fmt.Errorf("eval: the first result: %w", err)
	}
	tb, err := tally(b, nil)
	if err != nil {
		return Comparison{}, fmt.Errorf("eval: the second result: %w", err)
	}
	return compare(ta, tb)
}

func compare(ta, tb []counts) (Comparison, error) {
	var c Comparison
	other := map[string]counts{}
	for _, t := range tb {
		if t.scored > 0 {
			other[t.id] = t
			c.OnlyB++
		}
	}
	var va, vb, d []float64
	for _, t := range ta {
		if t.scored == 0 {
			continue
		}
		u, ok := other[t.id]
		if !ok {
			c.OnlyA++
			continue
		}
		c.OnlyB--
		pa, pb := float64(t.passed)/float64(t.scored), float64(u.passed)/float64(u.scored)
		va, vb, d = append(va, pa), append(vb, pb), append(d, pb-pa)
		switch left, right := t.passed*u.scored, u.passed*t.scored; { // whole numbers: no rounding makes a difference
		case left > right:
			c.McNemar.ABetter++
		case left < right:
			c.McNemar.BBetter++
		default:
			c.McNemar.Ties++
		}
	}
	if c.Tasks = len(d); c.Tasks == 0 {
		return c, errors.New("eval: the two results have no task in common that both could judge")
	}
	c.A, c.B, c.Difference = meanOf(va), meanOf(vb), meanDifference(d)
	c.McNemar.P = signTest(c.McNemar.ABetter, c.McNemar.BBetter)
	return c, nil
}

// signTest returns the two-sided p-value of x against y wins under equal chances: twice the binomial tail, at most 1.
func signTest(x, y int) float64 {
	n, k := x+y, min(x, y)
	total, _ := math.Lgamma(float64(n + 1))
	tail := 0.0
	for i := range k + 1 {
		a, _ := math.Lgamma(float64(i + 1))
		b, _ := math.Lgamma(float64(n - i + 1))
		tail += math.Exp(total - a - b - float64(n)*math.Ln2)
	}
	return min(1, 2*tail)
}
