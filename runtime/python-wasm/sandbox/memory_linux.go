package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxPrivate is the number of private pages up to which a memory keeps them: restoring copies them back, and the next program
// writes without page faults. Beyond it the image is mapped afresh.
const maxPrivate = 600

// mapped is a snapshot in a sealed memory file; memories are private mappings of it, so that only pages that a program writes to
// cost anything. It opens all that its memories need, so that a process may give up opening files before it makes them.
type mapped struct {
	fd       int
	original []byte
	pagemap  *os.File
}

// newSnapshot makes a copy-on-write snapshot, or a copying one where the machine has no memory files or page maps.
func newSnapshot(image Image) (Snapshot, error) {
	if os.Getpagesize() != PageSize {
		return newCopied(image) // 16 and 64 KiB pages, as on some arm64 machines
	}
	s, err := newMapped(image)
	if err != nil {
		return newCopied(image)
	}
	m, err := s.NewMemory()
	if err == nil {
		_, err = m.Restore() // tries the page map
		err = errors.Join(err, m.Close())
	}
	if err != nil {
		_ = s.Close() // it is of no use here, whatever this says
		return newCopied(image)
	}
	return s, nil
}

func newMapped(image Image) (_ *mapped, err error) {
	fd, err := unix.MemfdCreate("python-image", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("snapshot: memory file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Close(fd))
		}
	}()
	if err := unix.Ftruncate(fd, int64(image.Size)); err != nil {
		return nil, fmt.Errorf("snapshot: size the memory file: %w", err)
	}
	for _, r := range image.Runs {
		for done := 0; done < len(r.Data); {
			n, err := unix.Pwrite(fd, r.Data[done:], int64(r.Offset+done))
			if err != nil {
				return nil, fmt.Errorf("snapshot: fill the memory file: %w", err)
			}
			done += n
		}
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return nil, fmt.Errorf("snapshot: seal the memory file: %w", err)
	}
	original, err := unix.Mmap(fd, 0, image.Size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("snapshot: map the memory file: %w", err)
	}
	pagemap, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("snapshot: open the page map: %w", err), unix.Munmap(original))
	}
	return &mapped{fd, original, pagemap}, nil
}

func (s *mapped) Size() int { return len(s.original) }

func (s *mapped) Close() error {
	return errors.Join(s.pagemap.Close(), unix.Munmap(s.original), unix.Close(s.fd))
}

func (s *mapped) NewMemory() (Memory, error) {
	p, err := unix.MmapPtr(s.fd, 0, nil, uintptr(len(s.original)), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("sandbox: map the memory: %w", err)
	}
	return &mappedMemory{snapshot: s, unknown: true, bytes: unsafe.Slice((*byte)(p), len(s.original)), regions: make([]region, 512)}, nil
}

type mappedMemory struct {
	snapshot *mapped
	bytes    []byte

	// private are the runs of pages that a program has written to since the memory was mapped, as far as known: unknown says that
	// there may be more. A page becomes private by a page fault of the thread that writes to it, so a stretch between Begin and End
	// without any adds none, and the kernel need not be asked.
	private []span
	unknown bool
	faults  int64 // of the thread, at Begin

	regions []region
	entries []byte // pagemap of the whole memory, where PAGEMAP_SCAN is missing
	noScan  bool
}

// span is a run of bytes, in whole pages.
type span struct{ from, to int }

func (m *mappedMemory) Bytes() []byte { return m.bytes }

func (m *mappedMemory) Close() error {
	if m.bytes == nil {
		return nil
	}
	err := unix.MunmapPtr(unsafe.Pointer(&m.bytes[0]), uintptr(len(m.bytes)))
	m.bytes = nil
	return err
}

// threadFaults counts the page faults of this thread so far; -1 where that is not known.
func threadFaults() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return -1
	}
	return int64(u.Minflt) + int64(u.Majflt) //nolint:unconvert // the fields are 32 bits wide on 32-bit machines
}

func (m *mappedMemory) Begin() {
	runtime.LockOSThread()
	m.faults = threadFaults()
}

func (m *mappedMemory) End() {
	if now := threadFaults(); now < 0 || now != m.faults {
		m.unknown = true
	}
	runtime.UnlockOSThread()
}

