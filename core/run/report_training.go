package run

import (
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/gaming"
)

// quarter is the number of steps at each end that the headlines compare.
func quarter(n int) int { return max(1, n/4) }

// estimate is a mean over steps with its standard error, which is NaN for a single step.
type estimate struct {
	mean, err float64
	n         int
}

func meanOf(steps []Step, of func(Step) float64) estimate {
	var values []float64
	for _, s := range steps {
		if v := of(s); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	e := estimate{n: len(values), err: math.NaN(), mean: math.NaN()}
	if e.n == 0 {
		return e
	}
	e.mean = 0
	for _, v := range values {
		e.mean += v / float64(e.n)
	}
	if e.n > 1 {
		e.err = 0
		for _, v := range values {
			e.err += (v - e.mean) * (v - e.mean)
		}
		e.err = math.Sqrt(e.err / float64(e.n-1) / float64(e.n))
	}
	return e
}

// ends returns the estimates of the first and of the last quarter.
func ends(steps []Step, of func(Step) float64) (first, last estimate) {
	q := quarter(len(steps))
	return meanOf(steps[:q], of), meanOf(steps[len(steps)-q:], of)
}

func passRate(s Step) float64  { return s.PassRate }
func lintTotal(s Step) float64 { return s.Lint.Total() }
func length(s Step) float64    { return s.CompletionTokensMean }

func trainingTiles(steps []Step, evaluations []Evaluation) []tile {
	if len(steps) == 0 {
		return nil
	}
	q := quarter(len(steps))
	over := fmt.Sprintf("first and last %d steps", q)
	if q == 1 {
		over = "first and last step"
	}
	var tiles []tile
	add := func(label string, of func(Step) float64, format func(float64) string) {
		first, last := ends(steps, of)
		t := tile{Label: label, Before: format(first.mean), After: format(last.mean), Note: over}
		if !math.IsNaN(first.err) && !math.IsNaN(last.err) {
			t.Note += fmt.Sprintf("; standard errors %s and %s", format(first.err), format(last.err))
		}
		tiles = append(tiles, t)
	}
	add("Reward", func(s Step) float64 { return s.RewardMean }, func(v float64) string { return fixed(v, 3) })
	add("Pass rate", passRate, percent)
	if before, after, ok := heldOut(evaluations); ok {
		a, b := before.PassAtK["1"], after.PassAtK["1"]
		tiles = append(tiles, tile{
			Label: "Held-out pass@1", Before: percent(a.Value), After: percent(b.Value),
			Note: fmt.Sprintf("%s %s, %d tasks, after steps %d and %d; 95 %% intervals %s to %s and %s to %s", after.Benchmark, after.Split, after.Tasks,
				before.Step, after.Step, percent(a.Low), percent(a.High), percent(b.Low), percent(b.High)),
		})
	}
	add("Tokens a completion", length, func(v float64) string { return fixed(v, 1) })
	add("Lint findings a completion", lintTotal, func(v float64) string { return fixed(v, 2) })
	return tiles
}

// heldOut returns the first and the last evaluation of the split that was evaluated last.
func heldOut(list []Evaluation) (first, last Evaluation, ok bool) {
	if len(list) == 0 {
		return first, last, false
	}
	last = list[len(list)-1]
	i := slices.IndexFunc(list, func(e Evaluation) bool { return e.Benchmark == last.Benchmark && e.Split == last.Split })
	_, ok = last.PassAtK["1"]
	return list[i], last, ok && i < len(list)-1
}

func fixed(v float64, digits int) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, v)
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}

// plotter gathers charts over the same steps.
type plotter struct {
	steps []Step
	at    []int
	err   error
}

func (p *plotter) curve(name, class string, of func(Step) float64) curve {
	c := curve{name: name, class: class}
	for _, s := range p.steps {
		c.values = append(c.values, of(s))
	}
	return c
}

