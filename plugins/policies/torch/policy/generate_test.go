package policy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// sampled runs generate without a tokenizer and returns the completions, prompt-major.
func sampled(t *testing.T, p *Policy, prompts [][]int32, s core.Sampling) []core.Completion {
	t.Helper()
	out := make([]core.Completion, len(prompts)*s.N)
	seen := 0
	if err := p.thread.Do(func() error {
		return p.generate(t.Context(), prompts, s, endless, func(g core.Generated) error {
			seen++
			out[g.Prompt*s.N+g.Sample] = g.Completion
			return nil
		}, nil)
	}); err != nil {
		t.Fatal(err)
	}
	if seen != len(out) {
		t.Fatalf("%d completions were given, %d asked for", seen, len(out))
	}
	return out
}

func seeds(n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(i) * 0x9e3779b97f4a7c15
	}
	return out
}

func tiny(t *testing.T, change func(*Settings)) *Policy {
	dirs := models(t)
	return open(t, func(s *Settings) {
		s.Model = dirs[0]
		if change != nil {
			change(s)
		}
	})
}

var prompts = [][]int32{{5, 6, 7, 8, 9}, {10}, {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6, 4, 3, 3, 8, 3, 2, 7, 9, 5, 0, 2, 8, 8}, {50, 60}, {70}}

// How many rows are sampled side by side, and so which rows stand beside which, must not show in the completions.
func TestCompletionsDoNotDependOnTheBatch(t *testing.T) {
	s := core.Sampling{N: 3, MaxTokens: 40, Temperature: 1, Seeds: seeds(15)}
	want := sampled(t, tiny(t, nil), prompts, s)
	for _, batch := range []int{1, 2, 4, 7} {
		got := sampled(t, tiny(t, func(s *Settings) { s.MaxBatch = batch }), prompts, s)
		for i := range want {
			if !slices.Equal(got[i].Tokens, want[i].Tokens) {
				t.Errorf("batch of %d: completion %d is %v, was %v", batch, i, got[i].Tokens, want[i].Tokens)
			}
		}
	}
}

func TestSamplerAgreesWithScore(t *testing.T) {
	p := tiny(t, nil)
	for _, temperature := range []float64{0.5, 1, 1.7} {
		s := core.Sampling{N: 4, MaxTokens: 30, Temperature: temperature, Seeds: seeds(20)}
		var seqs []core.Sequence
		got := sampled(t, p, prompts, s)
		for _, c := range got {
			seqs = append(seqs, core.Sequence{Prompt: c.PromptTokens, Completion: c.Tokens})
		}
		scores, err := p.Score(t.Context(), seqs, temperature, false)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range got {
			if d := apart(c.LogProbs, scores.LogProbs[i]); d > 1e-4 {
				t.Errorf("temperature %g: completion %d: sampler and score differ by %g", temperature, i, d)
			}
		}
	}
}

// The frequencies of a first token over many seeds against its probabilities.
func TestFrequenciesFollowProbabilities(t *testing.T) {
	p := tiny(t, nil)
	const n = 4000
	for _, row := range []struct {
		name string
		s    core.Sampling
	}{
		{"temperature 1", core.Sampling{Temperature: 1}},
		{"temperature 2", core.Sampling{Temperature: 2}},
		{"the 5 most probable", core.Sampling{Temperature: 1.5, TopK: 5}},
		{"the nucleus of 0.6", core.Sampling{Temperature: 1.5, TopP: 0.6}},
		{"both", core.Sampling{Temperature: 1.5, TopP: 0.8, TopK: 20}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := row.s
			s.N, s.MaxTokens, s.Seeds = n, 1, seeds(n)
			count := map[int32]int{}
			said := map[int32]float64{}
			for _, c := range sampled(t, p, prompts[:1], s) {
				count[c.Tokens[0]]++
				said[c.Tokens[0]] = float64(c.LogProbs[0])
			}
			want := distribution(t, p, prompts[0], s)
			for id := range count {
				if want[id] == 0 {
					t.Errorf("token %d has no probability and was drawn", id)
				} else if d := math.Abs(said[id] - math.Log(want[id])); d > 1e-3 {
					t.Errorf("token %d: the sampler says %g, its probability's logarithm is %g", id, said[id], math.Log(want[id]))
				}
			}
			// Pearson's statistic over tokens expected 10 times and more; 5 standard deviations of a chi-squared variable
			chi, degrees := 0.0, 0
			for id, q := range want {
				if e := q * n; e >= 10 {
					d := float64(count[id]) - e
					chi, degrees = chi+d*d/e, degrees+1
				}
			}
			if limit := float64(degrees) + 5*math.Sqrt(2*float64(degrees)); degrees < 2 || chi > limit {
				t.Errorf("chi-squared %.1f over %d tokens, allowed is %.1f", chi, degrees, limit)
			}
		})
	}
}

