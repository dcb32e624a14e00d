package assets

import (
	"context"
	"io"
)

// Source is a way to get an artefact's file. The pin is not its business: the cache hashes what a Source wrote.
type Source interface {
	// Fetch leaves the file at r.Path. What lies there when it fails may be taken up by the next attempt.
	Fetch(ctx context.Context, r *Request) error
	// String names the way for people: "PyPI ziglang 0.17.1".
	String() string
}

// Request is one attempt to fetch a file.
type Request struct {
	Name   string            // of the artefact
	Path   string            // where the file must lie in the end; may hold the start of it from an earlier attempt
	Work   string            // empty scratch folder on the same file system as Path, removed afterwards
	Size   int64             // bytes of the finished file
	SHA256 string            // of the finished file
	Log    io.Writer         // output of the tools
	Report func(bytes int64) // called with the bytes that have arrived so far

	lock *lock
}

// Pinned is a Source whose file is packed differently from the artefact's main one and so has a pin of its own.
type Pinned struct {
	Source
	Size   int64 // bytes
	SHA256 string
}

// pin returns the size and sha256 that the file of s must have.
func (a Artefact) pin(s Source) (size int64, sha256 string) {
	if p, ok := s.(Pinned); ok {
		return p.Size, p.SHA256
	}
	return a.Size, a.SHA256
}
