package assets

import "fmt"

// spaceError is a disk with too little room.
type spaceError struct {
	dir        string
	need, free int64 // bytes
}

func (e *spaceError) Error() string {
	return fmt.Sprintf("no space: %s needed, %s free in %s", Bytes(e.need), Bytes(e.free), e.dir)
}

// spare is left free on top of what an artefact needs: logs, stamps, the other programs of the machine.
const spare = 64 << 20

// room refuses work that needs more bytes than the cache's disk has. The folder must exist.
func (c *Cache) room(need int64) error {
	free, err := Free(c.dir)
	if err != nil {
		return fmt.Errorf("measure the free space: %w", err)
	}
	if need += spare; free < need {
		return &spaceError{c.dir, need, free}
	}
	return nil
}

// Bytes writes n for people: "563.7 kB", "670.2 MB".
func Bytes(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	default:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	}
}
