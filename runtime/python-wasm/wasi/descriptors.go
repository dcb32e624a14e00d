package wasi

import (
	"encoding/binary"
	"path"
)

// File types of the interface.
const (
	typeCharacterDevice = 2
	typeFolder          = 3
	typeFile            = 4
)

func (h *Host) descriptor(i uint64) *descriptor {
	if i >= uint64(len(h.fds)) || h.fds[i].kind == closed {
		return nil
	}
	return &h.fds[i]
}

func (h *Host) folder(i uint64) *descriptor {
	if f := h.descriptor(i); f != nil && f.kind == folder {
		return f
	}
	return nil
}

func (h *Host) file(i uint64) *descriptor {
	if f := h.descriptor(i); f != nil && f.kind == file {
		return f
	}
	return nil
}

func write(h *Host, m memory, a []uint64) errno {
	f := h.descriptor(a[0])
	if f == nil || (f.kind != standardOutput && f.kind != standardError) {
		return errBadf
	}
	text, total := &h.stdout, &h.stdoutBytes
	if f.kind == standardError {
		text, total = &h.stderr, &h.errBytes
	}
	n := 0
	e := m.vectors(a[1], a[2], func(b []byte) bool {
		n += len(b)
		*total += int64(len(b))
		*text = append(*text, b[:min(len(b), kept-len(*text))]...)
		return h.stdoutBytes+h.errBytes <= h.limits.Output
	})
	h.charge(int64(n / bytesPerFuel))
	if h.stdoutBytes+h.errBytes > h.limits.Output {
		panic(ErrOutput)
	}
	if e != success {
		return e
	}
	return done(m.putU32(a[3], uint32(n)))
}

func read(h *Host, m memory, a []uint64) errno {
	f := h.descriptor(a[0])
	if f == nil || (f.kind != standardInput && f.kind != file) {
		return errBadf
	}
	n, e := h.fill(f.data[f.pos:], m, a[1], a[2])
	if e != success {
		return e
	}
	f.pos += n
	return done(m.putU32(a[3], uint32(n)))
}

func readAt(h *Host, m memory, a []uint64) errno {
	f := h.file(a[0])
	if f == nil {
		return errBadf
	}
	n, e := h.fill(f.data[min(a[3], uint64(len(f.data))):], m, a[1], a[2])
	if e != success {
		return e
	}
	return done(m.putU32(a[4], uint32(n)))
}

// fill copies data into the guest's buffers.
func (h *Host) fill(data []byte, m memory, vectors, count uint64) (int, errno) {
	n := 0
	e := m.vectors(vectors, count, func(b []byte) bool {
		n += copy(b, data[n:])
		return n < len(data)
	})
	h.charge(int64(n / bytesPerFuel))
	return n, e
}

func seek(h *Host, m memory, a []uint64) errno {
	f := h.descriptor(a[0])
	if f == nil {
		return errBadf
	}
	if f.kind != file {
		return errSpipe
	}
	base := 0
	switch a[2] {
	case 0:
	case 1:
		base = f.pos
	case 2:
		base = len(f.data)
	default:
		return errInval
	}
	to := int64(a[1])
	if to < -int64(base) || to > int64(len(f.data)-base) {
		return errInval
	}
	f.pos = base + int(to)
	return done(m.putU64(a[3], uint64(f.pos)))
}

func tell(h *Host, m memory, a []uint64) errno {
	f := h.descriptor(a[0])
	if f == nil {
		return errBadf
	}
	if f.kind != file {
		return errSpipe
	}
	return done(m.putU64(a[1], uint64(f.pos)))
}

func closeDescriptor(h *Host, _ memory, a []uint64) errno {
	f := h.descriptor(a[0])
	if f == nil {
		return errBadf
	}
	*f = descriptor{}
	return success
}

func descriptorState(h *Host, m memory, a []uint64) errno {
	f := h.descriptor(a[0])
	if f == nil {
		return errBadf
	}
	b, inside := m.view(a[1], 24)
	if !inside {
		return errFault
	}
	clear(b[:8])
	b[0] = typeCharacterDevice
	switch f.kind {
	case folder:
		b[0] = typeFolder
	case file:
		b[0] = typeFile
	default: // the standard streams
	}
	for i := 8; i < len(b); i++ { // all rights: the tree is read-only whatever a guest is allowed to try
		b[i] = 0xff
	}
	return success
}

