package assets

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// buffer is written to by the display and read by the test.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestLinesForLogs(t *testing.T) {
	var out buffer
	p := NewProgress(&out) // no terminal
	j := p.Begin("libtorch")
	j.Stage("PyPI torch 2.1.2")
	for i := range int64(1000) {
		j.Bytes(i*670210, 670210421) // within the first seconds: no line
	}
	j.Stage("unpack")
	j.End(nil)
	k := p.Begin("mbpp")
	k.Stage("fetch")
	k.End(errors.New("no"))
	text := regexp.MustCompile(`after \d+\.\d s`).ReplaceAllString(out.String(), "after N s")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	want := []string{"libtorch: PyPI torch 2.1.2", "libtorch: unpack", "libtorch: ready after N s", "mbpp: fetch", "mbpp: failed after N s"}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("lines:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if strings.ContainsAny(out.String(), "\r\x1b") {
		t.Errorf("control characters in a log: %q", out.String())
	}
}

func TestBarForTerminals(t *testing.T) {
	var out buffer
	p := &barDisplay{w: &out}
	var wg sync.WaitGroup
	for _, name := range []string{"libtorch", "ziglang", "cpython-wasi"} {
		wg.Go(func() {
			j := p.Begin(name)
			j.Stage("download")
			for i := range int64(200) {
				j.Bytes(i*1000, 200_000)
			}
			j.Stage("compile, which has a long text that does not fit beside the others")
			j.End(nil)
		})
	}
	wg.Wait()
	for _, name := range []string{"libtorch", "ziglang", "cpython-wasi"} {
		if !strings.Contains(out.String(), name+" ") || strings.Count(out.String(), " ready after ") != 3 {
			t.Errorf("no line says that %s is ready: %q", name, out.String())
		}
	}
	if len(p.jobs) != 0 || p.done != 0 || p.bar != nil {
		t.Errorf("left behind: %d jobs, %d bytes", len(p.jobs), p.done)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 563743: "563.7 kB", 670210421: "670.2 MB", 2_500_000_000: "2.50 GB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestTail(t *testing.T) {
	var end tail
	for i := range 1000 {
		if _, err := end.Write([]byte(strings.Repeat("x", i%50) + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := end.Write([]byte("the end\xff")); err != nil {
		t.Fatal(err)
	}
	s := end.String()
	if len(s) > tailBytes+2 || !strings.HasSuffix(s, "the end�") || strings.Trim(strings.Split(s, "\n")[0], "x") != "" {
		t.Errorf("tail %q", s)
	}
}
