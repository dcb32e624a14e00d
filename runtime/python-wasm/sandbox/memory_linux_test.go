package sandbox

import (
	"bytes"
	"testing"
)

// TestRestoreWays forces the ways of finding written pages that newer kernels do not need, and the remapping of a memory of which
// much was written.
func TestRestoreWays(t *testing.T) {
	big := make([]byte, 2*maxPrivate*PageSize)
	for i := range big {
		big[i] = byte(i >> 12)
	}
	im := NewImage(big)
	s, err := newMapped(im)
	if err != nil {
		t.Skipf("this machine has no memory files: %v", err)
	}
	defer s.Close()
	for _, tt := range []struct {
		name   string
		noScan bool
		pages  int
	}{
		{"scan, few pages", false, 3},
		{"scan, many pages", false, maxPrivate + 200},
		{"pagemap, few pages", true, 3},
		{"pagemap, many pages", true, maxPrivate + 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem, err := s.NewMemory()
			if err != nil {
				t.Fatal(err)
			}
			defer mem.Close()
			mem.(*mappedMemory).noScan = tt.noScan
			for range 3 {
				mem.Begin()
				for p := range tt.pages {
					mem.Bytes()[p*PageSize+17] ^= 0xff
				}
				mem.End()
				if n, err := mem.Restore(); err != nil || n != tt.pages {
					t.Fatalf("%d pages changed, want %d (%v)", n, tt.pages, err)
				}
				if !bytes.Equal(mem.Bytes(), big) {
					t.Fatal("the memory is not the image")
				}
			}
		})
	}
}
