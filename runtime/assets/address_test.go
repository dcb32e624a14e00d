package assets

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAddress(t *testing.T) {
	good := content(100_000)
	bad := slices.Clone(good)
	bad[50_000] ^= 1
	for _, tt := range []struct {
		name     string
		handlers []http.HandlerFunc
		partial  []byte   // what an earlier run left
		ranges   []string // of the requests made
		err      string   // "" is success
	}{
		{"a whole file", []http.HandlerFunc{whole(good)}, nil, []string{""}, ""},
		{"a transfer that breaks off is continued", []http.HandlerFunc{cutAfter(good, 30_000), whole(good)}, nil, []string{"", "bytes=30000-"}, ""},
		{"one that breaks off twice too", []http.HandlerFunc{cutAfter(good, 10), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 10-99999/100000")
			w.Header().Set("Content-Length", "99990")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(good[10:5000])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, whole(good)}, nil, []string{"", "bytes=10-", "bytes=5000-"}, ""},
		{"the download of a killed run is continued", []http.HandlerFunc{whole(good)}, good[:70_000], []string{"bytes=70000-"}, ""},
		{"the finished download of a killed run is used", nil, good, nil, ""},
		{"a wrong start is fetched anew", []http.HandlerFunc{whole(good)}, bad[:70_000], []string{"bytes=70000-", ""}, ""},
		{"a start that is too long is fetched anew", []http.HandlerFunc{whole(good)}, append(slices.Clone(good), 1), []string{""}, ""},
		{"a server without ranges starts again", []http.HandlerFunc{cutAfter(good, 10), func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(good) }}, nil, []string{"", "bytes=10-"}, ""},
		{"a server that answers another range starts again", []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-99999/100000")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(good)
		}, whole(good)}, good[:5], []string{"bytes=5-", ""}, ""},
		{"an overloaded server is asked again", []http.HandlerFunc{status(503), status(429), whole(good)}, nil, []string{"", "", ""}, ""},
		{"a server that stays down", []http.HandlerFunc{status(500)}, nil, []string{"", "", "", ""}, "500 Internal Server Error"},
		{"a missing file is not asked for again", []http.HandlerFunc{status(404)}, nil, []string{""}, "404 Not Found"},
		{"a transfer that always breaks off", []http.HandlerFunc{cutAfter(good, 0)}, nil, []string{"", "", "", ""}, "after 0 of 100000 bytes"},
		{"another file of the same size", []http.HandlerFunc{whole(bad)}, nil, []string{""}, "sha256 " + sum(bad) + " where " + sum(good) + " was pinned"},
		{"a shorter file", []http.HandlerFunc{whole(good[:99_999])}, nil, nil, "bytes"},
		{"a longer file", []http.HandlerFunc{whole(append(slices.Clone(good), 0))}, nil, []string{""}, "more than the pinned 100000 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.handlers == nil {
				tt.handlers = []http.HandlerFunc{status(500)}
			}
			s := serve(t, tt.handlers...)
			c := open(t, t.TempDir(), file("thing", good, Address{s.URL}))
			if tt.partial != nil {
				if err := writeFiles(c.Folder(), map[string]string{"fetched/" + sum(good): string(tt.partial)}); err != nil {
					t.Fatal(err)
				}
			}
			path, err := c.Path(t.Context(), "thing")
			if tt.ranges != nil && !slices.Equal(s.requests(), tt.ranges) {
				t.Errorf("ranges asked for: %q, want %q", s.requests(), tt.ranges)
			}
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				if !strings.Contains(err.Error(), "assets: thing: ") || !strings.Contains(err.Error(), "harness assets fetch thing") {
					t.Errorf("error does not name the artefact and the command: %v", err)
				}
				if st, err := c.Status(t.Context(), "thing"); err != nil || st.State == Ready {
					t.Errorf("status after the failure: %+v, %v", st, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, good) {
				t.Errorf("the file differs (%v)", err)
			}
		})
	}
}

func TestNextSourceIsTried(t *testing.T) {
	good := content(1000)
	broken, wrong, other, fine := serve(t, status(404)), serve(t, whole(content(999))), content(2000), serve(t, whole(good))
	repacked := serve(t, whole(other))
	for _, tt := range []struct {
		name    string
		sources []Source
		want    []byte
		err     []string
	}{
		{"after a failure and a wrong file", []Source{Address{broken.URL}, Address{wrong.URL}, Address{fine.URL}}, good, nil},
		{"a source with a pin of its own", []Source{Address{broken.URL}, Pinned{Address{repacked.URL}, 2000, sum(other)}}, other, nil},
		{"all fail: each says why", []Source{Address{broken.URL}, Address{wrong.URL}}, nil, []string{broken.URL + ": the server answered 404", wrong.URL + ": "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, t.TempDir(), file("thing", good, tt.sources...))
			path, err := c.Path(t.Context(), "thing")
			for _, text := range tt.err {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Errorf("error %v, want %q", err, text)
				}
			}
			if tt.err == nil {
				got, rerr := os.ReadFile(path)
				if err != nil || rerr != nil || !bytes.Equal(got, tt.want) {
					t.Errorf("got another file (%v, %v)", err, rerr)
				}
			}
		})
	}
}

func TestUnreachableServer(t *testing.T) {
	s := serve(t, status(200))
	s.Close()
	c := open(t, t.TempDir(), file("thing", content(10), Address{s.URL}))
	_, err := c.Path(t.Context(), "thing")
	var e *Error
	if !errors.As(err, &e) || e.Name != "thing" || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error: %v", err)
	}
}

func TestCancelledDownloadIsContinued(t *testing.T) {
	good := content(200_000)
	half := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "200000")
		_, _ = w.Write(good[:100_000])
		w.(http.Flusher).Flush()
		close(half)
		<-r.Context().Done()
	}, whole(good))
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-half
		for largest(filepath.Join(dir, "fetched")) == 0 { // flushed by the server, not yet written by the client
			continue
		}
		cancel()
	}()
	a := file("thing", good, Address{s.URL})
	if _, err := open(t, dir, a).Path(ctx, "thing"); err == nil || ctx.Err() == nil {
		t.Fatalf("error %v, context %v", err, ctx.Err())
	}
	c := open(t, dir, a)
	if st, err := c.Status(t.Context(), "thing"); err != nil || st.State != Partial || st.Bytes == 0 {
		t.Errorf("status after the cancel: %+v, %v", st, err)
	}
	if _, err := c.Path(t.Context(), "thing"); err != nil {
		t.Fatal(err)
	}
	if r := s.requests(); len(r) != 2 || !strings.HasPrefix(r[1], "bytes=") {
		t.Errorf("ranges asked for: %q", r)
	}
}
