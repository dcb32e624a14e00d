package ruffwasm

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/rlvr-harness/harness/runtime/python-wasm/confine"
	"github.com/rlvr-harness/harness/runtime/python-wasm/worker"
)

// WorkerCommand is the only argument of the process in which programs are linted where Config.Isolate asks for one. A program that
// asks for it calls ServeWorker when it is started with this argument.
const WorkerCommand = "python-lint-worker"

// isolated is the Linter's side of the process.
type isolated struct{ keeper *worker.Keeper }

// request is what the process is asked: for the findings in a program, or for their number.
type request struct {
	Program  string
	Findings bool
}

// reply is what it answers. A program can have findings of any length, so that they are sent to those alone who want to see them.
// Unavailable is the reason of an ErrUnavailable, Error the text of another.
type reply struct {
	Found              []Diagnostic
	Codes              []codeCount
	Silenced           int
	Unavailable, Error string
}

// codeCount is the number of findings of a code.
type codeCount struct {
	Code string
	N    int
}

// introduction is its answer to the configuration.
type introduction struct{ Version string }

// answerLimit is the time after which a process that does not answer is killed: many times what the slowest program may take, a net
// for a process that no longer does what it should.
func (c Config) answerLimit() time.Duration {
	return time.Minute + time.Duration(c.MaxSourceBytes)*time.Millisecond
}

func openIsolated(ctx context.Context, c Config, selection []string) (_ *Linter, err error) {
	if err := confine.Available(); err != nil {
		return nil, fmt.Errorf("in a process of its own: %w; findings without it are the same, with one wall less", err)
	}
	for _, p := range []*string{&c.Wasm, &c.CompileCache} { // the process works in another folder
		if *p != "" {
			if *p, err = filepath.Abs(*p); err != nil {
				return nil, err
			}
		}
	}
	keeper, hello, err := worker.Keep(ctx, WorkerCommand, worker.Encode(c), c.Workers, c.answerLimit())
	if err != nil {
		return nil, fmt.Errorf("in a process of its own: %w", err)
	}
	var in introduction
	if err := worker.Decode(hello, &in); err != nil {
		return nil, errors.Join(fmt.Errorf("in a process of its own: %w", err), keeper.Close()) //nolint:contextcheck // it must close, whatever became of the context
	}
	return &Linter{version: in.Version, selection: selection, maxBytes: c.MaxSourceBytes, isolated: &isolated{keeper}}, nil
}

// ask sends a request. A program under which the process dies again and again cannot be linted.
func (i *isolated) ask(ctx context.Context, q request) (reply, error) {
	var r reply
	b, err := i.keeper.Call(ctx, worker.Encode(q))
	if errors.Is(err, worker.ErrClosed) {
		return r, ErrClosed
	}
	if died := (*worker.Died)(nil); errors.As(err, &died) {
		return r, fmt.Errorf("%w: %s", ErrUnavailable, firstLine(died.Error()))
	}
	if err != nil {
		return r, err
	}
	if err := worker.Decode(b, &r); err != nil {
		return r, fmt.Errorf("%w: the worker process's answer makes no sense: %w", ErrUnavailable, err)
	}
	switch {
	case r.Unavailable != "":
		return r, fmt.Errorf("%w: %s", ErrUnavailable, r.Unavailable)
	case r.Error != "":
		return r, errors.New(r.Error)
	}
	return r, nil
}

func (i *isolated) count(ctx context.Context, src string) (codes map[string]int, silenced int, err error) {
	r, err := i.ask(ctx, request{Program: src})
	if len(r.Codes) > 0 {
		codes = make(map[string]int, len(r.Codes))
	}
	for _, c := range r.Codes {
		codes[c.Code] = c.N
	}
	return codes, r.Silenced, err
}

func (i *isolated) find(ctx context.Context, src string) ([]Diagnostic, error) {
	r, err := i.ask(ctx, request{Program: src, Findings: true})
	return r.Found, err
}

// ServeWorker is the main of the process in which programs are linted: it opens the Linter that its standard input asks for, gives up
// everything that linting does not need, and answers on standard output until the input ends. The process must not do anything else.
func ServeWorker(ctx context.Context) error {
	if err := confine.CloseInherited(); err != nil {
		return err
	}
	return worker.Main(ctx, func(hello []byte) ([]byte, worker.Handler, int, error) {
		l, err := openConfined(ctx, hello)
		if err != nil {
			return nil, nil, 0, err
		}
		return worker.Encode(introduction{l.Version()}), l.answer, cap(l.workers), nil
	})
}

// openConfined opens a Linter, has it work once, so that all is open that ever will be, and confines the process.
func openConfined(ctx context.Context, hello []byte) (*Linter, error) {
	var c Config
	if err := worker.Decode(hello, &c); err != nil {
		return nil, err
	}
	c.Isolate = false
	l, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	if _, _, err = l.run(ctx, "import os  # noqa\n"); err == nil {
		err = confine.Enter(confine.Limits{MemoryBytes: confine.MemoryFor(c.Workers)})
	}
	if err != nil {
		return nil, errors.Join(err, l.Close()) //nolint:contextcheck // as above
	}
	return l, nil
}

// answer is the process's side of isolated.ask.
func (l *Linter) answer(ctx context.Context, b []byte) ([]byte, error) {
	var q request
	if err := worker.Decode(b, &q); err != nil {
		return nil, err
	}
	var r reply
	var err error
	if q.Findings {
		r.Found, err = l.find(ctx, q.Program)
	} else {
		var codes map[string]int
		codes, r.Silenced, err = l.count(ctx, q.Program)
		for code, n := range codes {
			r.Codes = append(r.Codes, codeCount{code, n})
		}
	}
	switch {
	case errors.Is(err, ErrUnavailable):
		r.Unavailable = strings.TrimPrefix(err.Error(), ErrUnavailable.Error()+": ")
	case err != nil:
		r.Error = err.Error()
	}
	return worker.Encode(r), nil
}
