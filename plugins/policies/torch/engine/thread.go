package engine

import (
	"errors"
	"runtime"
	"sync"
)

// Thread runs functions one at a time on one OS thread: libtorch keeps its number of threads, and OpenMP its workers, per thread.
type Thread struct {
	jobs chan func()
	done chan struct{}
	once sync.Once
}

// NewThread starts a thread. Close ends it.
func NewThread() *Thread {
	t := &Thread{jobs: make(chan func()), done: make(chan struct{})}
	go func() {
		runtime.LockOSThread() // never unlocked: the OS thread ends with the goroutine
		for {
			select {
			case f := <-t.jobs:
				f()
			case <-t.done:
				return
			}
		}
	}()
	return t
}

// ErrClosed is returned by Do after Close.
var ErrClosed = errors.New("engine: the thread is closed")

// Do runs f on the thread and returns what it returns. f must not call Do.
func (t *Thread) Do(f func() error) error {
	result := make(chan error, 1)
	select {
	case t.jobs <- func() { result <- f() }:
		return <-result
	case <-t.done:
		return ErrClosed
	}
}

// Close ends the thread once the function in progress has returned.
func (t *Thread) Close() { t.once.Do(func() { close(t.done) }) }
