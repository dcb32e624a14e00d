package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Handler answers a request. It is called by many goroutines; the context ends when nobody waits for the answer.
type Handler func(ctx context.Context, request []byte) ([]byte, error)

// Main is all that the process does: Serve on its standard input and output. A person's Ctrl-C reaches it too, but the process that
// started it decides what becomes of the work.
func Main(ctx context.Context, open func(hello []byte) (ready []byte, h Handler, handlers int, err error)) error {
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	return Serve(context.WithoutCancel(ctx), Input(), os.Stdout, open)
}

// Serve is the process's side: it reads the configuration, gets the handler from open, which may give up whatever the process will
// not need, and answers requests, as many at once as open says, until in ends. ready is the answer to the configuration.
func Serve(ctx context.Context, in io.Reader, out io.Writer, open func(hello []byte) (ready []byte, h Handler, handlers int, err error)) error {
	r := bufio.NewReaderSize(in, 1<<16)
	w := &frameWriter{w: out}
	hello, err := readFrame(r, maxRequest)
	if err != nil {
		return fmt.Errorf("worker: read the configuration: %w", unexpected(err))
	}
	if hello.kind != kindHello {
		return fmt.Errorf("worker: the first frame has kind %d and no configuration", hello.kind)
	}
	ready, handle, handlers, err := open(hello.payload)
	if err != nil {
		return errors.Join(err, w.write(frame{hello.id, kindFailure, []byte(err.Error())}))
	}
	if err := w.write(frame{hello.id, kindReply, ready}); err != nil {
		return err
	}
	var lock sync.Mutex
	cancels := map[uint64]context.CancelFunc{}
	// The goroutines that answer stay: a new one would grow its stack again for every request.
	requests := make(chan asked)
	defer close(requests)
	for range handlers {
		go func() {
			for q := range requests {
				answer := frame{id: q.id, kind: kindReply}
				reply, err := handle(q.ctx, q.payload)
				if answer.payload = reply; err != nil {
					answer.kind, answer.payload = kindFailure, []byte(err.Error())
				}
				lock.Lock()
				cancels[q.id]()
				delete(cancels, q.id)
				lock.Unlock()
				_ = w.write(answer) // where nobody reads any more, in ends too
			}
		}()
	}
	for {
		f, err := readFrame(r, maxRequest)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch f.kind {
		case kindCancel:
			lock.Lock()
			if cancel := cancels[f.id]; cancel != nil {
				cancel()
			}
			lock.Unlock()
		case kindRequest:
			ctx, cancel := context.WithCancel(ctx)
			lock.Lock()
			cancels[f.id] = cancel
			lock.Unlock()
			requests <- asked{f, ctx}
		default:
			return fmt.Errorf("worker: a frame of unknown kind %d", f.kind)
		}
	}
}

// asked is a request with the context that ends when nobody waits for it.
type asked struct {
	frame
	ctx context.Context
}

// frameWriter writes whole frames, each in one piece.
type frameWriter struct {
	lock sync.Mutex
	w    io.Writer
	b    []byte
}

func (w *frameWriter) write(f frame) error {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.b = f.append(w.b[:0])
	_, err := w.w.Write(w.b)
	if cap(w.b) > 1<<20 { // after a rare large one
		w.b = nil
	}
	return err
}
