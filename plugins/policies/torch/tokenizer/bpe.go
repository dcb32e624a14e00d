package tokenizer

import "container/heap"

// merge is the place of a pair in the list of merges and the token that it makes.
type merge struct{ rank, id int32 }

type pair struct{ left, right int32 }

// bpe is the vocabulary and its merges.
type bpe struct {
	vocab  map[string]int32 // by the bytes that a token stands for
	merges map[pair]merge
	// single is the token of each byte, -1 where the vocabulary has none; such bytes become unknown, or vanish where
	// unknown is negative.
	single  [256]int32
	unknown int32
	// whole takes a piece that is itself a token without merging ("ignore_merges").
	whole bool
}

// longPiece is the length, in bytes, from which on a heap finds the next merge. Below it looking through all pairs is faster.
const longPiece = 96

// encode returns the tokens of one piece.
func (b *bpe) encode(piece string) []int32 {
	if b.whole {
		if id, ok := b.vocab[piece]; ok {
			return []int32{id}
		}
	}
	ids := make([]int32, 0, len(piece))
	for i := range len(piece) {
		if id := b.single[piece[i]]; id >= 0 {
			ids = append(ids, id)
		} else if b.unknown >= 0 {
			ids = append(ids, b.unknown)
		}
	}
	if len(ids) >= longPiece {
		return b.mergeLong(ids)
	}
	return b.mergeShort(ids)
}

// mergeShort applies the merge of the lowest rank, the leftmost of equals, until none is left.
func (b *bpe) mergeShort(ids []int32) []int32 {
	for len(ids) > 1 {
		best, at := merge{rank: 1<<31 - 1}, -1
		for i := range len(ids) - 1 {
			if m, ok := b.merges[pair{ids[i], ids[i+1]}]; ok && m.rank < best.rank {
				best, at = m, i
			}
		}
		if at < 0 {
			break
		}
		ids[at] = best.id
		ids = append(ids[:at+1], ids[at+2:]...)
	}
	return ids
}

// symbol is a token in a doubly linked list; next and prev are -1 at the ends, id is -1 once it was merged away.
type symbol struct{ id, prev, next int32 }

// candidate is a merge of the symbol at with its next, as they were when it was queued.
type candidate struct {
	merge
	at          int32
	left, right int32
}

type queue []candidate

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].rank != q[j].rank {
		return q[i].rank < q[j].rank
	}
	return q[i].at < q[j].at
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(candidate)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// mergeLong does what mergeShort does, in n log n steps: a text without spaces may be a single piece.
func (b *bpe) mergeLong(ids []int32) []int32 {
	list := make([]symbol, len(ids))
	for i, id := range ids {
		list[i] = symbol{id, int32(i - 1), int32(i + 1)}
	}
	list[len(list)-1].next = -1
	var q queue
	push := func(at int32) {
		if at < 0 || list[at].next < 0 {
			return
		}
		left, right := list[at].id, list[list[at].next].id
		if m, ok := b.merges[pair{left, right}]; ok {
			heap.Push(&q, candidate{m, at, left, right})
		}
	}
	for i := range list {
		push(int32(i))
	}
	for q.Len() > 0 {
		c := heap.Pop(&q).(candidate)
		next := list[c.at].next
		if list[c.at].id != c.left || next < 0 || list[next].id != c.right {
			continue // one of the two was merged since
		}
		list[c.at].id, list[c.at].next = c.id, list[next].next
		list[next].id = -1
		if list[next].next >= 0 {
			list[list[next].next].prev = c.at
		}
		push(c.at)
		push(list[c.at].prev)
	}
	out := ids[:0]
	for at := int32(0); at >= 0; at = list[at].next {
		out = append(out, list[at].id)
	}
	return out
}
