package wasi

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
)

// guest is a module that is nothing but 64 KiB of memory.
var guest = []byte("\x00asm\x01\x00\x00\x00\x05\x03\x01\x00\x01\x07\x05\x01\x01m\x02\x00")

func guestMemory(tb testing.TB) memory {
	tb.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	tb.Cleanup(func() { r.Close(ctx) })
	m, err := r.Instantiate(ctx, guest)
	if err != nil {
		tb.Fatal(err)
	}
	return memory{m.Memory()}
}

func tree(tb testing.TB) *Files {
	tb.Helper()
	f, err := NewFiles(map[string][]byte{"/lib/a.txt": []byte("0123456789"), "/lib/b/c": nil, "/top": []byte("x")})
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// machine is a host with a memory, and what its calls cost.
type machine struct {
	*Host
	m       memory
	charged int64
}

func newMachine(tb testing.TB, l Limits) *machine {
	c := &machine{m: guestMemory(tb)}
	c.Host = NewHost(tree(tb), l, func(n int64) { c.charged += n }, func() uint64 { return 0 })
	return c
}

func (c *machine) call(name string, a ...uint64) errno { return functions[name].call(c.Host, c.m, a) }

func (c *machine) u32(at uint64) uint32 {
	b, _ := c.m.view(at, 4)
	return binary.LittleEndian.Uint32(b)
}

func (c *machine) u64(at uint64) uint64 {
	b, _ := c.m.view(at, 8)
	return binary.LittleEndian.Uint64(b)
}

func (c *machine) put(at uint64, text string) {
	b, _ := c.m.view(at, uint64(len(text)))
	copy(b, text)
}

// vector puts an iovec of one buffer at address 0.
func (c *machine) vector(p, n uint32) {
	c.m.putU32(0, p)
	c.m.putU32(4, n)
}

func (c *machine) open(p string, flags uint64) (uint64, errno) {
	c.put(100, p)
	e := c.call("path_open", 3, 0, 100, uint64(len(p)), flags, 0, 0, 0, 200)
	return uint64(c.u32(200)), e
}

func TestFilesAreReadOnly(t *testing.T) {
	c := newMachine(t, Limits{})
	for _, tt := range []struct {
		path  string
		flags uint64
		want  errno
	}{
		{"lib/a.txt", 0, success},
		{"lib", openFolder, success},
		{"lib/../lib/./a.txt", 0, success},
		{"../../../../top", 0, success}, // the tree has no outside
		{"../../../../etc/passwd", 0, errNoent},
		{"lib/new", openCreate, errRofs},
		{"lib/a.txt", openCreate, errRofs},
		{"lib/a.txt", openTruncate, errRofs},
		{"lib/a.txt", openFolder, errNotdir},
		{"absent", 0, errNoent},
	} {
		if _, e := c.open(tt.path, tt.flags); e != tt.want {
			t.Errorf("open %q with %d: %d, want %d", tt.path, tt.flags, e, tt.want)
		}
	}
	fd, _ := c.open("lib/a.txt", 0)
	c.vector(300, 4)
	if e := c.call("fd_write", fd, 0, 1, 400); e != errBadf {
		t.Errorf("write to a file: %d", e)
	}
}

func TestReadAndSeek(t *testing.T) {
	c := newMachine(t, Limits{})
	fd, e := c.open("lib/a.txt", 0)
	if e != success {
		t.Fatal(e)
	}
	c.vector(300, 4)
	read := func() string {
		if e := c.call("fd_read", fd, 0, 1, 400); e != success {
			t.Fatal(e)
		}
		b, _ := c.m.view(300, uint64(c.u32(400)))
		return string(b)
	}
	if got := read() + read() + read() + read(); got != "0123456789" {
		t.Errorf("read %q", got)
	}
	for _, tt := range []struct {
		offset int64
		whence uint64
		want   errno
		at     uint64
	}{{2, 0, success, 2}, {3, 1, success, 5}, {-1, 2, success, 9}, {0, 2, success, 10}, {1, 2, errInval, 0}, {-11, 2, errInval, 0}, {1 << 62, 1, errInval, 0}, {-1 << 63, 1, errInval, 0}, {0, 3, errInval, 0}} {
		if e := c.call("fd_seek", fd, uint64(tt.offset), tt.whence, 500); e != tt.want || (e == success && c.u64(500) != tt.at) {
			t.Errorf("seek %d from %d: %d at %d", tt.offset, tt.whence, e, c.u64(500))
		}
	}
	if e := c.call("fd_pread", fd, 0, 1, 8, 400); e != success || c.u32(400) != 2 {
		t.Errorf("pread at 8: %d, %d bytes", e, c.u32(400))
	}
	if e := c.call("fd_pread", fd, 0, 1, 1<<63, 400); e != success || c.u32(400) != 0 {
		t.Errorf("pread beyond the end: %d, %d bytes", e, c.u32(400))
	}
}

func TestDescriptorsRunOut(t *testing.T) {
	c := newMachine(t, Limits{})
	n := 0
	for ; ; n++ {
		if _, e := c.open("top", 0); e == errMfile {
			break
		} else if e != success || n > 1000 {
			t.Fatalf("open number %d: %d", n, e)
		}
	}
	if n != c.OpenFiles() || n == 0 {
		t.Errorf("%d opened, %d open", n, c.OpenFiles())
	}
	c.Reset()
	if c.OpenFiles() != 0 {
		t.Errorf("%d open after a reset", c.OpenFiles())
	}
}

func TestFolderListing(t *testing.T) {
	c := newMachine(t, Limits{})
	fd, _ := c.open("lib", openFolder)
	if e := c.call("fd_readdir", fd, 1000, 500, 0, 400); e != success {
		t.Fatal(e)
	}
	b, _ := c.m.view(1000, uint64(c.u32(400)))
	var names []string
	for len(b) >= 24 {
		n := binary.LittleEndian.Uint32(b[16:])
		names = append(names, string(b[24:24+n]))
		b = b[24+n:]
	}
	if !slices.Equal(names, []string{"a.txt", "b"}) {
		t.Errorf("names %q", names)
	}
}

// ends returns what f panics with.
func ends(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = r.(error)
		}
	}()
	f()
	return nil
}