// named returns a curve for each name that any step has in a map, sorted, in the colours of a series.
func (p *plotter) named(of func(Step) map[string]float64) []curve {
	names := map[string]bool{}
	for _, s := range p.steps {
		for name := range of(s) {
			names[name] = true
		}
	}
	var curves []curve
	for i, name := range slices.Sorted(maps.Keys(names)) {
		curves = append(curves, p.curve(name, fmt.Sprintf("s%d", i%8), func(s Step) float64 {
			if v, ok := of(s)[name]; ok {
				return v
			}
			return math.NaN()
		}))
	}
	return curves
}

func (p *plotter) draw(c chart) template.HTML {
	c.steps = p.at
	c.curves = slices.DeleteFunc(c.curves, func(k curve) bool { return math.IsNaN(last(k.values)) })
	html, err := c.HTML()
	if err != nil {
		p.err = err
	}
	return html
}

// figures leaves out what had nothing to show.
func figures(list ...template.HTML) []template.HTML {
	return slices.DeleteFunc(list, func(h template.HTML) bool { return h == "" })
}

func trainingSections(steps []Step, evaluations []Evaluation) ([]section, error) {
	if len(steps) == 0 {
		return nil, nil
	}
	p := &plotter{steps: steps}
	for _, s := range steps {
		p.at = append(p.at, s.Step)
	}
	nan := math.NaN()
	open := chart{floor: nan, ceiling: nan}
	with := func(change func(*chart)) template.HTML {
		c := open
		change(&c)
		return p.draw(c)
	}

	reward := with(func(c *chart) {
		c.title, c.note = "Reward", "Mean over the completions of a step; the band is one standard deviation of them."
		k := p.curve("reward", "s0", func(s Step) float64 { return s.RewardMean })
		for i, s := range steps {
			k.low, k.high = append(k.low, k.values[i]-s.RewardStd), append(k.high, k.values[i]+s.RewardStd)
		}
		c.curves = []curve{k}
	})
	pass := with(func(c *chart) {
		c.title, c.note = "Pass rate", "Share of completions whose program passes every test."
		c.percent, c.floor = true, 0
		c.curves = []curve{p.curve("pass rate", "passed", passRate)}
	})
	components := with(func(c *chart) {
		c.title, c.note = "Parts of the reward, weighted", "Means as they entered the reward."
		c.floor = 0
		c.curves = p.named(func(s Step) map[string]float64 { return s.Weighted })
	})
	parts := with(func(c *chart) {
		c.title, c.note = "Parts of the reward, before their weights", "Means as each part was computed."
		c.floor = 0
		c.curves = p.named(func(s Step) map[string]float64 { return s.Components })
	})
	idle := with(func(c *chart) {
		c.title, c.note = "Groups without a signal", "Groups in which every completion has the same reward, and which teach nothing."
		c.floor = 0
		c.curves = []curve{p.curve("groups", "s0", func(s Step) float64 { return float64(s.ZeroStdGroups) })}
	})
	sampled := with(func(c *chart) {
		c.title, c.note, c.floor = "Dynamic sampling", "Groups of a step: how many were sampled, and how many of them the update is made of.", 0
		c.curves = p.named(func(s Step) map[string]float64 {
			sampled, ok := s.Sampling["groups_sampled"]
			if !ok {
				return nil
			}
			return map[string]float64{"sampled": sampled, "trained on": s.Sampling["groups_trained"]}
		})
	})

	verdicts := with(func(c *chart) {
		c.title, c.note = "Verdicts", "Share of each class among the completions of a step."
		c.percent, c.stacked, c.floor, c.ceiling = true, true, 0, 1
		for _, class := range core.Classes() {
			any := false
			k := p.curve(string(class), "v-"+string(class), func(s Step) float64 {
				total := 0
				for _, n := range s.Verdicts {
					total += n
				}
				any = any || s.Verdicts[class] > 0
				if total == 0 {
					return 0
				}
				return float64(s.Verdicts[class]) / float64(total)
			})
			if any {
				c.curves = append(c.curves, k)
			}
		}
	})
	lint := with(func(c *chart) {
		c.title, c.note = "Lint findings", "Mean number per completion, by severity."
		c.stacked, c.floor = true, 0
		for _, severity := range core.Severities() {
			c.curves = append(c.curves, p.curve(string(severity), "l-"+string(severity), func(s Step) float64 { return s.Lint.Mean(severity) }))
		}
	})
	tokens := with(func(c *chart) {
		c.title, c.note = "Completion length", "Mean number of tokens."
		c.floor = 0
		c.curves = []curve{p.curve("tokens", "s0", length)}
	})
	cut := with(func(c *chart) {
		c.title, c.note = "Truncated completions", "Share that the token limit cut."
		c.percent, c.floor = true, 0
		c.curves = []curve{p.curve("truncated", "s3", func(s Step) float64 { return s.TruncatedRate })}
	})

	one := func(title, note, class string, floor float64, of func(Step) float64) template.HTML {
		return with(func(c *chart) {
			c.title, c.note, c.floor = title, note, floor
			c.curves = []curve{p.curve(strings.ToLower(title), class, of)}
		})
	}
	entropy := one("Entropy", "Nats a token.", "s1", 0, func(s Step) float64 { return s.Entropy })
	kl := one("KL divergence", "From the reference policy, nats a token.", "s2", 0, func(s Step) float64 { return s.KL })
	clip := with(func(c *chart) {
		c.title, c.note, c.percent, c.floor = "Clipped ratios", "Share of what the optimizer clips (tokens or sequences) below and above.", true, 0
		c.curves = []curve{
			p.curve("below", "s0", func(s Step) float64 { return s.ClipLow }),
			p.curve("above", "s3", func(s Step) float64 { return s.ClipHigh }),
		}
	})
	grad := one("Gradient norm", "Global L2 norm before clipping.", "s4", 0, func(s Step) float64 { return s.GradNorm })
	updates := with(func(c *chart) {
		c.title, c.floor = "Gradient norm of each update", 0
		c.note = "A step's updates by pass over the rollout batch and mini-batch. From the second on they are off policy."
		c.curves = p.named(func(s Step) map[string]float64 {
			norms := map[string]float64{}
			for _, u := range s.Updates {
				norms[fmt.Sprintf("pass %d, part %d", u.Iteration, u.MiniBatch)] = u.GradNorm
			}
			return norms
		})
	})
	loss := one("Loss", "The objective that is minimised; on policy its value says little.", "s5", nan, func(s Step) float64 { return s.Loss })
	rate := one("Learning rate", "", "s6", 0, func(s Step) float64 { return s.LR })
	diagnostics := with(func(c *chart) {
		c.title, c.note, c.floor = "Diagnostics", "Measures against gaming of the reward.", 0
		c.note += " The gap is the share of passed tests among those that the prompt shows less that among the others; suppressions are comments a completion, the rest shares."
		drifts := []string{lengthDrift, lintDrift, passRateDrift, degenerating}
		c.curves = p.named(func(s Step) map[string]float64 {
			rest := maps.Clone(s.Diagnostics)
			maps.DeleteFunc(rest, func(name string, _ float64) bool { return slices.Contains(drifts, name) })
			return rest
		})
	})
	seconds := with(func(c *chart) {
		c.title, c.note, c.unit = "Time of a step", "Seconds by phase.", " s"
		c.stacked, c.floor, c.varies = true, 0, true
		c.curves = []curve{
			p.curve("generate", "s0", func(s Step) float64 { return s.Seconds.Generate }),
			p.curve("verify", "s1", func(s Step) float64 { return s.Seconds.Verify }),
			p.curve("score", "s2", func(s Step) float64 { return s.Seconds.Score }),
			p.curve("update", "s3", func(s Step) float64 { return s.Seconds.Update }),
		}
	})
	drift := with(func(c *chart) {
		if len(steps) < 2 {
			return
		}
		c.title, c.floor = "Drift", 0
		c.note = "Length, lint findings and pass rate, each divided by its mean over the first quarter. Findings that fall with the pass rate are a sign of degenerate programs."
		for i, of := range []func(Step) float64{length, lintTotal, passRate} {
			first, _ := ends(steps, of)
			if !(first.mean > 0) {
				continue
			}
			name, class := []string{"length", "lint findings", "pass rate"}[i], []string{"s0", "s1", "passed"}[i]
			c.curves = append(c.curves, p.curve(name, class, func(s Step) float64 { return of(s) / first.mean }))
		}
	})
	trend := with(func(c *chart) {
		c.title, c.floor = "Drift over a window", 0
		c.note = fmt.Sprintf("Change over the last %d steps of a straight line: of length and lint findings as a share of their mean, of the pass rate in points. A warning is given where lint falls with the pass rate by more than chance.", gaming.Window)
		for i, name := range []string{lengthDrift, lintDrift, passRateDrift} {
			title, class := []string{"length", "lint findings", "pass rate"}[i], []string{"s0", "s1", "passed"}[i]
			c.curves = append(c.curves, p.curve(title, class, func(s Step) float64 {
				if v, ok := s.Diagnostics[name]; ok {
					return v
				}
				return math.NaN()
			}))
		}
	})
	held, err := evaluationCharts(evaluations)
	if err != nil {
		return nil, err
	}
	sections := []section{
		{Title: "Learning", Figures: append(figures(reward, pass), append(held, figures(components, parts, idle, sampled)...)...)},
		{Title: "What the programs are like", Figures: figures(verdicts, lint, tokens, cut, drift, trend, diagnostics)},
		{Title: "Optimization", Figures: figures(entropy, kl, clip, grad, updates, loss, rate, seconds)},
	}
	return slices.DeleteFunc(sections, func(s section) bool { return len(s.Figures) == 0 }), p.err
}

