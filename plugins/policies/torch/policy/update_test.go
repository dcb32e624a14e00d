package policy

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
)

var steady = core.AdamW{LR: 1e-2, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, MaxGradNorm: 1}

// groupsOf makes sequences of n prompts with g completions each.
func groupsOf(n, g int) []core.Sequence {
	rng := rand.New(rand.NewPCG(9, 9))
	var seqs []core.Sequence
	draw := func(n int) []int32 {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = rng.Int32N(500)
		}
		return ids
	}
	for range n {
		prompt := draw(10 + rng.IntN(20))
		for range g {
			seqs = append(seqs, core.Sequence{Prompt: prompt, Completion: draw(1 + rng.IntN(25))})
		}
	}
	return seqs
}

// weights are derivatives as a loss might give.
func weights(seqs []core.Sequence) [][]float64 {
	rng := rand.New(rand.NewPCG(10, 10))
	out := ragged(seqs)
	for _, row := range out {
		for i := range row {
			row[i] = rng.NormFloat64() / 100
		}
	}
	return out
}

func update(t *testing.T, p *Policy, seqs []core.Sequence) (core.TokenScores, core.StepStats) {
	t.Helper()
	s, err := p.Forward(t.Context(), seqs, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Backward(t.Context(), weights(seqs)); err != nil {
		t.Fatal(err)
	}
	stats, err := p.Step(t.Context(), steady)
	if err != nil {
		t.Fatal(err)
	}
	return s, stats
}

// state is what SaveState writes.
func state(t *testing.T, p *Policy) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state")
	if err := p.SaveState(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Activations that are kept and activations that are computed again give the same bits.
func TestMemoryChangesNoBit(t *testing.T) {
	seqs := groupsOf(60, 4)
	roomy := tiny(t, nil)
	scores, stats := update(t, roomy, seqs)
	want := state(t, roomy)
	tight := tiny(t, nil)
	packs := plan(seqs, tight.mostRows())
	if len(packs) < 3 {
		t.Fatalf("only %d packs: nothing has to be computed again", len(packs))
	}
	tight.budget = packRows * tight.rowBytes() // holds the first pack and no other
	if n := len(plan(seqs, tight.mostRows())); n != len(packs) {
		t.Fatalf("%d packs, without the limit %d", n, len(packs))
	}
	again, stats2 := update(t, tight, seqs)
	for i := range seqs {
		if !slices.Equal(scores.LogProbs[i], again.LogProbs[i]) {
			t.Fatalf("log-probabilities of sequence %d differ", i)
		}
	}
	if stats != stats2 || !bytes.Equal(want, state(t, tight)) {
		t.Error("the update differs")
	}
}

// A group too large for one pack is computed in parts, which changes rounding and nothing else.
func TestSplitGroupsAgree(t *testing.T) {
	seqs := groupsOf(2, 30)
	a, b := tiny(t, nil), tiny(t, nil)
	b.budget = 200 * b.rowBytes()
	if len(plan(seqs, a.mostRows())) >= len(plan(seqs, b.mostRows())) {
		t.Fatal("no group was split")
	}
	sa, ga := update(t, a, seqs)
	sb, gb := update(t, b, seqs)
	for i := range seqs {
		if d := apart(sa.LogProbs[i], sb.LogProbs[i]); d > 1e-5 {
			t.Errorf("sequence %d: log-probabilities differ by %g", i, d)
		}
	}
	if math.Abs(ga.GradNorm-gb.GradNorm) > 1e-5*ga.GradNorm {
		t.Errorf("gradient norms %g and %g", ga.GradNorm, gb.GradNorm)
	}
}

// Several Backward calls before a Step add up, and equal one call with all sequences.
func TestGradientsAccumulate(t *testing.T) {
	seqs := groupsOf(3, 4)
	seqs[1], seqs[7] = seqs[0], seqs[4] // completions that occur twice, in one call and in two
	grad := weights(seqs)
	read := func(parts ...[2]int) []float32 {
		p := tiny(t, nil)
		for _, r := range parts {
			if _, err := p.Forward(t.Context(), seqs[r[0]:r[1]], 1); err != nil {
				t.Fatal(err)
			}
			if err := p.Backward(t.Context(), grad[r[0]:r[1]]); err != nil {
				t.Fatal(err)
			}
		}
		var flat []float32
		if err := p.thread.Do(func() (err error) {
			flat, err = p.engine.Read(engine.Gradient)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return flat
	}
	if d := apart(read([2]int{0, 12}), read([2]int{0, 1}, [2]int{1, 5}, [2]int{5, 12})); d > 1e-5 {
		t.Errorf("gradients differ by %g", d)
	}
}

func TestResumedTrainingGivesTheSameBytes(t *testing.T) {
	seqs := groupsOf(3, 4)
	p := tiny(t, nil)
	for range 3 {
		update(t, p, seqs)
	}
	path := filepath.Join(t.TempDir(), "state")
	if err := p.SaveState(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		update(t, p, seqs)
	}
	want := state(t, p)

	q := tiny(t, func(s *Settings) { s.Seed = 99 }) // all of its own start must be replaced
	update(t, q, seqs)
	if err := q.LoadState(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		update(t, q, seqs)
	}
	if !bytes.Equal(want, state(t, q)) {
		t.Error("the resumed run ends elsewhere")
	}
}

// An adapter that was saved and opened again scores what the policy scored.
func TestSavedAdapterScoresTheSame(t *testing.T) {
	seqs := groupsOf(2, 2)
	p := tiny(t, func(s *Settings) {
		s.LoRATargets, s.LoRARank, s.LoRAAlpha = []string{"q_proj", "up_proj", "down_proj"}, 5, 7
	})
	update(t, p, seqs)
	want, err := p.Score(t.Context(), seqs, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	base, err := p.Score(t.Context(), seqs, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "adapter")
	if err := p.SaveAdapter(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	got, err := tiny(t, func(s *Settings) { s.Adapter = dir }).Score(t.Context(), seqs, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	moved := 0.0
	for i := range seqs {
		if !slices.Equal(want.LogProbs[i], got.LogProbs[i]) {
			t.Errorf("sequence %d: %v, was %v", i, got.LogProbs[i], want.LogProbs[i])
		}
		moved = math.Max(moved, apart(want.LogProbs[i], base.LogProbs[i]))
	}
	if moved < 1e-4 {
		t.Error("the update changed nothing: the test says nothing")
	}
}

func TestBadUpdatesAreRefused(t *testing.T) {
	seqs := groupsOf(1, 2)
	p := tiny(t, nil)
	before := state(t, p)
	refused := func(message string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("want %q, got %v", message, err)
		}
	}
	forward := func() [][]float64 {
		t.Helper()
		if _, err := p.Forward(t.Context(), seqs, 1); err != nil {
			t.Fatal(err)
		}
		return weights(seqs)
	}
	refused("call Forward first", p.Backward(t.Context(), weights(seqs)))
	g := forward()
	g[1][0] = math.NaN()
	refused("sequence 1: the derivative of token 0 is NaN", p.Backward(t.Context(), g))
	refused("call Forward first", p.Backward(t.Context(), weights(seqs)))
	forward()
	refused("derivatives for 1 sequences", p.Backward(t.Context(), weights(seqs)[:1]))
	g = forward()
	g[0] = g[0][1:]
	refused("sequence 0", p.Backward(t.Context(), g))

	g = forward()
	g[0][0] = 1e300
	if err := p.Backward(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	_, err := p.Step(t.Context(), steady)
	refused("update 1 was not applied", err)
	_, err = p.Step(t.Context(), core.AdamW{LR: math.NaN(), Eps: 1e-8})
	refused("learning rate", err)
	_, err = p.Step(t.Context(), core.AdamW{LR: 1, Beta1: 1, Eps: 1e-8})
	refused("betas", err)
	if !bytes.Equal(before, state(t, p)) {
		t.Error("a refused update changed the policy")
	}

	for _, row := range []struct {
		message string
		seqs    []core.Sequence
		t       float64
	}{
		{"no sequences", nil, 1},
		{"sequence 0: an empty prompt", []core.Sequence{{Completion: []int32{1}}}, 1},
		{"sequence 1: token 1000000", []core.Sequence{seqs[0], {Prompt: []int32{1}, Completion: []int32{1000000}}}, 1},
		{"context of", []core.Sequence{{Prompt: make([]int32, 5000), Completion: []int32{1}}}, 1},
		{"temperature", seqs, 0},
	} {
		_, err := p.Score(t.Context(), row.seqs, row.t, false)
		refused(row.message, err)
	}
	if s, err := p.Score(t.Context(), []core.Sequence{{Prompt: []int32{1}}}, 1, false); err != nil || len(s.LogProbs) != 1 || len(s.LogProbs[0]) != 0 {
		t.Errorf("an empty completion: %v, %v", s, err)
	}
}

func TestStatesThatDoNotFit(t *testing.T) {
	seqs := groupsOf(1, 2)
	p := tiny(t, nil)
	if _, err := p.Forward(t.Context(), seqs, 1); err != nil {
		t.Fatal(err)
	}
	if err := p.Backward(t.Context(), weights(seqs)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "state")
	if err := p.SaveState(t.Context(), path); err == nil || !strings.Contains(err.Error(), "after Step") {
		t.Errorf("a state with a gradient under way: %v", err)
	}
	if _, err := p.Step(t.Context(), steady); err != nil {
		t.Fatal(err)
	}
	if err := p.SaveState(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	other := tiny(t, func(s *Settings) { s.LoRARank = 4 })
	if err := other.LoadState(t.Context(), path); err == nil || !strings.Contains(err.Error(), `rank: expected "4", found "16"`) {
		t.Errorf("another rank: %v", err)
	}
	if err := p.LoadState(t.Context(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was loaded")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut")
	if err := os.WriteFile(cut, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	before := state(t, p)
	if err := p.LoadState(t.Context(), cut); err == nil {
		t.Error("half a file was loaded")
	}
	if !bytes.Equal(before, state(t, p)) {
		t.Error("a file that did not fit changed the policy")
	}
}
