package pythonwasm

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/rlvr-harness/harness/runtime/assets"
	"github.com/rlvr-harness/harness/runtime/python-wasm/cpython"
	"github.com/rlvr-harness/harness/runtime/python-wasm/image"
)

// imageFolder finds the image that `harness assets fetch python-image` makes; $HARNESS_PYTHON_IMAGE names another one.
func imageFolder(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("HARNESS_PYTHON_IMAGE"); dir != "" {
		return dir
	}
	list := append(assets.Builtin(), cpython.Artefacts()...)
	cache, err := assets.Open("", nil, append(list, image.Artefact())...)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := cache.Status(tb.Context(), image.Name)
	if err != nil {
		tb.Fatal(err)
	}
	if s.State != assets.Ready {
		const how = "the Python image is %s in %s; `harness assets fetch python-image` makes it"
		if testing.Short() {
			tb.Skipf(how, s.State, cache.Folder())
		}
		tb.Fatalf(how, s.State, cache.Folder())
	}
	return s.Path
}

var shared struct {
	sync.Mutex
	pool *Pool
}

// pool returns a pool with default limits that all tests share: what one test leaves behind, the next would meet.
func pool(tb testing.TB) *Pool {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.pool == nil {
		p, err := Open(context.Background(), Config{Image: imageFolder(tb)})
		if err != nil {
			tb.Fatal(err)
		}
		shared.pool = p
	}
	return shared.pool
}

// open returns a pool of its own.
func open(tb testing.TB, c Config) *Pool {
	tb.Helper()
	c.Image = imageFolder(tb)
	p, err := Open(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// The test binary is also the process in which verdicts are made.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == WorkerCommand {
		if err := ServeWorker(context.Background()); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if shared.pool != nil {
		if err := shared.pool.Close(); err != nil && code == 0 {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}