// distribution is what a first token is to be drawn from, by definition: softmax, top-k, top-p, renormalised.
func distribution(t *testing.T, p *Policy, prompt []int32, s core.Sampling) map[int32]float64 {
	t.Helper()
	var k scored
	k.segment(prompt, 0, -1)
	k.LogitRows = []int64{int64(len(prompt) - 1)}
	var logits [][]float32
	if err := p.thread.Do(func() (err error) {
		logits, err = p.engine.Logits(&k.Pack, true)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	type entry struct {
		id int32
		p  float64
	}
	var all []entry
	for i, l := range logits[0] {
		all = append(all, entry{int32(i), math.Exp(float64(l) / s.Temperature)})
	}
	slices.SortFunc(all, func(a, b entry) int {
		switch {
		case a.p > b.p:
			return -1
		case a.p < b.p:
			return 1
		}
		return int(a.id - b.id)
	})
	norm := func() {
		sum := 0.0
		for _, e := range all {
			sum += e.p
		}
		for i := range all {
			all[i].p /= sum
		}
	}
	if s.TopK > 0 {
		all = all[:s.TopK]
	}
	norm()
	if s.TopP > 0 {
		sum, n := 0.0, 0
		for n < len(all) && sum < s.TopP {
			sum += all[n].p
			n++
		}
		all = all[:n]
		norm()
	}
	out := map[int32]float64{}
	for _, e := range all {
		out[e.id] = e.p
	}
	return out
}

func TestEndOfSequenceEndsACompletion(t *testing.T) {
	p := tiny(t, nil)
	s := core.Sampling{N: 8, MaxTokens: 400, Temperature: 3, Seeds: seeds(40)}
	ended := 0
	for i, c := range sampled(t, p, prompts, s) {
		last := len(c.Tokens) - 1
		for j, id := range c.Tokens {
			if p.eos[id] && j != last {
				t.Errorf("completion %d goes on after its end", i)
			}
		}
		switch {
		case p.eos[c.Tokens[last]] && c.Finish == core.FinishEOS:
			ended++
		case c.Finish != core.FinishLength || len(c.Tokens) != 400:
			t.Errorf("completion %d: %d tokens, finish %q", i, len(c.Tokens), c.Finish)
		}
		if len(c.LogProbs) != len(c.Tokens) {
			t.Errorf("completion %d: %d log-probabilities for %d tokens", i, len(c.LogProbs), len(c.Tokens))
		}
	}
	if ended == 0 {
		t.Error("no completion ended by itself: the test says nothing")
	}
}

func TestContextLimitsACompletion(t *testing.T) {
	p := tiny(t, func(s *Settings) { s.Context = 20 })
	for _, c := range sampled(t, p, prompts[:1], core.Sampling{N: 2, MaxTokens: 100, Seeds: seeds(2)}) {
		if n := len(prompts[0]) + len(c.Tokens); n != 20 || c.Finish != core.FinishLength {
			t.Errorf("%d tokens in a context of 20, finish %q", n, c.Finish)
		}
	}
	err := p.thread.Do(func() error {
		return p.generate(t.Context(), prompts[2:3], core.Sampling{N: 1, MaxTokens: 1, Seeds: seeds(1)}, endless, nil, nil)
	})
	if err == nil || !strings.Contains(err.Error(), "context of 20") {
		t.Errorf("a prompt that fills the context: %v", err)
	}
}

func TestGenerateStopsWhenAsked(t *testing.T) {
	p := tiny(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	s := core.Sampling{N: 4, MaxTokens: 1000, Temperature: 1, Seeds: seeds(20)}
	err := p.thread.Do(func() error {
		return p.generate(ctx, prompts, s, endless, func(core.Generated) error { return nil }, func(int) { cancel() })
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	full := errors.New("the receiver is full")
	err = p.thread.Do(func() error {
		return p.generate(t.Context(), prompts, s, endless, func(core.Generated) error { return full }, nil)
	})
	if !errors.Is(err, full) {
		t.Errorf("a receiver's error: %v", err)
	}
}

func TestBadSamplingIsNamed(t *testing.T) {
	p := tiny(t, nil)
	good := core.Sampling{N: 2, MaxTokens: 3, Temperature: 1, Seeds: seeds(2)}
	for _, row := range []struct {
		message string
		spoil   func(*core.Sampling)
	}{
		{"nothing to sample", func(s *core.Sampling) { s.N = 0 }},
		{"max tokens", func(s *core.Sampling) { s.MaxTokens = 0 }},
		{"temperature", func(s *core.Sampling) { s.Temperature = math.NaN() }},
		{"top-p", func(s *core.Sampling) { s.TopP = 1.5 }},
		{"top-k", func(s *core.Sampling) { s.TopK = -1 }},
		{"1 seeds for 2", func(s *core.Sampling) { s.Seeds = s.Seeds[:1] }},
	} {
		s := good
		row.spoil(&s)
		err := p.thread.Do(func() error { return p.generate(t.Context(), prompts[:1], s, endless, nil, nil) })
		if err == nil || !strings.Contains(err.Error(), row.message) {
			t.Errorf("want %q, got %v", row.message, err)
		}
	}
	if err := p.Generate(t.Context(), []core.Prompt{{Prefill: "x"}}, good, nil, nil); err == nil || !strings.Contains(err.Error(), "no tokenizer") {
		t.Errorf("text for a model without a tokenizer: %v", err)
	}
}

func TestProgressCountsTokens(t *testing.T) {
	p := tiny(t, nil)
	last := 0
	total := 0
	s := core.Sampling{N: 2, MaxTokens: 10, Temperature: 1, Seeds: seeds(10)}
	if err := p.thread.Do(func() error {
		return p.generate(t.Context(), prompts, s, endless, func(g core.Generated) error {
			total += len(g.Completion.Tokens)
			return nil
		}, func(n int) {
			if n <= last {
				t.Errorf("progress went from %d to %d", last, n)
			}
			last = n
		})
	}); err != nil {
		t.Fatal(err)
	}
	if last != total {
		t.Errorf("progress ended at %d of %d tokens: %s", last, total, fmt.Sprint(s))
	}
}
