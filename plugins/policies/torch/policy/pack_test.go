package policy

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func someSequences(rng *rand.Rand) []core.Sequence {
	var seqs []core.Sequence
	draw := func(n int) []int32 {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = rng.Int32N(50)
		}
		return ids
	}
	for range 1 + rng.IntN(5) {
		prompt := draw(1 + rng.IntN(40))
		for range 1 + rng.IntN(6) {
			seqs = append(seqs, core.Sequence{Prompt: slices.Clone(prompt), Completion: draw(rng.IntN(30))})
		}
	}
	for range rng.IntN(4) {
		seqs = append(seqs, seqs[rng.IntN(len(seqs))])
	}
	rng.Shuffle(len(seqs), func(i, j int) { seqs[i], seqs[j] = seqs[j], seqs[i] })
	return seqs
}

// Every completion token is predicted exactly once, from the tokens before it and no others.
func TestPlanPredictsEachTokenFromItsPast(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		seqs := someSequences(rng)
		most := []int{1, 60, 1 << 20}[rng.IntN(3)]
		seen := map[spot]int{}
		for _, k := range plan(seqs, most) {
			if len(k.spots) != len(k.TargetRows) || !slices.IsSorted(k.LogitRows) || !slices.IsSorted(k.TargetRows) {
				t.Fatal("targets out of order")
			}
			for i, at := range k.spots {
				seen[at]++
				row := int(k.LogitRows[k.TargetRows[i]])
				if past := k.past(row); !slices.Equal(past, before(seqs, at)) {
					t.Fatalf("spot %v is predicted from %v, want %v", at, past, before(seqs, at))
				}
				if int32(k.TargetTokens[i]) != seqs[at.sequence].Completion[at.token] {
					t.Fatalf("spot %v wants token %d", at, k.TargetTokens[i])
				}
			}
		}
		want := 0
		for i, s := range seqs {
			want += len(s.Completion)
			for j := range s.Completion {
				if seen[spot{i, j}] != 1 {
					t.Fatalf("token %d of sequence %d is predicted %d times", j, i, seen[spot{i, j}])
				}
			}
		}
		if len(seen) != want {
			t.Fatalf("%d spots for %d tokens", len(seen), want)
		}
	}
}

// past is what a row sees, itself included.
func (k *scored) past(row int) []int32 {
	for _, s := range k.Segments {
		if int64(row) < s.Start || int64(row) >= s.Start+s.Len {
			continue
		}
		var ids []int32
		if s.Parent >= 0 {
			p := k.Segments[s.Parent]
			for _, id := range k.Tokens[p.Start : p.Start+p.Len] {
				ids = append(ids, int32(id))
			}
		}
		for _, id := range k.Tokens[s.Start : row+1] {
			ids = append(ids, int32(id))
		}
		if int(k.Positions[row]) != len(ids)-1 {
			return nil
		}
		return ids
	}
	return nil
}

func before(seqs []core.Sequence, at spot) []int32 {
	s := seqs[at.sequence]
	return append(slices.Clone(s.Prompt), s.Completion[:at.token]...)
}

func TestPlanKeepsToItsBounds(t *testing.T) {
	prompt := make([]int32, 100)
	var seqs []core.Sequence
	for i := range 40 {
		seqs = append(seqs, core.Sequence{Prompt: prompt, Completion: append(make([]int32, 100), int32(i))})
	}
	if n := len(plan(seqs, 1<<20)); n != 1 {
		t.Errorf("a group was torn into %d packs without need", n)
	}
	for _, k := range plan(seqs, 500) {
		if k.Rows() > 500 {
			t.Errorf("a pack of %d rows, allowed are 500", k.Rows())
		}
	}
	if n := len(plan(seqs, 500)); n != 10 {
		t.Errorf("%d packs, want 10 of a prompt and 4 completions", n)
	}
	twice := slices.Concat(seqs[:3], seqs[:3])
	if k := plan(twice, 1<<20); len(k) != 1 || k[0].Rows() != 400 || len(k[0].spots) != 6*101 {
		t.Errorf("completions that occur twice take %d rows, want 400", k[0].Rows())
	}
	if n := len(plan(seqs[:2], 1)); n != 2 {
		t.Errorf("%d packs, want one per sequence where none fits", n)
	}
}