// evaluationCharts draws pass@k over the steps, a figure for each split.
func evaluationCharts(list []Evaluation) ([]template.HTML, error) {
	var splits []string
	by := map[string][]Evaluation{}
	for _, e := range list {
		key := e.Benchmark + " " + e.Split
		if by[key] == nil {
			splits = append(splits, key)
		}
		by[key] = append(by[key], e)
	}
	var out []template.HTML
	for _, split := range splits {
		c := chart{
			title: "Held out: " + split, percent: true, points: true, floor: 0, ceiling: math.NaN(),
			note: fmt.Sprintf("pass@k over %d tasks, %s; the bars are 95 %% intervals.", by[split][0].Tasks, samples(by[split][0].Samples)),
		}
		ks := map[string]bool{}
		for _, e := range by[split] {
			c.steps = append(c.steps, e.Step)
			for k := range e.PassAtK {
				ks[k] = true
			}
		}
		for i, k := range slices.SortedFunc(maps.Keys(ks), byNumber) {
			curve := curve{name: "pass@" + k, class: fmt.Sprintf("s%d", i%8)}
			for _, e := range by[split] {
				v, ok := e.PassAtK[k]
				if !ok {
					v = Interval{math.NaN(), math.NaN(), math.NaN()}
				}
				curve.values, curve.low, curve.high = append(curve.values, v.Value), append(curve.low, v.Low), append(curve.high, v.High)
			}
			c.curves = append(c.curves, curve)
		}
		html, err := c.HTML()
		if err != nil {
			return nil, err
		}
		out = append(out, html)
	}
	return figures(out...), nil
}

// byNumber orders numbers that are written as text.
func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// samples says how many completions a task was given.
func samples(n int) string {
	if n == 1 {
		return "one sample each"
	}
	return fmt.Sprintf("%d samples each", n)
}
