package surrogate

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func rule(t testing.TB, s Settings) *Rule {
	t.Helper()
	r, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func lossOf(t testing.TB, s Settings, b core.Batch) core.Loss {
	t.Helper()
	l, err := rule(t, s).Loss(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func advantages(t *testing.T, s Settings, groups ...[]float64) [][]float64 {
	t.Helper()
	scores := make([][]core.Score, len(groups))
	for g := range groups {
		for _, v := range groups[g] {
			scores[g] = append(scores[g], core.Score{Value: v, Abstain: math.IsNaN(v)})
			if math.IsNaN(v) {
				scores[g][len(scores[g])-1].Value = 0
			}
		}
	}
	out, err := rule(t, s).Advantages(context.Background(), scores)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func close1(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(1, math.Abs(a), math.Abs(b)) }

// TestTwoTokens is worked by hand: one row, two tokens, ratios 1.5 and 0.5, advantage 2, ε 0.2, β 0.1.
//
//	token 0: min(1.5·2, 1.2·2) = 2.4, clipped, no derivative
//	token 1: min(0.5·2, 0.8·2) = 1.0, free, derivative −0.5·2 = −1
//	KL: π_ref/π = e^0.1 at token 0: e^0.1 − 0.1 − 1, derivative 1 − e^0.1; equal at token 1: 0
func TestTwoTokens(t *testing.T) {
	b := core.Batch{
		Rows: 1, Cols: 2, LogProbs: []float64{-1, -2}, OldLogProbs: []float64{-1 - math.Log(1.5), -2 - math.Log(0.5)},
		RefLogProbs: []float64{-0.9, -2}, Mask: []bool{true, true}, Advantages: []float64{2},
	}
	s := Plain()
	s.Beta = 0.1
	l := lossOf(t, s, b)
	kl := math.Exp(0.1) - 0.1 - 1
	if want := (-2.4 - 1.0 + 0.1*kl) / 2; !close1(l.Value, want) {
		t.Errorf("loss %v, want %v", l.Value, want)
	}
	if want := []float64{0.1 * (1 - math.Exp(0.1)) / 2, -1.0 / 2}; !close1(l.Grad[0], want[0]) || !close1(l.Grad[1], want[1]) {
		t.Errorf("derivative %v, want %v", l.Grad, want)
	}
	for name, want := range map[string]float64{"ratio_mean": 1, "clip_high": 0.5, "clip_low": 0, "kl": kl / 2, "log_ratio_bounded": 0} {
		if got := l.Metrics[name]; !close1(got, want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}

	// GSPO on the same row: s = sqrt(1.5·0.5), between the bounds of ε 0.2; derivative −s·2/2 of each token, over 1 row and 2 tokens.
	s = Plain()
	s.Level = "sequence"
	w := math.Sqrt(0.75)
	l = lossOf(t, s, b)
	if !close1(l.Value, -2*w) || !close1(l.Grad[0], -w) || !close1(l.Grad[1], -w) {
		t.Errorf("sequence: loss %v, derivative %v, want %v and twice %v", l.Value, l.Grad, -2*w, -w)
	}
}

// TestClipMetrics counts who has no say in the step: CISPO's bound is epsilon_high itself and has no lower side, and an
// advantage of the other sign, or none, is not clipped.
func TestClipMetrics(t *testing.T) {
	ratios := []float64{0.5, 1.5, 6}
	for _, c := range []struct {
		shape     string
		epsilon   float64
		advantage float64
		low, high float64
	}{
		{"clip", 0.2, 1, 0, 2},
		{"clip", 0.2, -1, 1, 0},
		{"clip", 0.2, 0, 0, 0},
		{"cispo", 5, 1, 0, 1},
		{"cispo", 5, -1, 0, 0},
		{"cispo", 5, 0, 0, 0},
	} {
		b := core.Batch{Rows: 1, Cols: len(ratios), Advantages: []float64{c.advantage}}
		for _, w := range ratios {
			b.LogProbs, b.OldLogProbs, b.Mask = append(b.LogProbs, -3), append(b.OldLogProbs, -3-math.Log(w)), append(b.Mask, true)
		}
		s := Plain()
		s.Shape, s.EpsilonHigh = c.shape, c.epsilon
		m := lossOf(t, s, b).Metrics
		if !close1(m["clip_low"], c.low/3) || !close1(m["clip_high"], c.high/3) {
			t.Errorf("%s with advantage %v: %v below and %v above, want %v and %v of 3", c.shape, c.advantage, m["clip_low"], m["clip_high"], c.low, c.high)
		}
	}
}

func TestAdvantages(t *testing.T) {
	nan := math.NaN()
	exact := Plain().Vary(func(s *Settings) { s.StdEps = 0 })
	for _, c := range []struct {
		name   string
		set    func(*Settings)
		groups [][]float64
		want   [][]float64
	}{
		{"group", nil, [][]float64{{0, 1, 2}}, [][]float64{{-1, 0, 1}}},
		{"abstaining", nil, [][]float64{{0, nan, 1, 2}}, [][]float64{{-1, 0, 0, 1}}},
		{"all the same", nil, [][]float64{{0.1, 0.1, 0.1}}, [][]float64{{0, 0, 0}}},
		{"all abstain", nil, [][]float64{{nan, nan}}, [][]float64{{0, 0}}},
		{"one", nil, [][]float64{{5}}, [][]float64{{0}}},
		{"one beside abstaining", nil, [][]float64{{5, nan}}, [][]float64{{0, 0}}},
		{"no samples", nil, [][]float64{{}, {1, 3}}, [][]float64{{}, {-math.Sqrt2 / 2, math.Sqrt2 / 2}}},
		{"eps", func(s *Settings) { s.StdEps = 1 }, [][]float64{{0, 1, 2}}, [][]float64{{-0.5, 0, 0.5}}},
		{"no scale", func(s *Settings) { s.Scale = "none" }, [][]float64{{0, 1, 5}}, [][]float64{{-2, -1, 3}}},
		{"no scale, all the same", func(s *Settings) { s.Scale = "none" }, [][]float64{{0.1, 0.1, 0.1}}, [][]float64{{0, 0, 0}}},
		{"batch scale", func(s *Settings) { s.Scale = "batch" }, [][]float64{{0, 2}, {2, 4}}, [][]float64{{-math.Sqrt(3.0 / 8), math.Sqrt(3.0 / 8)}, {-math.Sqrt(3.0 / 8), math.Sqrt(3.0 / 8)}}},
		{"batch baseline", func(s *Settings) { s.Baseline, s.Scale = "batch", "none" }, [][]float64{{0, 2}, {3, 3}}, [][]float64{{-2, 0}, {1, 1}}},
		{"leave one out", func(s *Settings) { s.Baseline, s.Scale = "leave-one-out", "none" }, [][]float64{{0, 1, 5}}, [][]float64{{-3, -1.5, 4.5}}},
		{"leave one out of one", func(s *Settings) { s.Baseline, s.Scale = "leave-one-out", "none" }, [][]float64{{7}}, [][]float64{{0}}},
		{"no baseline", func(s *Settings) { s.Baseline, s.Scale = "none", "none" }, [][]float64{{0, 1}}, [][]float64{{0, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := exact
			if c.set != nil {
				c.set(&s)
			}
			got := advantages(t, s, c.groups...)
			for g := range c.want {
				for i := range c.want[g] {
					if !close1(got[g][i], c.want[g][i]) {
						t.Errorf("got %v, want %v", got, c.want)
						return
					}
				}
			}
		})
	}
}

// TestComponents normalises each component by itself: a component with a hundred times the spread has no more say.
func TestComponents(t *testing.T) {
	s := Plain().Vary(func(s *Settings) { s.Parts, s.StdEps = "normalize-then-sum", 0 })
	part := func(a, b float64) core.Score {
		return core.Score{Value: a + b, Components: []core.Component{
			{Name: "a", Value: a, Weighted: a, Weight: 1}, {Name: "b", Value: b / 100, Weighted: b, Weight: 100},
		}}
	}
	got, err := rule(t, s).Advantages(context.Background(), [][]core.Score{{part(0, 100), part(1, 0)}, {{Abstain: true}, part(3, 300)}})
	if err != nil {
		t.Fatal(err)
	}
	// In the first group z is ∓1/√2 for a and ±1/√2 for b with the weight 100: the sums are ±99/√2, and b decides.
	if !(got[0][0] > 0 && got[0][1] < 0) || got[1][0] != 0 {
		t.Errorf("got %v", got)
	}
}

// variants are members of the family that differ in each setting.
func variants() map[string]Settings {
	out := map[string]Settings{}
	add := func(name string, set func(*Settings)) { out[name] = Plain().Vary(set) }
	for _, level := range []string{"token", "sequence", "sequence-token", "sequence-sum"} {
		for _, shape := range []string{"clip", "cispo", "sapo", "vespo"} {
			add(level+" "+shape, func(s *Settings) { s.Level, s.Shape = level, shape })
		}
		for _, kl := range []string{"k1", "k2", "k3"} {
			for _, times := range []bool{false, true} {
				add(fmt.Sprintf("%s %s %v", level, kl, times), func(s *Settings) { s.Level, s.Beta, s.KL, s.KLRatio = level, 0.1, kl, times })
			}
		}
	}
	for _, a := range []string{"row-mean", "token-mean", "micro-token-mean", "constant", "row-sum"} {
		add("aggregation "+a, func(s *Settings) { s.Aggregation = a })
	}
	for _, c := range []string{"token-truncate", "token-mask", "sequence-truncate", "sequence-mask"} {
		add("correction "+c, func(s *Settings) { s.Correction, s.CorrectionCap = c, 1.01 })
	}
	for _, c := range []string{"token-truncate", "token-mask"} {
		add("floor of correction "+c, func(s *Settings) { s.Correction, s.CorrectionCap, s.CorrectionFloor = c, 1.01, 0.99 })
	}
	add("delta", func(s *Settings) { s.Delta = 1.1 })
	add("delta beyond the clip", func(s *Settings) { s.Delta = 3 })
	add("mask truncated", func(s *Settings) { s.MaskTruncated = true })
	return out
}

// random returns a batch with rows of all lengths, one of them empty, and one truncated.
func random(seed uint64, rows, cols int) core.Batch {
	r := rand.New(rand.NewPCG(seed, 1))
	n := rows * cols
	b := core.Batch{Rows: rows, Cols: cols, MaxTokens: cols + 3}
	for i := range n {
		row, t := i/cols, i%cols
		old := -3 * r.Float64()
		b.OldLogProbs = append(b.OldLogProbs, old)
		b.LogProbs = append(b.LogProbs, old+0.3*r.NormFloat64())
		b.RefLogProbs = append(b.RefLogProbs, old+0.2*r.NormFloat64())
		b.SamplerLogProbs = append(b.SamplerLogProbs, old+0.05*r.NormFloat64())
		b.Mask = append(b.Mask, t < (row*row+row+cols)%(cols+1))
	}
	for i := range rows {
		b.Advantages = append(b.Advantages, r.NormFloat64())
		b.Truncated = append(b.Truncated, i == 1)
	}
	return b
}

// stops says that a loss has a stop-gradient, so that its derivative is by design not that of its value.
func stops(s Settings) bool {
	return s.Shape == "cispo" || s.Shape == "vespo" || s.Level == "sequence-token"
}

// TestFiniteDifferences compares each derivative with the loss's own change.
func TestFiniteDifferences(t *testing.T) {
	const h = 1e-6
	for name, s := range variants() {
		if stops(s) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			b := random(3, 5, 4)
			l := lossOf(t, s, b)
			tested := 0
			for i := range b.LogProbs {
				x := b.LogProbs[i]
				b.LogProbs[i] = x + h
				up := lossOf(t, s, b).Value
				b.LogProbs[i] = x - h
				down := lossOf(t, s, b).Value
				b.LogProbs[i] = x
				if right, left := (up-l.Value)/h, (l.Value-down)/h; math.Abs(right-left) > 1e-4 {
					continue // a kink of the clip
				}
				tested++
				if want := (up - down) / (2 * h); math.Abs(l.Grad[i]-want) > 1e-7 {
					t.Errorf("entry %d: derivative %v, the loss changes by %v", i, l.Grad[i], want)
				}
			}
			if tested < 15 {
				t.Errorf("only %d of %d entries were smooth", tested, len(b.LogProbs))
			}
		})
	}
}

// TestGSPOToken: with one advantage per row GSPO-token is GSPO (arXiv 2507.18071, §4.3).
func TestGSPOToken(t *testing.T) {
	for seed := range uint64(20) {
		for _, eps := range [][2]float64{{0.2, 0.2}, {3e-4, 4e-4}} {
			s := Plain().Vary(func(s *Settings) { s.Level, s.EpsilonLow, s.EpsilonHigh = "sequence", eps[0], eps[1] })
			b := random(seed, 6, 7)
			x := lossOf(t, s, b)
			s.Level = "sequence-token"
			y := lossOf(t, s, b)
			if !close1(x.Value, y.Value) {
				t.Errorf("loss %v and %v", x.Value, y.Value)
			}
			for i := range x.Grad {
				if !close1(x.Grad[i], y.Grad[i]) {
					t.Fatalf("derivative %v and %v at %d", x.Grad[i], y.Grad[i], i)
				}
			}
		}
	}
}

// TestOnPolicy: where nothing has moved, GRPO and GSPO have one derivative, that of REINFORCE.
func TestOnPolicy(t *testing.T) {
	b := random(5, 6, 7)
	b.OldLogProbs = b.LogProbs
	x := lossOf(t, Plain(), b)
	y := lossOf(t, Plain().Vary(func(s *Settings) { s.Level = "sequence" }), b)
	for i := range x.Grad {
		if !close1(x.Grad[i], y.Grad[i]) {
			t.Fatalf("derivative %v and %v at %d", x.Grad[i], y.Grad[i], i)
		}
	}
}

// TestMaskedEntriesDoNotCount fills what the mask leaves out with anything, NaN too.
func TestMaskedEntriesDoNotCount(t *testing.T) {
	for name, s := range variants() {
		b := random(7, 6, 5)
		want := lossOf(t, s, b)
		for i, on := range b.Mask {
			if !on {
				b.LogProbs[i], b.OldLogProbs[i], b.RefLogProbs[i], b.SamplerLogProbs[i] = math.NaN(), math.Inf(1), math.Inf(-1), 1e300
			}
		}
		if got := lossOf(t, s, b); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v became %v", name, want.Value, got.Value)
		}
	}
}

// TestMicroBatches: losses and derivatives of a step's parts add up to those of the step, for every aggregation but the
// one that says otherwise.
func TestMicroBatches(t *testing.T) {
	for name, s := range variants() {
		if s.MaskTruncated {
			continue // its tokens are counted by the loop, which leaves the rows out; see TestTruncated
		}
		b := random(11, 6, 5)
		for _, on := range b.Mask {
			if on {
				b.TotalTokens++
			}
		}
		b.TotalRows = b.Rows
		whole := lossOf(t, s, b)
		sum, grad := 0.0, []float64(nil)
		for k := 0; k < 6; k += 2 {
			p := b
			p.Rows = 2
			from, to := k*b.Cols, (k+2)*b.Cols
			p.LogProbs, p.OldLogProbs, p.RefLogProbs, p.SamplerLogProbs = b.LogProbs[from:to], b.OldLogProbs[from:to], b.RefLogProbs[from:to], b.SamplerLogProbs[from:to]
			p.Mask, p.Advantages, p.Truncated = b.Mask[from:to], b.Advantages[k:k+2], b.Truncated[k:k+2]
			l := lossOf(t, s, p)
			sum += l.Value
			grad = append(grad, l.Grad...)
		}
		if s.Aggregation == "micro-token-mean" {
			if close1(sum, whole.Value) {
				t.Errorf("%s: rows of different lengths should weigh differently", name)
			}
			continue
		}
		if !close1(sum, whole.Value) {
			t.Errorf("%s: %v in parts, %v whole", name, sum, whole.Value)
		}
		for i := range grad {
			if !close1(grad[i], whole.Grad[i]) {
				t.Fatalf("%s: derivative %v in parts, %v whole at %d", name, grad[i], whole.Grad[i], i)
			}
		}
	}
}

// TestTruncated: a loop that leaves truncated rows out, as Needs asks, gets the loss of one that leaves them in.
func TestTruncated(t *testing.T) {
	for _, a := range []string{"row-mean", "token-mean", "constant"} {
		s := Plain().Vary(func(s *Settings) { s.Aggregation, s.MaskTruncated = a, true })
		if !rule(t, s).Needs().SkipTruncated {
			t.Errorf("%s: Needs does not say it", a)
		}
		b := random(13, 3, 4)
		b.Mask = []bool{true, true, true, true, true, true, true, true, true, true, true, false}
		whole := lossOf(t, s, b)
		for i := 4; i < 8; i++ {
			if whole.Grad[i] != 0 {
				t.Errorf("%s: the truncated row has the derivative %v", a, whole.Grad[i])
			}
		}
		cut := func(x []float64) []float64 { return append(append([]float64(nil), x[:4]...), x[8:]...) }
		p := core.Batch{
			Rows: 2, Cols: 4, LogProbs: cut(b.LogProbs), OldLogProbs: cut(b.OldLogProbs), Mask: []bool{true, true, true, true, true, true, true, false},
			Advantages: []float64{b.Advantages[0], b.Advantages[2]}, Truncated: []bool{false, false}, TotalRows: 3, TotalTokens: 7, MaxTokens: b.MaxTokens,
		}
		if got := lossOf(t, s, p); !close1(got.Value, whole.Value) {
			t.Errorf("%s: %v without the row, %v with it", a, got.Value, whole.Value)
		}
	}
}

// TestExtremes: nothing that a policy can do makes a loss that is not finite.
func TestExtremes(t *testing.T) {
	for name, s := range variants() {
		for _, d := range []float64{19.9, 20.1, 800, 1e6, 1e300} {
			for _, sign := range []float64{1, -1} {
				b := random(17, 4, 5)
				for i := range b.LogProbs {
					b.LogProbs[i] = b.OldLogProbs[i] + sign*d
					b.RefLogProbs[i] = b.OldLogProbs[i] - sign*d
				}
				l := lossOf(t, s, b)
				bad := math.IsNaN(l.Value) || math.IsInf(l.Value, 0)
				for _, g := range l.Grad {
					bad = bad || math.IsNaN(g) || math.IsInf(g, 0)
				}
				for _, m := range l.Metrics {
					bad = bad || math.IsNaN(m) || math.IsInf(m, 0)
				}
				// CISPO and VESPO have the log-probability itself in their value: it is as large as that, and finite.
				if bad {
					t.Errorf("%s, log-ratio %g: %+v", name, sign*d, l)
				}
				if d == 800 && s.Level == "token" && l.Metrics["log_ratio_bounded"] != 1 {
					t.Errorf("%s: log_ratio_bounded is %v", name, l.Metrics["log_ratio_bounded"])
				}
			}
		}
	}
}

// TestLogRatioBound: a ratio beyond the bound is held and passes no derivative; without a bound it is what it is, as in TRL.
func TestLogRatioBound(t *testing.T) {
	b := core.Batch{
		Rows: 1, Cols: 1, LogProbs: []float64{-1}, OldLogProbs: []float64{-26}, RefLogProbs: []float64{24},
		Mask: []bool{true}, Advantages: []float64{-2},
	}
	for _, c := range []struct {
		bound, loss, grad, share float64
	}{
		// −min(wA, …) = 2w with w = e^25, and the penalty k2 = d²/2 with d = 25
		{20, 2*math.Exp(20) + 20*20/2, 0, 1},
		{0, 2*math.Exp(25) + 25*25/2.0, 2*math.Exp(25) - 25, 0},
		{30, 2*math.Exp(25) + 25*25/2.0, 2*math.Exp(25) - 25, 0},
	} {
		l := lossOf(t, Plain().Vary(func(s *Settings) { s.LogRatioBound, s.Beta, s.KL = c.bound, 1, "k2" }), b)
		if !close1(l.Value, c.loss) || !close1(l.Grad[0], c.grad) || l.Metrics["log_ratio_bounded"] != c.share {
			t.Errorf("bound %g: %+v, want %+v", c.bound, l, c)
		}
	}
}

func TestEmpty(t *testing.T) {
	for name, s := range variants() {
		for _, b := range []core.Batch{
			{MaxTokens: 4},
			{Rows: 2, MaxTokens: 4, Advantages: []float64{1, 2}},
			{Rows: 1, Cols: 2, MaxTokens: 4, LogProbs: make([]float64, 2), OldLogProbs: make([]float64, 2), RefLogProbs: make([]float64, 2), SamplerLogProbs: make([]float64, 2), Mask: make([]bool, 2), Advantages: []float64{1}},
		} {
			l := lossOf(t, s, b)
			if l.Value != 0 || len(l.Grad) != b.Rows*b.Cols || l.Metrics["ratio_mean"] != 1 {
				t.Errorf("%s: %+v", name, l)
			}
		}
	}
}

func TestWhatIsMissing(t *testing.T) {
	b := random(1, 2, 2)
	b.RefLogProbs, b.SamplerLogProbs, b.MaxTokens = nil, nil, 0
	for says, set := range map[string]func(*Settings){
		"RefLogProbs":     func(s *Settings) { s.Beta = 1 },
		"SamplerLogProbs": func(s *Settings) { s.Correction = "token-mask" },
		"MaxTokens":       func(s *Settings) { s.Aggregation = "constant" },
	} {
		if _, err := rule(t, Plain().Vary(set)).Loss(context.Background(), b); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %s, got %v", says, err)
		}
	}
	for says, set := range map[string]func(*Settings){
		"settings: level": func(s *Settings) { s.Level = "word" },
		"epsilon_low":     func(s *Settings) { s.EpsilonLow = 1 },
		"correction_cap":  func(s *Settings) { s.CorrectionFloor, s.CorrectionCap = 3, 2 },
	} {
		if _, err := New(Plain().Vary(set)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %s, got %v", says, err)
		}
	}
}

func TestNeeds(t *testing.T) {
	for _, c := range []struct {
		set  func(*Settings)
		want core.Needs
	}{
		{func(*Settings) {}, core.Needs{SkipIdle: true}},
		{func(s *Settings) { s.Beta = 0.1 }, core.Needs{Reference: true}},
		{func(s *Settings) { s.Correction = "token-mask" }, core.Needs{Sampler: true, SkipIdle: true}},
		{func(s *Settings) { s.Aggregation, s.MaskTruncated = "micro-token-mean", true }, core.Needs{}},
	} {
		if got := rule(t, Plain().Vary(c.set)).Needs(); got != c.want {
			t.Errorf("%+v, want %+v", got, c.want)
		}
	}
}

// TestCorrection holds each correction to what TRL 1.16.0 computes from the same log-probabilities (_generate_and_score_
// completions: exp of the difference, of each token or summed over the completion, clamped or zero outside of its bounds).
func TestCorrection(t *testing.T) {
	ln := math.Log
	b := core.Batch{
		Rows: 2, Cols: 2, LogProbs: []float64{-1, -2, -3, 0}, OldLogProbs: []float64{-1, -2, -3, 0},
		// π_old/π_sampler of the tokens: 4 and 0.25 in the first row, 1.5 in the second
		SamplerLogProbs: []float64{-1 - ln(4), -2 - ln(0.25), -3 - ln(1.5), 5},
		Mask:            []bool{true, true, true, false}, Advantages: []float64{1, 1},
	}
	for _, c := range []struct {
		how           string
		floor, cap    float64
		want          []float64 // the weight of each token
		mean, bounded float64
	}{
		{"token-truncate", 0, 2, []float64{2, 0.25, 1.5}, 5.75 / 3, 1. / 3},
		{"token-mask", 0, 2, []float64{0, 0.25, 1.5}, 5.75 / 3, 1. / 3},
		{"token-truncate", 0.5, 2, []float64{2, 0.5, 1.5}, 5.75 / 3, 2. / 3},
		{"token-mask", 0.5, 5, []float64{4, 0, 1.5}, 5.75 / 3, 1. / 3}, // OpenRLHF's icepop with its bounds
		{"sequence-truncate", 0, 1.2, []float64{1, 1, 1.2}, 1.25, 0.5},
		{"sequence-mask", 0, 1.2, []float64{1, 1, 0}, 1.25, 0.5},
		{"sequence-mask", 1.1, 3, []float64{0, 0, 1.5}, 1.25, 0.5},
	} {
		l := lossOf(t, Plain().Vary(func(s *Settings) {
			s.Correction, s.CorrectionFloor, s.CorrectionCap, s.Aggregation = c.how, c.floor, c.cap, "row-sum"
		}), b)
		for i, w := range c.want { // on policy the derivative of a token is −A w, over the rows
			if got := l.Grad[i]; math.Abs(got+w/2) > 1e-12 {
				t.Errorf("%s in %g..%g: the derivative of token %d is %v, want %v", c.how, c.floor, c.cap, i, got, -w/2)
			}
		}
		if got := l.Metrics["correction_mean"]; math.Abs(got-c.mean) > 1e-12 {
			t.Errorf("%s: correction_mean is %v, want %v", c.how, got, c.mean)
		}
		if got := l.Metrics["correction_bounded"]; math.Abs(got-c.bounded) > 1e-12 {
			t.Errorf("%s in %g..%g: correction_bounded is %v, want %v", c.how, c.floor, c.cap, got, c.bounded)
		}
	}
}

// BenchmarkLoss64x512 is the arithmetic of one loss, without a wire.
func BenchmarkLoss64x512(b *testing.B) {
	batch := random(1, 64, 512)
	for _, level := range []string{"token", "sequence"} {
		b.Run(level, func(b *testing.B) {
			r := rule(b, Plain().Vary(func(s *Settings) { s.Level, s.Beta = level, 0.04 }))
			for b.Loop() {
				if _, err := r.Loss(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