func descriptorAttributes(h *Host, m memory, a []uint64) errno {
	f := h.descriptor(a[0])
	if f == nil {
		return errBadf
	}
	b, inside := m.view(a[1], 64)
	if !inside {
		return errFault
	}
	if f.kind != folder && f.kind != file {
		clear(b)
		b[16] = typeCharacterDevice
		return success
	}
	return h.attributes(f.path, b)
}

// attributes fills a filestat of 64 bytes.
func (h *Host) attributes(p string, b []byte) errno {
	kind, size := byte(typeFile), 0
	if data, found := h.files.content[p]; found {
		size = len(data)
	} else if _, found := h.files.dirs[p]; found {
		kind = typeFolder
	} else {
		return errNoent
	}
	inode := uint64(14695981039346656037) // FNV-1a: stable, and different for different paths
	for i := range len(p) {
		inode = (inode ^ uint64(p[i])) * 1099511628211
	}
	clear(b)
	binary.LittleEndian.PutUint64(b, 1)
	binary.LittleEndian.PutUint64(b[8:], inode)
	b[16] = kind
	binary.LittleEndian.PutUint64(b[24:], 1)
	binary.LittleEndian.PutUint64(b[32:], uint64(size))
	for at := 40; at < 64; at += 8 {
		binary.LittleEndian.PutUint64(b[at:], epoch)
	}
	return success
}

func preopened(_ *Host, m memory, a []uint64) errno {
	if a[0] != 3 {
		return errBadf
	}
	return done(m.putU32(a[1], 0) && m.putU32(a[1]+4, 1))
}

func preopenedName(_ *Host, m memory, a []uint64) errno {
	if a[0] != 3 {
		return errBadf
	}
	b, inside := m.view(a[1], a[2])
	if !inside || len(b) < 1 {
		return errFault
	}
	b[0] = '/'
	return success
}

func readFolder(h *Host, m memory, a []uint64) errno {
	f := h.folder(a[0])
	if f == nil {
		return errBadf
	}
	b, inside := m.view(a[1], a[2])
	if !inside {
		return errFault
	}
	used := 0
	names := h.files.dirs[f.path]
	for i := min(a[3], uint64(len(names))); i < uint64(len(names)) && used < len(b); i++ {
		var entry [24]byte
		binary.LittleEndian.PutUint64(entry[:], i+1)
		binary.LittleEndian.PutUint64(entry[8:], i+1)
		binary.LittleEndian.PutUint32(entry[16:], uint32(len(names[i])))
		entry[20] = typeFile
		if _, isFolder := h.files.dirs[path.Join(f.path, names[i])]; isFolder {
			entry[20] = typeFolder
		}
		used += copy(b[used:], entry[:])
		used += copy(b[used:], names[i])
	}
	return done(m.putU32(a[4], uint32(used)))
}

// resolve joins a guest's path to a folder. "..", links and the like cannot leave the tree: it has no outside.
func (h *Host) resolve(m memory, fd, p, n uint64) (string, errno) {
	f := h.folder(fd)
	if f == nil {
		return "", errBadf
	}
	if n > 4096 {
		return "", errInval
	}
	b, inside := m.view(p, n)
	if !inside {
		return "", errFault
	}
	return path.Join(f.path, string(b)), success
}

func pathAttributes(h *Host, m memory, a []uint64) errno {
	p, e := h.resolve(m, a[0], a[2], a[3])
	if e != success {
		return e
	}
	b, inside := m.view(a[4], 64)
	if !inside {
		return errFault
	}
	return h.attributes(p, b)
}

// Flags of path_open.
const (
	openCreate   = 1
	openFolder   = 2
	openTruncate = 8
)

func open(h *Host, m memory, a []uint64) errno {
	p, e := h.resolve(m, a[0], a[2], a[3])
	if e != success {
		return e
	}
	flags := a[4]
	var f descriptor
	if data, found := h.files.content[p]; found {
		switch {
		case flags&openFolder != 0:
			return errNotdir
		case flags&(openCreate|openTruncate) != 0:
			return errRofs
		}
		f = descriptor{kind: file, path: p, data: data}
	} else if _, found := h.files.dirs[p]; found {
		f = descriptor{kind: folder, path: p}
	} else if flags&openCreate != 0 {
		return errRofs
	} else {
		return errNoent
	}
	for i := 4; i < len(h.fds); i++ {
		if h.fds[i].kind == closed {
			h.fds[i] = f
			return done(m.putU32(a[8], uint32(i)))
		}
	}
	return errMfile
}
