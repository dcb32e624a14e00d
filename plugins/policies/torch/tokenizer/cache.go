package tokenizer

import (
	"hash/maphash"
	"strings"
	"sync"
)

const (
	cacheShards = 16
	// cacheEntries bounds one generation of a shard: all of them hold at most 2*16*2048 pieces of at most cachePiece bytes.
	cacheEntries = 2048
	cachePiece   = 64
)

// cache remembers the tokens of pieces. It has two generations: when the young one is full it becomes the old one, and the
// old one is forgotten, so what is used stays and the size is bounded.
type cache struct {
	seed   maphash.Seed
	shards [cacheShards]struct {
		sync.RWMutex
		young, old map[string][]int32
	}
}

func newCache() *cache { return &cache{seed: maphash.MakeSeed()} }

// get returns the tokens of piece, computing them on a miss. The caller must not change them.
func (c *cache) get(piece string, compute func(string) []int32) []int32 {
	if len(piece) > cachePiece {
		return compute(piece)
	}
	s := &c.shards[maphash.String(c.seed, piece)%cacheShards]
	s.RLock()
	ids, young := s.young[piece]
	old := false
	if !young {
		ids, old = s.old[piece]
	}
	s.RUnlock()
	if young {
		return ids
	}
	if !old {
		ids = compute(piece)
	}
	c.put(piece, ids)
	return ids
}

func (c *cache) put(piece string, ids []int32) {
	s := &c.shards[maphash.String(c.seed, piece)%cacheShards]
	s.Lock()
	defer s.Unlock()
	if s.young == nil || len(s.young) >= cacheEntries {
		s.old, s.young = s.young, make(map[string][]int32, cacheEntries)
	}
	s.young[strings.Clone(piece)] = ids // a clone, or the piece would keep its whole text alive
}
