package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Address gets a file by HTTP. A transfer that breaks off is continued with a Range request, within one Fetch a few
// times and in the next run from where the file ends.
type Address struct{ URL string }

func (s Address) String() string { return s.URL }

const (
	addressTries = 4                // requests for one file in one Fetch
	addressStall = 60 * time.Second // without a byte: the connection is given up
)

// addressPause is how long the first retry waits; each further one waits twice as long.
var addressPause = 500 * time.Millisecond

var httpClient = &http.Client{Transport: &http.Transport{
	Proxy:                 http.ProxyFromEnvironment,
	DialContext:           (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
	TLSHandshakeTimeout:   15 * time.Second,
	ResponseHeaderTimeout: 30 * time.Second,
	DisableCompression:    true, // the pin is of the bytes as they are served
	ForceAttemptHTTP2:     true,
}}

// permanentError is an answer that asking again will not change.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Fetch implements Source.
func (s Address) Fetch(ctx context.Context, r *Request) error {
	pause := addressPause
	var err error
	for try := range addressTries {
		if try > 0 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return ctx.Err()
			}
			pause *= 2
		}
		err = s.get(ctx, r)
		if err == nil || ctx.Err() != nil || errors.As(err, new(permanentError)) {
			break
		}
		fmt.Fprintf(r.Log, "%s: %v\n", s.URL, err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// get makes one request and appends what arrives to the file at r.Path.
func (s Address) get(ctx context.Context, r *Request) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	have := int64(0)
	if info, err := os.Stat(r.Path); err == nil && info.Size() <= r.Size {
		have = info.Size()
	}
	if have == r.Size {
		return nil // the caller compares the hash
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		return permanentError{err}
	}
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := httpClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusPartialContent && strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
	case resp.StatusCode == http.StatusOK: // a server without ranges starts again
		have = 0
	case resp.StatusCode == http.StatusPartialContent, resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		if err := os.Remove(r.Path); err != nil {
			return permanentError{err}
		}
		return fmt.Errorf("the server answered %s to a request for the bytes from %d on", resp.Status, have)
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= 500:
		return fmt.Errorf("the server answered %s", resp.Status)
	default:
		return permanentError{fmt.Errorf("the server answered %s", resp.Status)}
	}
	f, err := os.OpenFile(r.Path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return permanentError{err}
	}
	defer f.Close()
	if err := f.Truncate(have); err != nil {
		return permanentError{err}
	}
	if _, err := f.Seek(have, io.SeekStart); err != nil {
		return permanentError{err}
	}
	stall := time.AfterFunc(addressStall, func() { cancel(fmt.Errorf("no byte came for %s", addressStall)) })
	defer stall.Stop()
	body := &meter{r: io.LimitReader(resp.Body, r.Size-have+1), tick: func(n int64) {
		stall.Reset(addressStall)
		have += n
		r.Report(have)
	}}
	if _, err := io.Copy(f, body); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("after %d of %d bytes: %w", have, r.Size, err)
	}
	switch {
	case have < r.Size:
		return fmt.Errorf("after %d of %d bytes: %w", have, r.Size, io.ErrUnexpectedEOF)
	case have > r.Size:
		return permanentError{fmt.Errorf("the server sends more than the pinned %d bytes", r.Size)}
	}
	return nil
}

// meter calls tick with the bytes of each read.
type meter struct {
	r    io.Reader
	tick func(int64)
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if n > 0 {
		m.tick(int64(n))
	}
	return n, err
}
