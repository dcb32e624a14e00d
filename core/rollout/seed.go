package rollout

import (
	"crypto/sha256"
	"encoding/binary"
)

// Seed derives the seed of a named stream of random numbers from the run's seed. The same names and numbers give the same
// seed on every machine and at any parallelism; streams that differ in any part are independent.
func Seed(run uint64, stream string, parts ...uint64) uint64 {
	b := make([]byte, 0, 8+len(stream)+1+8*len(parts))
	b = binary.LittleEndian.AppendUint64(b, run)
	b = append(b, stream...)
	b = append(b, 0) // ends the name, so that no name runs into the numbers
	for _, p := range parts {
		b = binary.LittleEndian.AppendUint64(b, p)
	}
	h := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(h[:8])
}
