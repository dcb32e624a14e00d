package wasi

import (
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"
)

// errno is an error number of wasi_snapshot_preview1.
type errno uint64

const (
	success   errno = 0
	errBadf   errno = 8
	errFault  errno = 21
	errInval  errno = 28
	errMfile  errno = 33
	errNoent  errno = 44
	errNosys  errno = 52
	errNotdir errno = 54
	errRofs   errno = 69
	errSpipe  errno = 70
)

// maxVectors bounds the buffers of one read or write and the subscriptions of one poll, like IOV_MAX of Linux.
const maxVectors = 1024

// memory is the guest's linear memory; each access says whether it lies inside.
type memory struct{ m api.Memory }

func (m memory) view(p, n uint64) ([]byte, bool) {
	if p > 1<<32-1 || n > 1<<32-1 {
		return nil, false
	}
	return m.m.Read(uint32(p), uint32(n))
}

func (m memory) putU32(p uint64, v uint32) bool {
	b, inside := m.view(p, 4)
	if inside {
		binary.LittleEndian.PutUint32(b, v)
	}
	return inside
}

func (m memory) putU64(p, v uint64) bool {
	b, inside := m.view(p, 8)
	if inside {
		binary.LittleEndian.PutUint64(b, v)
	}
	return inside
}

// vectors calls each with every buffer of an iovec array until it returns false.
func (m memory) vectors(p, n uint64, each func(b []byte) bool) errno {
	if n > maxVectors {
		return errInval
	}
	table, inside := m.view(p, n*8)
	if !inside {
		return errFault
	}
	for ; len(table) > 0; table = table[8:] {
		b, inside := m.view(uint64(binary.LittleEndian.Uint32(table)), uint64(binary.LittleEndian.Uint32(table[4:])))
		if !inside {
			return errFault
		}
		if !each(b) {
			break
		}
	}
	return success
}

// done writes a result where inside the memory.
func done(inside bool) errno {
	if !inside {
		return errFault
	}
	return success
}
