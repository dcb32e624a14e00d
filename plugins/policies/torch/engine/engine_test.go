package engine

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// shape is a small model; the loops are tried with head widths and group sizes of several kinds.
func shape(heads, kv, width int) Config {
	c := Config{
		Layers: 2, Hidden: 48, Intermediate: 80, Heads: heads, KVHeads: kv, HeadDim: width, Vocab: 211, Positions: 256, NormEps: 1e-5,
		Device: CPU, Rank: 3, Scale: 1.5, Tied: true,
	}
	for i := range width / 2 {
		c.InvFreq = append(c.InvFreq, math.Pow(1e4, -2*float64(i)/float64(width)))
	}
	return c
}

// random makes an engine with random weights and a random adapter, the same for equal configurations.
func random(t testing.TB, c Config) *Engine {
	t.Helper()
	e, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	rng := rand.New(rand.NewPCG(1, 2))
	set := func(k Kind, layer int, around float64, shape ...int64) {
		t.Helper()
		spread := 1 / math.Sqrt(float64(shape[len(shape)-1]))
		if err := e.SetWeight(k, layer, shape, func(dst []float32) error {
			for i := range dst {
				dst[i] = float32(around + spread*rng.NormFloat64())
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	h, f, q, kv := int64(c.Hidden), int64(c.Intermediate), int64(c.Heads*c.HeadDim), int64(c.KVHeads*c.HeadDim)
	for i := range c.Layers {
		set(Norm1, i, 1, h)
		set(Query, i, 0, q, h)
		set(Key, i, 0, kv, h)
		set(Value, i, 0, kv, h)
		set(Output, i, 0, h, q)
		set(Norm2, i, 1, h)
		set(Gate, i, 0, f, h)
		set(Up, i, 0, f, h)
		set(Down, i, 0, h, f)
		if c.Bias {
			set(QueryBias, i, 0, q)
			set(KeyBias, i, 0, kv)
			set(ValueBias, i, 0, kv)
		}
		if c.QKNorm {
			set(QueryNorm, i, 1, int64(c.HeadDim))
			set(KeyNorm, i, 1, int64(c.HeadDim))
		}
	}
	set(Embedding, 0, 0, int64(c.Vocab), h)
	set(FinalNorm, 0, 1, h)
	if !c.Tied {
		set(Head, 0, 0, int64(c.Vocab), h)
	}
	var offsets []int64
	size := int64(0)
	for range c.Layers {
		for _, site := range [][][2]int64{{{h, q}, {h, kv}, {h, kv}}, {{q, h}}, {{h, f}, {h, f}}, {{f, h}}} {
			first := len(offsets)
			offsets = append(offsets, make([]int64, 2*len(site))...)
			for j, p := range site {
				offsets[first+2*j] = size
				size += int64(c.Rank) * p[0]
			}
			for j, p := range site {
				offsets[first+2*j+1] = size
				size += int64(c.Rank) * p[1]
			}
		}
	}
	if err := e.SetAdapter(int(size), offsets); err != nil {
		t.Fatal(err)
	}
	values := make([]float32, size)
	for i := range values {
		values[i] = float32(0.1 * rng.NormFloat64())
	}
	if err := e.Write(Parameters, values); err != nil {
		t.Fatal(err)
	}
	if err := e.Ready(); err != nil {
		t.Fatal(err)
	}
	return e
}

// sequences makes a pack of prompts with completions: each entry is a prompt's length and its completions' lengths. With shared
// false each completion brings its prompt along.
func sequences(vocab int, shared bool, groups ...[]int) *Pack {
	rng := rand.New(rand.NewPCG(3, 4))
	var p Pack
	add := func(tokens []int64, from int, parent int64) int64 {
		p.Segments = append(p.Segments, Segment{int64(len(p.Tokens)), int64(len(tokens)), parent})
		for i, id := range tokens {
			p.Tokens = append(p.Tokens, id)
			p.Positions = append(p.Positions, int32(from+i))
		}
		return int64(len(p.Segments) - 1)
	}
	draw := func(n int) []int64 {
		ids := make([]int64, n)
		for i := range ids {
			ids[i] = rng.Int64N(int64(vocab))
		}
		return ids
	}
	want := func(row int64, id int64) {
		p.LogitRows = append(p.LogitRows, row)
		p.TargetRows = append(p.TargetRows, int64(len(p.LogitRows)-1))
		p.TargetTokens = append(p.TargetTokens, id)
	}
	for _, g := range groups {
		prompt := draw(g[0])
		parent := int64(-1)
		if shared {
			parent = add(prompt, 0, -1)
		}
		for _, n := range g[1:] {
			c := draw(n)
			if shared {
				first := int64(len(p.Tokens))
				add(c, g[0], parent)
				for i := range n - 1 {
					want(first+int64(i), c[i+1])
				}
				continue
			}
			first := int64(len(p.Tokens) + g[0])
			add(append(append([]int64{}, prompt...), c...), 0, -1)
			for i := range n - 1 {
				want(first+int64(i), c[i+1])
			}
		}
	}
	return &p
}

// pass runs forward and backward with fixed weights and returns log-probabilities, entropies and the gradient.
func pass(t testing.TB, e *Engine, p *Pack) (logp, entropy []float64, grad []float32) {
	t.Helper()
	n := len(p.TargetRows)
	logp, entropy = make([]float64, n), make([]float64, n)
	tape, err := e.Forward(p, 0.8, true, KeepActivations, logp, entropy)
	if err != nil {
		t.Fatal(err)
	}
	weight := make([]float64, n)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range weight {
		weight[i] = rng.NormFloat64() / float64(n)
	}
	if err := e.Write(Gradient, make([]float32, e.size)); err != nil {
		t.Fatal(err)
	}
	if err := e.Backward(tape, weight); err != nil {
		t.Fatal(err)
	}
	if grad, err = e.Read(Gradient); err != nil {
		t.Fatal(err)
	}
	return logp, entropy, grad
}

func far[T float32 | float64](a, b []T) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if !(d <= most) {
			most = d
		}
	}
	return most
}

func onThread(t testing.TB, f func()) {
	t.Helper()
	th := NewThread()
	defer th.Close()
	if err := th.Do(func() error {
		SetThreads(2)
		f()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

var shapes = []struct {
	name string
	c    func() Config
}{
	{"grouped heads of 16", func() Config { return shape(4, 2, 16) }},
	{"many heads of 64", func() Config { return shape(9, 3, 64) }},
	{"one head of 32", func() Config { return shape(1, 1, 32) }},
	{"normed heads of 128", func() Config { c := shape(4, 2, 128); c.QKNorm = true; return c }},
	{"biases, a head of its own", func() Config { c := shape(6, 2, 32); c.Bias, c.Tied = true, false; return c }},
	{"heads that no vector divides", func() Config { return shape(4, 2, 12) }},
}

// What processors compute with loops of our own must agree with libtorch's operations, which CUDA uses.
func TestLoopsAgreeWithLibtorch(t *testing.T) {
	onThread(t, func() {
		everyKernels(t, func(t *testing.T) {
			for _, row := range shapes {
				t.Run(row.name, func(t *testing.T) {
					c := row.c()
					p := sequences(c.Vocab, true, []int{37, 12, 70, 2, 33}, []int{1, 5}, []int{5, 2, 2}, []int{65, 64})
					a, ha, ga := pass(t, random(t, c), p)
					c.PlainOps = true
					b, hb, gb := pass(t, random(t, c), p)
					if d := far(a, b); d > 2e-5 {
						t.Errorf("log-probabilities differ by %g", d)
					}
					if d := far(ha, hb); d > 2e-5 {
						t.Errorf("entropies differ by %g", d)
					}
					if d := far(ga, gb); d > 2e-5 {
						t.Errorf("gradients differ by %g", d)
					}
				})
			}
		})
	})
}

// everyKernels runs f with each instruction set that this processor has.
func everyKernels(t *testing.T, f func(t *testing.T)) {
	best := Kernels()
	defer UseKernels(best)
	for _, name := range []string{"avx512", "avx2", "portable"} {
		if !UseKernels(name) {
			t.Logf("this processor cannot run %s", name)
			continue
		}
		t.Run(name, f)
	}
	if UseKernels("mmx") {
		t.Error("an unknown instruction set was taken")
	}
}

// A prompt that is computed once for its completions gives what computing it for each gives.
func TestSharedPromptsChangeNothing(t *testing.T) {
	onThread(t, func() {
		for _, row := range shapes {
			t.Run(row.name, func(t *testing.T) {
				c := row.c()
				groups := [][]int{{37, 12, 31, 2, 33}, {64, 9, 9}, {3, 40}}
				a, ha, ga := pass(t, random(t, c), sequences(c.Vocab, true, groups...))
				b, hb, gb := pass(t, random(t, c), sequences(c.Vocab, false, groups...))
				if d := far(a, b); d > 1e-5 {
					t.Errorf("log-probabilities differ by %g", d)
				}
				if d := far(ha, hb); d > 1e-5 {
					t.Errorf("entropies differ by %g", d)
				}
				if d := far(ga, gb); d > 1e-5 {
					t.Errorf("gradients differ by %g", d)
				}
			})
		}
	})
}

// The gradient against finite differences of the log-probabilities, along random directions.
func TestGradientAgainstDifferences(t *testing.T) {
	onThread(t, func() {
		for _, row := range shapes {
			t.Run(row.name, func(t *testing.T) {
				c := row.c()
				e := random(t, c)
				p := sequences(c.Vocab, true, []int{9, 8, 17}, []int{4, 5})
				_, _, grad := pass(t, e, p)
				start, err := e.Read(Parameters)
				if err != nil {
					t.Fatal(err)
				}
				weighted := func(at []float32) float64 {
					if err := e.Write(Parameters, at); err != nil {
						t.Fatal(err)
					}
					n := len(p.TargetRows)
					logp, entropy := make([]float64, n), make([]float64, n)
					if _, err := e.Forward(p, 0.8, true, KeepNothing, logp, entropy); err != nil {
						t.Fatal(err)
					}
					rng := rand.New(rand.NewPCG(5, 6))
					s := 0.0
					for i := range logp {
						s += logp[i] * rng.NormFloat64() / float64(n)
					}
					return s
				}
				rng := rand.New(rand.NewPCG(7, 8))
				for range 3 {
					along := 0.0
					direction := make([]float64, len(start))
					for i := range start {
						direction[i] = rng.NormFloat64()
						along += direction[i] * float64(grad[i])
					}
					slope := func(h float64) float64 {
						up, down := make([]float32, len(start)), make([]float32, len(start))
						for i, d := range direction {
							up[i], down[i] = start[i]+float32(h*d), start[i]-float32(h*d)
						}
						return (weighted(up) - weighted(down)) / (2 * h)
					}
					// Richardson's extrapolation: the error is of the fourth order in h
					const h = 1e-3
					want := (4*slope(h) - slope(2*h)) / 3
					if math.Abs(want-along) > 2e-3*math.Max(1, math.Abs(want)) {
						t.Errorf("the gradient says %g along a direction, differences say %g", along, want)
					}
				}
			})
		}
	})
}

// Decoding with a cache, rows coming and going, gives the log-probabilities that scoring the finished rows gives.
func TestDecodingAgreesWithScoring(t *testing.T) {
	onThread(t, func() {
		everyKernels(t, func(t *testing.T) {
			for _, row := range shapes {
				for _, plain := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, libtorch's operations %v", row.name, plain), func(t *testing.T) {
						c := row.c()
						c.PlainOps = plain
						decodeAndScore(t, random(t, c), c)
					})
				}
			}
		})
	})
}

func decodeAndScore(t *testing.T, e *Engine, c Config) {
	b, err := e.NewBatch(Sampling{Temperature: 0.8, TopP: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var prompts [][]int64
	addPrompts := func(lens ...int) {
		var p Pack
		for _, n := range lens {
			one := sequences(c.Vocab, false, []int{n, 1})
			ids := one.Tokens[:n]
			p.Segments = append(p.Segments, Segment{int64(len(p.Tokens)), int64(n), -1})
			for i, id := range ids {
				p.Tokens = append(p.Tokens, id)
				p.Positions = append(p.Positions, int32(i))
			}
			prompts = append(prompts, ids)
		}
		if err := b.AddPrompts(&p); err != nil {
			t.Fatal(err)
		}
	}
	type line struct {
		prompt int
		tokens []int64
		logp   []float64
	}
	var rows, all []*line
	add := func(prompt int) {
		if err := b.Add(prompt, uint64(len(all))); err != nil {
			t.Fatal(err)
		}
		r := &line{prompt: prompt}
		rows, all = append(rows, r), append(all, r)
	}
	addPrompts(33, 7)
	for range 10 {
		add(0)
	}
	add(1)
	if err := b.ClosePrompt(1); err != nil {
		t.Fatal(err)
	}
	for step := range 70 {
		if step == 20 {
			addPrompts(64, 1)
			add(0)
			add(3)
			add(2)
		}
		tokens, logp := make([]int64, len(rows)), make([]float64, len(rows))
		if err := b.Step(tokens, logp); err != nil {
			t.Fatal(err)
		}
		var keep []int64
		left := rows[:0:0]
		for i, r := range rows {
			r.tokens, r.logp = append(r.tokens, tokens[i]), append(r.logp, logp[i])
			if len(r.tokens) < 5+(i*13)%66 {
				keep, left = append(keep, int64(i)), append(left, r)
			}
		}
		if err := b.Keep(keep); err != nil {
			t.Fatal(err)
		}
		if rows = left; len(rows) == 0 {
			break
		}
	}
	for i, r := range all {
		p := Pack{Tokens: append(append([]int64{}, prompts[r.prompt]...), r.tokens...)}
		p.Segments = []Segment{{0, int64(len(p.Tokens)), -1}}
		for j := range p.Tokens {
			p.Positions = append(p.Positions, int32(j))
		}
		for j, id := range r.tokens {
			p.LogitRows = append(p.LogitRows, int64(len(prompts[r.prompt])+j-1))
			p.TargetRows = append(p.TargetRows, int64(j))
			p.TargetTokens = append(p.TargetTokens, id)
		}
		logp, entropy := make([]float64, len(r.tokens)), make([]float64, len(r.tokens))
		if _, err := e.Forward(&p, 0.8, true, KeepNothing, logp, entropy); err != nil {
			t.Fatal(err)
		}
		if d := far(logp, r.logp); d > 2e-5 {
			t.Errorf("row %d of %d tokens: sampled and scored log-probabilities differ by %g", i, len(r.tokens), d)
		}
	}
}

// A completion depends on its seed, not on the batch around it.
func TestSeedsAreIndependentOfTheBatch(t *testing.T) {
	onThread(t, func() {
		c := shape(4, 2, 16)
		e := random(t, c)
		run := func(seeds ...uint64) [][]int64 {
			b, err := e.NewBatch(Sampling{Temperature: 1, TopP: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			p := sequences(c.Vocab, false, []int{20, 1})
			if err := b.AddPrompts(&Pack{Tokens: p.Tokens[:20], Positions: p.Positions[:20], Segments: []Segment{{0, 20, -1}}}); err != nil {
				t.Fatal(err)
			}
			for _, s := range seeds {
				if err := b.Add(0, s); err != nil {
					t.Fatal(err)
				}
			}
			out := make([][]int64, len(seeds))
			tokens, logp := make([]int64, len(seeds)), make([]float64, len(seeds))
			for range 30 {
				if err := b.Step(tokens, logp); err != nil {
					t.Fatal(err)
				}
				for i, id := range tokens {
					out[i] = append(out[i], id)
				}
			}
			return out
		}
		together := run(11, 12, 13, 14, 15, 16, 17)
		for i, seed := range []uint64{11, 12, 13, 14, 15, 16, 17} {
			if alone := run(seed)[0]; fmt.Sprint(alone) != fmt.Sprint(together[i]) {
				t.Errorf("seed %d: %v alone, %v in a batch", seed, alone, together[i])
			}
		}
		if fmt.Sprint(together[0]) == fmt.Sprint(together[1]) {
			t.Error("two seeds gave one completion")
		}
	})
}

func TestErrorsAreErrors(t *testing.T) {
	onThread(t, func() {
		c := shape(4, 2, 16)
		e := random(t, c)
		logp, entropy := make([]float64, 1), make([]float64, 1)
		whole := func() *Pack {
			return &Pack{Tokens: []int64{1, 2}, Positions: []int32{0, 1}, Segments: []Segment{{0, 2, -1}}, LogitRows: []int64{0}, TargetRows: []int64{0}, TargetTokens: []int64{2}}
		}
		for _, row := range []struct {
			name, message string
			spoil         func(p *Pack)
		}{
			{"a token beyond the vocabulary", "token 211", func(p *Pack) { p.Tokens[1] = 211 }},
			{"a target beyond the vocabulary", "token -1", func(p *Pack) { p.TargetTokens[0] = -1 }},
			{"a position beyond the context", "position 256", func(p *Pack) { p.Positions[1] = 256 }},
			{"a logit row that is not there", "row 2", func(p *Pack) { p.LogitRows[0] = 2 }},
			{"segments that leave a gap", "segments of 1", func(p *Pack) { p.Segments[0].Len = 1 }},
			{"a segment that is its own parent", "segment 0", func(p *Pack) { p.Segments[0].Parent = 0 }},
		} {
			p := whole()
			row.spoil(p)
			if _, err := e.Forward(p, 1, true, KeepNothing, logp, entropy); err == nil || !strings.Contains(err.Error(), row.message) {
				t.Errorf("%s: %v", row.name, err)
			}
		}
		if _, err := e.Forward(whole(), 0, true, KeepNothing, logp, entropy); err == nil {
			t.Error("temperature 0 was taken")
		}
		if err := e.SetWeight(Norm1, 0, []int64{48}, func([]float32) error { return nil }); err == nil || !strings.Contains(err.Error(), "ready") {
			t.Errorf("a weight after Ready: %v", err)
		}
		e, err := Open(c) // whose weights can still be set
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if err := e.SetWeight(Query, 0, []int64{3, 3}, func([]float32) error { return nil }); err == nil || !strings.Contains(err.Error(), "shape") {
			t.Errorf("a weight of another shape: %v", err)
		}
		if err := e.SetWeight(Query, 9, []int64{3, 3}, func([]float32) error { return nil }); err == nil {
			t.Error("a layer that is not there was taken")
		}
		broken := errors.New("broken file")
		if err := e.SetWeight(Norm1, 0, []int64{48}, func([]float32) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("a reader's error: %v", err)
		}
		if err := e.Backward(nil, []float64{1}); err == nil {
			t.Error("a missing tape was taken")
		}
		bad := c
		bad.KVHeads = 3
		if _, err := Open(bad); err == nil {
			t.Error("an impossible shape was taken")
		}
		if _, err := FindDevice("tpu"); err == nil || !strings.Contains(err.Error(), "auto, cpu, cuda") {
			t.Errorf("an unknown device: %v", err)
		}
	})
}

func TestClosedThread(t *testing.T) {
	th := NewThread()
	th.Close()
	th.Close()
	if err := th.Do(func() error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}
