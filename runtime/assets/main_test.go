package assets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// The test binary is also a second process that uses the cache: tests start it with roleVariable set.
const roleVariable = "HARNESS_ASSETS_TEST_ROLE"

func TestMain(m *testing.M) {
	addressPause = time.Millisecond
	if role := os.Getenv(roleVariable); role != "" {
		if err := roles[role](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// content makes n bytes that cannot be told from random ones.
func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// server serves one file and misbehaves as told. It counts requests and keeps their Range headers.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	ranges   []string
	handlers []http.HandlerFunc // one per request, the last for all further ones
}

func serve(t testing.TB, handlers ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{handlers: handlers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.ranges = append(s.ranges, r.Header.Get("Range"))
		h := s.handlers[0]
		if len(s.handlers) > 1 {
			s.handlers = s.handlers[1:]
		}
		s.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ranges
}

// whole serves b with ranges, as a good server does.
func whole(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "file", time.Time{}, bytes.NewReader(b))
	}
}

// cutAfter promises all of b and closes the connection after n bytes.
func cutAfter(b []byte, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		_, _ = w.Write(b[:n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// file is an artefact that is fetched as it is.
func file(name string, b []byte, sources ...Source) Artefact {
	return Artefact{Name: name, Version: "1", Licence: "MIT", File: name + ".bin", Size: int64(len(b)), SHA256: sum(b), Sources: sources}
}

// made is an artefact that a recipe makes: files by path.
func made(name string, files map[string]string) Artefact {
	return Artefact{Name: name, Version: "1", Licence: "MIT", Key: fmt.Sprint(files), Build: func(_ context.Context, b *Build) error {
		return writeFiles(b.Out, files)
	}}
}

func writeFiles(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func open(t testing.TB, dir string, list ...Artefact) *Cache {
	t.Helper()
	c, err := Open(dir, nil, list...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// cutOnDemand sends half of b and waits until the client is gone.
func cutOnDemand(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		_, _ = w.Write(b[:len(b)/2])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}
