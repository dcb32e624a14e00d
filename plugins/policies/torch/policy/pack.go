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

// group is the completions of one prompt.
type group struct {
	prompt      []int32
	completions []completion
}

// completion is the sequences of a group that go on alike. A trained policy repeats itself: what it says twice is computed once.
type completion struct {
	ids       []int32
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

// groups gathers sequences with equal prompts, and in them those with equal completions, in order of their first appearance;
// sequences with nothing to score are left out.
func groups(seqs []core.Sequence) []group {
	var out []group
	type place struct{ group, completion int }
	prompts, completions := map[string]int{}, map[string]place{}
	for i, s := range seqs {
		if len(s.Completion) == 0 {
			continue
		}
		prompt := raw(s.Prompt)
		g, ok := prompts[prompt]
		if !ok {
			g = len(out)
			prompts[prompt] = g
			out = append(out, group{prompt: s.Prompt})
		}
		key := fmt.Sprintf("%d %s", g, raw(s.Completion))
		at, ok := completions[key]
		if !ok {
			at = place{g, len(out[g].completions)}
			completions[key] = at
			out[g].completions = append(out[g].completions, completion{ids: s.Completion})
		}
		c := &out[at.group].completions[at.completion]
		c.sequences = append(c.sequences, i)
	}
	return out
}

// raw is ids as a map's key. ids is not empty.
func raw(ids []int32) string {
	return string(unsafe.Slice((*byte)(unsafe.Pointer(&ids[0])), 4*len(ids)))
}

// rows counts the rows of the group's first n completions. A completion's last token is predicted and predicts nothing: it takes no row.
func (g group) rows(n int) int {
	total := len(g.prompt)
	for _, c := range g.completions[:n] {
		total += len(c.ids) - 1
	}
	return total
}

// plan lays sequences out in packs: whole groups up to packRows tokens together, and a group of more than most tokens in parts that
// each have its prompt.
func plan(seqs []core.Sequence, most int) []scored {
	var out []scored
	for _, g := range groups(seqs) {
		for len(g.completions) > 0 {
			n := len(g.completions)
			for n > 1 && g.rows(n) > most {
				n--
			}
			if len(out) == 0 || out[len(out)-1].Rows()+g.rows(n) > min(packRows, most) {
				out = append(out, scored{})
			}
			out[len(out)-1].add(group{g.prompt, g.completions[:n]})
			g.completions = g.completions[n:]
		}
	}
	return out
}

func (k *scored) add(g group) {
	parent := k.segment(g.prompt, 0, -1)
	k.LogitRows = append(k.LogitRows, int64(k.Rows()-1))
	for _, c := range g.completions {
		k.target(c, 0)
	}
	for _, c := range g.completions {
		if len(c.ids) == 1 {
			continue
		}
		first := int64(k.Rows())
		k.segment(c.ids[:len(c.ids)-1], len(g.prompt), parent)
		for t := 1; t < len(c.ids); t++ {
			k.LogitRows = append(k.LogitRows, first+int64(t-1))
			k.target(c, t)
		}
	}
}

// segment appends tokens at positions from position on, and returns the segment's number.
func (k *scored) segment(ids []int32, position int, parent int64) int64 {
	k.Segments = append(k.Segments, engine.Segment{Start: int64(k.Rows()), Len: int64(len(ids)), Parent: parent})
	for i, id := range ids {
		k.Tokens = append(k.Tokens, int64(id))
		k.Positions = append(k.Positions, int32(position+i))
	}
	return int64(len(k.Segments) - 1)
}

// target wants the log-probability of a completion's token t at the last logit row, for each of its sequences.
func (k *scored) target(c completion, t int) {
	for _, s := range c.sequences {
		k.TargetRows = append(k.TargetRows, int64(len(k.LogitRows)-1))
		k.TargetTokens = append(k.TargetTokens, int64(c.ids[t]))
		k.spots = append(k.spots, spot{s, t})
	}
}

// ragged makes one slice per sequence, of its completion's length.
func ragged(seqs []core.Sequence) [][]float64 {
	out := make([][]float64, len(seqs))
	for i, s := range seqs {
		out[i] = make([]float64, len(s.Completion))
	}
	return out
}
