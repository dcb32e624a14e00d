package policy

import (
	"fmt"
	"unsafe"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
)

// packRows is how many tokens are computed together where a group does not need more: enough to keep matrix products
// efficient, few enough that what lies between them stays in the caches.
const packRows = 1024

// spot is a token of a sequence.
type spot struct{ sequence, token int }

// scored is a pack with the spots that its targets belong to.
type scored struct {
	engine.Pack
	spots []spot
}

// group is the sequences with one prompt.
type group struct {
	prompt    []int32
	sequences []int
}

// checkSequences refuses what has no log-probability, naming the sequence.
func (p *Policy) checkSequences(seqs []core.Sequence) error {
	if len(seqs) == 0 {
		return fmt.Errorf("no sequences")
	}
	for i, s := range seqs {
		if len(s.Prompt) == 0 {
			return fmt.Errorf("sequence %d: an empty prompt; the first completion token needs one before it", i)
		}
		if n := len(s.Prompt) + len(s.Completion); n > p.context {
			return fmt.Errorf("sequence %d: %d tokens are more than the context of %d", i, n, p.context)
		}
		for _, ids := range [][]int32{s.Prompt, s.Completion} {
			for _, id := range ids {
				if id < 0 || int(id) >= p.info.VocabSize {
					return fmt.Errorf("sequence %d: token %d in a vocabulary of %d", i, id, p.info.VocabSize)
				}
			}
		}
	}
	return nil
}

// groups gathers sequences with equal prompts, in order of their first appearance; those with nothing to score are left out.
func groups(seqs []core.Sequence) []group {
	var out []group
	index := map[string]int{}
	for i, s := range seqs {
		if len(s.Completion) == 0 {
			continue
		}
		key := string(unsafe.Slice((*byte)(unsafe.Pointer(&s.Prompt[0])), 4*len(s.Prompt)))
		g, ok := index[key]
		if !ok {
			g = len(out)
			index[key] = g
			out = append(out, group{prompt: s.Prompt})
		}
		out[g].sequences = append(out[g].sequences, i)
	}
	return out
}

// plan lays sequences out in packs: whole groups up to packRows tokens together, and a group of more than most tokens in parts that
// each have its prompt. A completion's last token is predicted and predicts nothing: it takes no row.
func plan(seqs []core.Sequence, most int) []scored {
	var out []scored
	rows := func(g group, n int) int {
		total := len(g.prompt)
		for _, s := range g.sequences[:n] {
			total += len(seqs[s].Completion) - 1
		}
		return total
	}
	for _, g := range groups(seqs) {
		for len(g.sequences) > 0 {
			n := len(g.sequences)
			for n > 1 && rows(g, n) > most {
				n--
			}
			part := group{g.prompt, g.sequences[:n]}
			if len(out) == 0 || out[len(out)-1].Rows()+rows(part, n) > min(packRows, most) {
				out = append(out, scored{})
			}
			out[len(out)-1].add(part, seqs)
			g.sequences = g.sequences[n:]
		}
	}
	return out
}

func (k *scored) add(g group, seqs []core.Sequence) {
	parent := k.segment(g.prompt, 0, -1)
	k.LogitRows = append(k.LogitRows, int64(k.Rows()-1))
	for _, s := range g.sequences {
		k.target(seqs[s].Completion[0], spot{s, 0})
	}
	for _, s := range g.sequences {
		c := seqs[s].Completion
		if len(c) == 1 {
			continue
		}
		first := int64(k.Rows())
		k.segment(c[:len(c)-1], len(g.prompt), parent)
		for t := 1; t < len(c); t++ {
			k.LogitRows = append(k.LogitRows, first+int64(t-1))
			k.target(c[t], spot{s, t})
		}
	}
}

// segment appends tokens at positions from position on, and returns the segment's number.
func (k *scored) segment(ids []int32, position int, parent int64) int64 {
	k.Segments = append(k.Segments, engine.Segment{Start: int64(k.Rows()), Len: int64(len(ids)), Parent: parent})
	for i, id := range ids {
		k.Tokens = append(k.Tokens, int64(id))
		k.Positions = append(k.Positions, int32(position+i)) //nolint:gosec // below the context's length
	}
	return int64(len(k.Segments) - 1)
}

// target wants a token's log-probability at the last logit row.
func (k *scored) target(id int32, at spot) {
	k.TargetRows = append(k.TargetRows, int64(len(k.LogitRows)-1))
	k.TargetTokens = append(k.TargetTokens, int64(id))
	k.spots = append(k.spots, at)
}

// ragged makes one slice per sequence, of its completion's length.
func ragged(seqs []core.Sequence) [][]float64 {
	out := make([][]float64, len(seqs))
	for i, s := range seqs {
		out[i] = make([]float64, len(s.Completion))
	}
	return out
}
