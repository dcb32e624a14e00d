package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// attempts is how often a request is sent before the deaths of its processes are its answer.
const attempts = 3

// Keeper keeps one process running. It is safe for use by many goroutines.
type Keeper struct {
	argument string
	hello    []byte
	most     int64
	limit    time.Duration
	places   *semaphore.Weighted

	lock    sync.Mutex
	process *Process
	closed  bool
	cpu     time.Duration // of processes that have ended
	deaths  int
}

// ErrClosed is returned by Call after Close.
var ErrClosed = errors.New("the worker process is closed")

// Keep starts the process and returns its first answer. At most most requests are under way at a time, and a process that has not
// answered one within limit is killed.
func Keep(ctx context.Context, argument string, hello []byte, most int, limit time.Duration) (*Keeper, []byte, error) {
	if len(os.Args) > 1 && os.Args[1] == argument { // or each process would start another
		return nil, nil, fmt.Errorf("worker: this process is a worker itself: its main must call ServeWorker when the argument is %s", argument)
	}
	k := &Keeper{argument: argument, hello: hello, most: int64(most), limit: limit, places: semaphore.NewWeighted(int64(most))}
	p, ready, err := Start(ctx, argument, hello)
	if err != nil {
		return nil, nil, err
	}
	k.process = p
	return k, ready, nil
}

// Call sends a request. Where the process dies, the request is sent again to a new one, alone: whichever request was the cause, the
// others get their answers. The error is *Died when that happened every time.
func (k *Keeper) Call(ctx context.Context, request []byte) ([]byte, error) {
	var err error
	for i := range attempts {
		places := int64(1)
		if i > 0 {
			places = k.most
		}
		if err := k.places.Acquire(ctx, places); err != nil {
			return nil, context.Cause(ctx)
		}
		var reply []byte
		reply, err = k.once(ctx, request)
		k.places.Release(places)
		if !errors.As(err, new(*Died)) {
			return reply, err
		}
	}
	return nil, err
}

func (k *Keeper) once(ctx context.Context, request []byte) ([]byte, error) {
	p, err := k.running(ctx)
	if err != nil {
		return nil, err
	}
	late := time.AfterFunc(k.limit, p.Kill)
	defer late.Stop()
	return p.Call(ctx, request)
}

// running returns the process, a new one where the last has died.
func (k *Keeper) running(ctx context.Context) (*Process, error) {
	k.lock.Lock()
	defer k.lock.Unlock()
	if k.closed {
		return nil, ErrClosed
	}
	if k.process != nil {
		select {
		case <-k.process.ended:
			k.cpu += k.process.CPU()
			k.deaths++
			k.process = nil
		default:
			return k.process, nil
		}
	}
	p, _, err := Start(ctx, k.argument, k.hello)
	if err != nil {
		return nil, err
	}
	k.process = p
	return p, nil
}

// CPU is the processor time that the processes have taken so far.
func (k *Keeper) CPU() time.Duration {
	k.lock.Lock()
	defer k.lock.Unlock()
	if k.process == nil {
		return k.cpu
	}
	return k.cpu + k.process.CPU()
}

// Deaths is how many processes have died and were replaced.
func (k *Keeper) Deaths() int {
	k.lock.Lock()
	defer k.lock.Unlock()
	return k.deaths
}

// Kill ends the process at once; the next call starts another.
func (k *Keeper) Kill() {
	k.lock.Lock()
	defer k.lock.Unlock()
	if k.process != nil {
		k.process.Kill()
	}
}

// PID is the number of the process, 0 where none runs.
func (k *Keeper) PID() int {
	k.lock.Lock()
	defer k.lock.Unlock()
	if k.process == nil {
		return 0
	}
	return k.process.cmd.Process.Pid
}

// Close waits for the requests that are under way and ends the process. Later calls do nothing.
func (k *Keeper) Close() error {
	if err := k.places.Acquire(context.Background(), k.most); err != nil {
		return err
	}
	defer k.places.Release(k.most)
	k.lock.Lock()
	defer k.lock.Unlock()
	k.closed = true
	if k.process != nil {
		k.cpu += k.process.Close()
		k.process = nil
	}
	return nil
}
