package wasi

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// packMagic begins a packed file tree.
const packMagic = "hpack\x00\x00\x01"

// Pack writes a file tree as one run of bytes: magic, count, then (path length u32, path, content length u32, content) in the
// order of the paths. Numbers are little-endian.
func Pack(f *Files) []byte {
	out := []byte(packMagic)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(f.content)))
	for _, p := range f.Paths() {
		b := f.content[p]
		out = binary.LittleEndian.AppendUint32(out, uint32(len(p)))
		out = append(out, p...)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(b)))
		out = append(out, b...)
	}
	return out
}

// Unpack reads what Pack wrote. The contents share memory with b.
func Unpack(b []byte) (*Files, error) {
	if len(b) < len(packMagic)+4 || string(b[:len(packMagic)]) != packMagic {
		return nil, errors.New("unpack files: not a packed file tree")
	}
	n := binary.LittleEndian.Uint32(b[len(packMagic):])
	b = b[len(packMagic)+4:]
	next := func() ([]byte, bool) {
		if len(b) < 4 {
			return nil, false
		}
		k := binary.LittleEndian.Uint32(b)
		if uint64(k) > uint64(len(b)-4) {
			return nil, false
		}
		v := b[4 : 4+k : 4+k]
		b = b[4+k:]
		return v, true
	}
	content := map[string][]byte{}
	for i := uint32(0); i < n; i++ {
		p, ok := next()
		var c []byte
		if ok {
			c, ok = next()
		}
		if !ok {
			return nil, fmt.Errorf("unpack files: truncated at file %d of %d", i, n)
		}
		if _, twice := content[string(p)]; twice {
			return nil, fmt.Errorf("unpack files: %q occurs twice", p)
		}
		content[string(p)] = c
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("unpack files: %d bytes after the last file", len(b))
	}
	return NewFiles(content)
}
