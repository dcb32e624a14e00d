package sandbox

import (
	"errors"
)

// copied is a snapshot for machines without sealed memory files or page maps: memories are plain copies, and restoring compares
// every page. It is slower by the size of the memory and gives the same results.
type copied struct{ image Image }

func newCopied(image Image) (Snapshot, error) {
	if image.Size <= 0 || image.Size%PageSize != 0 {
		return nil, errors.New("snapshot: size is not a multiple of the page size")
	}
	return &copied{image}, nil
}

func (s *copied) Size() int    { return s.image.Size }
func (s *copied) Close() error { return nil }

func (s *copied) NewMemory() (Memory, error) {
	m := &copiedMemory{image: s.image, bytes: make([]byte, s.image.Size)}
	for _, r := range s.image.Runs {
		copy(m.bytes[r.Offset:], r.Data)
	}
	return m, nil
}

type copiedMemory struct {
	image Image
	bytes []byte
}

func (m *copiedMemory) Bytes() []byte { return m.bytes }
func (m *copiedMemory) Close() error  { m.bytes = nil; return nil }
func (m *copiedMemory) Begin()        {}
func (m *copiedMemory) End()          {}

var zeroPage [PageSize]byte

func (m *copiedMemory) Restore() (int, error) {
	changed, at := 0, 0
	zeros := func(to int) {
		for ; at < to; at += PageSize {
			if restorePage(m.bytes[at:at+PageSize], zeroPage[:]) {
				changed++
			}
		}
	}
	for _, r := range m.image.Runs {
		zeros(r.Offset)
		for i := 0; i < len(r.Data); i, at = i+PageSize, at+PageSize {
			if restorePage(m.bytes[at:at+PageSize], r.Data[i:i+PageSize]) {
				changed++
			}
		}
	}
	zeros(len(m.bytes))
	return changed, nil
}
