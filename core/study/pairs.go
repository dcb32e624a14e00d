package study

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/rlvr-harness/harness/core/eval"
	"github.com/rlvr-harness/harness/core/run"
)

// pair sets the held-out outcomes of two cells, or of a cell before and after its training, against each other by task: both
// answer the same tasks, and most of the chance in a pass rate lies in the choice of these.
type pair struct {
	// First and Second name what is compared: the comparison's A and B. Its difference is the second less the first.
	First  string `json:"first"`
	Second string `json:"second"`
	// Seeds are those that both have; their outcomes are taken together.
	Seeds []uint64 `json:"seeds"`
	eval.Comparison
}

// pairs compares each cell's last measurement with its first, and with the last ones of the cells that differ from it in the
// reward or in the optimizer alone. Runs that do not know their outcomes by task are left out.
func pairs(cells []cell) (training, between []pair, err error) {
	before := func(r record) run.Evaluation { e, _, _ := r.heldOut(); return e }
	after := func(r record) run.Evaluation { _, e, _ := r.heldOut(); return e }
	add := func(to *[]pair, a, b string, x, y map[uint64][]run.TaskOutcome) error {
		p := pair{First: a, Second: b}
		var left, right []run.TaskOutcome
		for _, seed := range slices.Sorted(maps.Keys(x)) { // one order, so that sums have the same last digits every time
			if len(x[seed]) > 0 && len(y[seed]) > 0 {
				p.Seeds = append(p.Seeds, seed)
				left, right = append(left, x[seed]...), append(right, y[seed]...)
			}
		}
		if len(p.Seeds) == 0 {
			return nil
		}
		var err error
		if p.Comparison, err = eval.ComparePerTask(left, right); err != nil {
			return fmt.Errorf("%s and %s: %w", a, b, err)
		}
		*to = append(*to, p)
		return nil
	}
	for i, c := range cells {
		if err := add(&training, c.name()+", before", c.name()+", after", c.outcomes(before), c.outcomes(after)); err != nil {
			return nil, nil, err
		}
		for _, d := range cells[i+1:] {
			if (c.reward == d.reward) == (c.optimizer == d.optimizer) {
				continue
			}
			if err := add(&between, c.name(), d.name(), c.outcomes(after), d.outcomes(after)); err != nil {
				return nil, nil, err
			}
		}
	}
	return training, between, nil
}

// outcomes returns the outcomes by task of each seed's run.
func (c cell) outcomes(of func(record) run.Evaluation) map[uint64][]run.TaskOutcome {
	out := map[uint64][]run.TaskOutcome{}
	for _, r := range c.runs {
		out[r.Seed] = of(r).PerTask
	}
	return out
}

// compared tells the pairs.
func compared(m *markdown, training, between []pair) {
	m.p("## Held out, task by task")
	if len(training) == 0 {
		m.p("These runs were made before harness kept the outcomes of single tasks, so that they are not compared by task.")
		return
	}
	m.p("Both sides of a row answer the same tasks; a task's completions of all seeds are taken together. The difference is the second's pass rate less the first's, its 95 %% interval " +
		"Bonett and Price's adjusted Wald interval for paired shares (2012, J. Educ. Behav. Stat. 37(4)), over tasks. p is exact and two-sided, of the sign test over the tasks " +
		"in which the two differ (McNemar's, where each has one completion).")
	rows := func(pairs []pair) (out [][]string) {
		for _, p := range pairs {
			d := p.Difference
			out = append(out, []string{
				p.First + " → " + p.Second, fmt.Sprint(p.Tasks), signed(d.Value), signed(d.Low) + " to " + signed(d.High),
				fmt.Sprint(p.McNemar.ABetter), fmt.Sprint(p.McNemar.BBetter), fmt.Sprint(p.McNemar.Ties), probability(p.McNemar.P),
			})
		}
		return out
	}
	head := []string{"first → second", "tasks", "difference, points", "95 % interval", "tasks better in the first", "in the second", "same", "p"}
	m.table(head, rows(training))
	if len(between) == 0 {
		return
	}
	m.p("Cells that differ in the reward or in the optimizer alone, after training:")
	m.table(head, rows(between))
	m.p("Intervals and p are of these very policies on tasks of this kind. How much another seed of training would move a policy is not in them, and of %d comparisons one in twenty has p below 0.05 where nothing differs: "+
		"by Bonferroni's bound a p below %s is needed for any one of them.", len(between), probability(0.05/float64(len(between))))
}

// probability writes a p with two digits that count.
func probability(p float64) string {
	if p < 1e-4 {
		return "< 0.0001"
	}
	digits := 2
	if p < 0.1 {
		digits = 1 - int(math.Floor(math.Log10(p)))
	}
	return fmt.Sprintf("%.*f", digits, p)
}