func (m *mappedMemory) Restore() (int, error) {
	if m.unknown {
		if err := m.findPrivate(); err != nil {
			return 0, fmt.Errorf("sandbox: find written pages: %w", err)
		}
		m.unknown = false
	}
	pages, changed := 0, 0
	for _, s := range m.private {
		pages += (s.to - s.from) / PageSize
	}
	for _, s := range m.private {
		for at := s.from; at < s.to; at += PageSize {
			page, original := m.bytes[at:at+PageSize], m.snapshot.original[at:at+PageSize]
			if pages > maxPrivate { // about to be mapped afresh: only count
				if string(page) != string(original) {
					changed++
				}
			} else if restorePage(page, original) {
				changed++
			}
		}
	}
	if pages > maxPrivate {
		_, err := unix.MmapPtr(m.snapshot.fd, 0, unsafe.Pointer(&m.bytes[0]), uintptr(len(m.bytes)),
			unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_NORESERVE|unix.MAP_FIXED)
		if err != nil {
			return 0, fmt.Errorf("sandbox: map the memory afresh: %w", err)
		}
		m.private = m.private[:0]
	}
	return changed, nil
}

// findPrivate asks the kernel which pages are private.
func (m *mappedMemory) findPrivate() error {
	m.private = m.private[:0]
	if !m.noScan {
		err := m.scan()
		if !errors.Is(err, unix.ENOTTY) && !errors.Is(err, unix.EINVAL) {
			return err
		}
		m.noScan = true
		m.private = m.private[:0]
	}
	return m.readPagemap()
}

// region is struct page_region and scanArgs struct pm_scan_arg of linux/fs.h.
type region struct{ start, end, categories uint64 }

type scanArgs struct {
	size, flags, start, end, walkEnd, vec, vecLen, maxPages, inverted, mask, anyOf, ret uint64
}

// PAGEMAP_SCAN of linux/fs.h (Linux 6.7) and the page categories that it is asked for.
const (
	pagemapScan = 0xc0606610
	pageFile    = 1 << 2
	pagePresent = 1 << 3
	pageSwapped = 1 << 4
)

// scan has the kernel find the runs of private pages.
func (m *mappedMemory) scan() error {
	base := uint64(uintptr(unsafe.Pointer(&m.bytes[0])))
	end := base + uint64(len(m.bytes))
	for at := base; at < end; {
		args := scanArgs{
			size: uint64(unsafe.Sizeof(scanArgs{})), start: at, end: end,
			vec: uint64(uintptr(unsafe.Pointer(&m.regions[0]))), vecLen: uint64(len(m.regions)),
			inverted: pageFile, mask: pageFile, anyOf: pagePresent | pageSwapped, ret: pagePresent,
		}
		n, _, e := unix.Syscall(unix.SYS_IOCTL, m.snapshot.pagemap.Fd(), pagemapScan, uintptr(unsafe.Pointer(&args)))
		if e != 0 {
			return e
		}
		for _, r := range m.regions[:n] {
			m.private = append(m.private, span{int(r.start - base), int(r.end - base)})
		}
		if args.walkEnd <= at {
			return nil
		}
		at = args.walkEnd
	}
	return nil
}

// Bits of an entry of /proc/self/pagemap.
const (
	entryPresent = 1 << 63
	entrySwapped = 1 << 62
	entryFile    = 1 << 61
)

// readPagemap is scan for Linux before 6.7: it reads an entry for every page of the memory.
func (m *mappedMemory) readPagemap() error {
	if m.entries == nil {
		m.entries = make([]byte, len(m.bytes)/PageSize*8)
	}
	base := uintptr(unsafe.Pointer(&m.bytes[0]))
	if _, err := m.snapshot.pagemap.ReadAt(m.entries, int64(base/PageSize*8)); err != nil {
		return err
	}
	for i := 0; i < len(m.entries); i += 8 {
		v := binary.LittleEndian.Uint64(m.entries[i:])
		if (v&entryPresent != 0 && v&entryFile == 0) || v&entrySwapped != 0 {
			m.private = append(m.private, span{i / 8 * PageSize, i/8*PageSize + PageSize})
		}
	}
	return nil
}
