package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Died says that the process ended, by whatever cause, before it answered.
type Died struct {
	// How is its exit status or signal, with the end of what it wrote to standard error.
	How string
}

func (d *Died) Error() string { return "the worker process ended: " + d.How }

// startLimit bounds the time until a process is ready: it may have to compile first.
const startLimit = 10 * time.Minute

// stopLimit is how long a process that was asked to end may take.
const stopLimit = 5 * time.Second

// Process is a running process.
type Process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	w     frameWriter
	said  head
	ended chan struct{} // closed after died is set

	lock    sync.Mutex
	next    uint64
	waiting map[uint64]chan frame
	died    *Died
}

// Start starts this program again with one argument, in the root folder and without environment, and waits until it has taken its
// configuration. It returns the process's first answer.
func Start(ctx context.Context, argument string, hello []byte) (*Process, []byte, error) {
	program, err := self()
	if err != nil {
		return nil, nil, fmt.Errorf("worker: find this program: %w", err)
	}
	p := &Process{ended: make(chan struct{}), waiting: map[uint64]chan frame{}}
	p.cmd = exec.Command(program, argument) //nolint:noctx // it outlives the call that needs it first
	p.cmd.Args[0] = os.Args[0]
	p.cmd.Env, p.cmd.Dir = []string{}, rootFolder
	p.cmd.Stderr = &p.said
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, nil, fmt.Errorf("worker: %w", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, fmt.Errorf("worker: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("worker: start %s: %w", program, err)
	}
	p.w.w = p.in
	go p.read(out)
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	ready, err := p.ask(limited, kindHello, hello)
	if err != nil {
		p.Kill()
		return nil, nil, fmt.Errorf("worker: %w", err)
	}
	return p, ready, nil
}

// read hands answers to those who wait, until the process's output ends, and with it the process.
func (p *Process) read(out io.Reader) {
	r := bufio.NewReaderSize(out, 1<<16)
	var err error
	for {
		var f frame
		if f, err = readFrame(r, maxReply); err != nil {
			break
		}
		p.lock.Lock()
		answer := p.waiting[f.id]
		delete(p.waiting, f.id)
		p.lock.Unlock()
		if answer != nil {
			answer <- f
		}
	}
	if !errors.Is(err, io.EOF) { // it sends nonsense, or the pipe broke
		p.Kill()
	}
	how := "with status 0"
	if waitErr := p.cmd.Wait(); waitErr != nil {
		how = waitErr.Error()
	}
	if !errors.Is(err, io.EOF) {
		how += "; its answers ended with: " + err.Error()
	}
	if text := p.said.String(); text != "" {
		how += ": " + text
	}
	p.lock.Lock()
	p.died = &Died{how}
	p.lock.Unlock()
	close(p.ended)
}

// Call sends a request and waits for its answer. The error is *Died where the process ended, the context's, or the handler's as text.
func (p *Process) Call(ctx context.Context, request []byte) ([]byte, error) {
	return p.ask(ctx, kindRequest, request)
}

func (p *Process) ask(ctx context.Context, k kind, payload []byte) ([]byte, error) {
	if len(payload) > maxRequest {
		return nil, fmt.Errorf("worker: a request of %d bytes; at most %d can be sent", len(payload), maxRequest)
	}
	answer := make(chan frame, 1)
	p.lock.Lock()
	if p.died != nil {
		p.lock.Unlock()
		return nil, p.died
	}
	p.next++
	id := p.next
	p.waiting[id] = answer
	p.lock.Unlock()
	_ = p.w.write(frame{id, k, payload}) // where it cannot be written the process is ending, and ended will say how
	select {
	case f := <-answer:
		return f.result()
	case <-ctx.Done():
		p.lock.Lock()
		delete(p.waiting, id)
		p.lock.Unlock()
		_ = p.w.write(frame{id: id, kind: kindCancel})
		return nil, context.Cause(ctx)
	case <-p.ended:
		select {
		case f := <-answer: // it came before the end
			return f.result()
		default:
			return nil, p.died
		}
	}
}

func (f frame) result() ([]byte, error) {
	if f.kind != kindReply {
		return nil, errors.New(string(f.payload))
	}
	return f.payload, nil
}

// Kill ends the process at once.
func (p *Process) Kill() { _ = p.cmd.Process.Kill() } // an error means that it has ended

// Close lets the process end by itself and kills it where it does not. It returns the CPU time that the process took.
func (p *Process) Close() time.Duration {
	_ = p.in.Close()
	late := time.AfterFunc(stopLimit, p.Kill)
	defer late.Stop()
	<-p.ended
	return p.CPU()
}

// CPU is the processor time that the process has taken so far.
func (p *Process) CPU() time.Duration {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	default:
		return liveCPU(p.cmd.Process.Pid)
	}
}

// head keeps the beginning of what a process wrote to standard error: a Go program that dies says first why.
type head struct {
	lock sync.Mutex
	b    []byte
}

const headBytes = 2000

func (t *head) Write(b []byte) (int, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.b = append(t.b, b[:min(len(b), headBytes-len(t.b))]...)
	return len(b), nil
}

func (t *head) String() string {
	t.lock.Lock()
	defer t.lock.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(t.b), "�"))
}