func TestOutputIsCountedAndCapped(t *testing.T) {
	c := newMachine(t, Limits{Output: 10})
	c.put(300, "hello\n")
	c.vector(300, 6)
	if e := c.call("fd_write", 1, 0, 1, 400); e != success || c.u32(400) != 6 {
		t.Fatalf("write: %d, %d bytes", e, c.u32(400))
	}
	if string(c.Stdout()) != "hello\n" || c.StdoutBytes() != 6 {
		t.Errorf("stdout %q of %d bytes", c.Stdout(), c.StdoutBytes())
	}
	if err := ends(func() { c.call("fd_write", 2, 0, 1, 400) }); !errors.Is(err, ErrOutput) {
		t.Errorf("twelve bytes of ten: %v", err)
	}
	if e := c.call("fd_write", 0, 0, 1, 400); e != errBadf {
		t.Errorf("write to the input: %d", e)
	}
}

// subscribe puts a subscription to the clock at address 0 of the n-th place.
func (c *machine) subscribe(n, nanoseconds uint64, absolute bool) {
	b, _ := c.m.view(n*subscriptionSize, subscriptionSize)
	clear(b)
	b[0] = byte(n)
	binary.LittleEndian.PutUint64(b[24:], nanoseconds)
	if absolute {
		b[40] = 1
	}
}

