package sandbox

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// picture is an image of 64 pages, some of them zero.
func picture() Image {
	m := make([]byte, 64*PageSize)
	for _, p := range []int{0, 1, 2, 9, 40, 63} {
		for i := range PageSize {
			m[p*PageSize+i] = byte(p*7 + i)
		}
	}
	return NewImage(m)
}

func content(im Image) []byte {
	b := make([]byte, im.Size)
	for _, r := range im.Runs {
		copy(b[r.Offset:], r.Data)
	}
	return b
}

func TestImageFile(t *testing.T) {
	im := picture()
	if len(im.Runs) != 4 {
		t.Errorf("%d runs", len(im.Runs))
	}
	b := im.AppendTo(nil)
	got, err := ReadImage(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(got), content(im)) {
		t.Error("the image changed on its way through a file")
	}
	for n := range b {
		if n%997 == 0 {
			if _, err := ReadImage(b[:n]); err == nil {
				t.Errorf("the first %d of %d bytes are an image", n, len(b))
			}
		}
	}
}

func FuzzReadImage(f *testing.F) {
	f.Add(NewImage(make([]byte, 2*PageSize)).AppendTo(nil))
	small := make([]byte, 2*PageSize)
	small[PageSize] = 1
	f.Add(NewImage(small).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		im, err := ReadImage(b)
		if err != nil {
			return
		}
		for _, r := range im.Runs {
			if r.Offset < 0 || r.Offset+len(r.Data) > im.Size {
				t.Fatalf("a run of %d bytes at %d in %d", len(r.Data), r.Offset, im.Size)
			}
		}
	})
}

// TestRestore writes to memories of every kind at random and restores them: they equal the image, and the count of changed pages is
// that of a comparison, whatever the kind.
func TestRestore(t *testing.T) {
	im := picture()
	want := content(im)
	kinds := map[string]func(Image) (Snapshot, error){"copied": newCopied, "of this machine": newSnapshot}
	for name, make := range kinds {
		t.Run(name, func(t *testing.T) {
			s, err := make(im)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			m, err := s.NewMemory()
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			r := rand.New(rand.NewPCG(1, 2))
			for round := range 50 {
				b := m.Bytes()
				if !bytes.Equal(b, want) {
					t.Fatalf("round %d: the memory is not the image", round)
				}
				m.Begin()
				for range r.IntN(100) {
					b[r.IntN(len(b))] ^= byte(r.IntN(3))
				}
				m.End()
				changed := 0
				for at := 0; at < len(b); at += PageSize {
					if !bytes.Equal(b[at:at+PageSize], want[at:at+PageSize]) {
						changed++
					}
				}
				if got, err := m.Restore(); err != nil || got != changed {
					t.Fatalf("round %d: %d pages changed, want %d (%v)", round, got, changed, err)
				}
			}
		})
	}
}

func TestMemoriesShareNothing(t *testing.T) {
	s, err := newSnapshot(picture())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a, err := s.NewMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := s.NewMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	clear(a.Bytes())
	if !bytes.Equal(b.Bytes(), content(picture())) {
		t.Error("what was written to one memory is in the other")
	}
}