func TestSleepSpendsABudget(t *testing.T) {
	c := newMachine(t, Limits{Sleep: 1000_000})
	before := c.now()
	c.subscribe(0, 600_000, false)
	if e := c.call("poll_oneoff", 0, 2000, 1, 3000); e != success || c.u32(3000) != 1 {
		t.Fatalf("poll: %d, %d events", e, c.u32(3000))
	}
	if slept := c.now() - before; slept != 600_000 {
		t.Errorf("the clock moved by %d", slept)
	}
	if err := ends(func() { c.call("poll_oneoff", 0, 2000, 1, 3000) }); !errors.Is(err, ErrBlocked) {
		t.Errorf("a second sleep: %v", err)
	}
	c.Reset()
	c.subscribe(0, 900_000, false)
	c.subscribe(1, c.now()+100_000, true)
	if e := c.call("poll_oneoff", 0, 2000, 2, 3000); e != success || c.u32(3000) != 1 {
		t.Fatalf("poll of two clocks: %d, %d events", e, c.u32(3000))
	}
	if b, _ := c.m.view(2000, 8); b[0] != 1 {
		t.Errorf("the later clock rang first")
	}
	if err := ends(func() { c.call("poll_oneoff", 0, 2000, 0, 3000) }); !errors.Is(err, ErrBlocked) {
		t.Errorf("waiting for nothing: %v", err)
	}
}

func TestEntropyRepeatsItself(t *testing.T) {
	c := newMachine(t, Limits{})
	draw := func() []byte {
		c.call("random_get", 0, 64)
		b, _ := c.m.view(0, 64)
		return bytes.Clone(b)
	}
	first, second := draw(), draw()
	c.Reset()
	if !bytes.Equal(first, draw()) || bytes.Equal(first, second) {
		t.Error("entropy is not a fixed sequence")
	}
}

func TestPack(t *testing.T) {
	f := tree(t)
	packed := Pack(f)
	g, err := Unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Paths(), g.Paths()) {
		t.Errorf("paths %q", g.Paths())
	}
	if b, found := g.File("/lib/a.txt"); !found || string(b) != "0123456789" {
		t.Errorf("content %q", b)
	}
	for n := range packed {
		if _, err := Unpack(packed[:n]); err == nil {
			t.Errorf("the first %d of %d bytes unpack", n, len(packed))
		}
	}
	for _, paths := range [][]string{{"relative"}, {"/a/../b"}, {"/a", "/a/b"}, {"/"}} {
		content := map[string][]byte{}
		for _, p := range paths {
			content[p] = nil
		}
		if _, err := NewFiles(content); err == nil {
			t.Errorf("a tree of %q", paths)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(Pack(tree(f)))
	f.Add([]byte(packMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := Unpack(b)
		if err != nil {
			return
		}
		again, err := Unpack(Pack(files))
		if err != nil || !slices.Equal(files.Paths(), again.Paths()) {
			t.Fatalf("%q does not survive: %v", files.Paths(), err)
		}
	})
}

// FuzzHost makes calls with any arguments over any memory: the host answers with an error number or ends the guest, and nothing else.
func FuzzHost(f *testing.F) {
	var names []string
	for name := range functions {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := range names {
		f.Add([]byte{byte(i), 3, 0, 0, 0, 0, 0, 0, 0, 0, 1}, []byte("lib/a.txt"))
	}
	f.Add(bytes.Repeat([]byte{0xff}, 64), []byte{})
	c := newMachine(f, Limits{Sleep: 1 << 40, Output: 1 << 20})
	f.Fuzz(func(t *testing.T, program, content []byte) {
		c.Reset()
		all, _ := c.m.view(0, 65536)
		clear(all)
		copy(all, content)
		for len(program) > 0 {
			name := names[int(program[0])%len(names)]
			program = program[1:]
			args := make([]uint64, max(1, len(functions[name].params)))
			for i, kind := range functions[name].params {
				var word [8]byte
				n := copy(word[:], program)
				program = program[n:]
				args[i] = binary.LittleEndian.Uint64(word[:])
				if kind == 'i' {
					args[i] &= 1<<32 - 1
				}
			}
			if err := ends(func() { c.call(name, args...) }); err != nil {
				if !errors.Is(err, ErrBlocked) && !errors.Is(err, ErrOutput) {
					t.Fatalf("%s(%#x): %v", name, args, err)
				}
				return
			}
		}
	})
}
