package pythonwasm

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/confine"
	"github.com/rlvr-harness/harness/runtime/python-wasm/grade"
	"github.com/rlvr-harness/harness/runtime/python-wasm/worker"
)

// WorkerCommand is the only argument of the process in which verdicts are made where Config.Isolate asks for one. A program that
// asks for it calls ServeWorker when it is started with this argument.
const WorkerCommand = "python-verdict-worker"

// CanIsolate returns nil where Config.Isolate works on this machine, and otherwise says what it needs.
func CanIsolate() error { return confine.Available() }

// operation is what a request asks for.
type operation int

const (
	opVerify  operation = iota + 1
	opMeasure           // opVerify, but never answered with what is known of the reference solution
	opParses
	opReference
)

// request is what the process is asked.
type request struct {
	Operation operation
	Task      core.Task
	Program   string
}

// reply is what it answers. Error is the text of an error, and Task says that the task is at fault.
type reply struct {
	Verdict core.Verdict
	Parses  bool
	Error   string
	Task    *grade.TaskError
	Failure *grade.Failure
}

// introduction is its answer to the configuration.
type introduction struct {
	Image, Python string
}

// isolated is the pool's side of the process.
type isolated struct{ keeper *worker.Keeper }

// answerLimit is the time after which a process that does not answer is killed: more than all tries of the slowest task may take, a
// net for a process that no longer does what it should.
func (c Config) answerLimit() time.Duration {
	return attempts*2*(3*c.Wall+2*wallOfReferences) + time.Minute
}

func openIsolated(ctx context.Context, c Config) (*Pool, error) {
	if err := CanIsolate(); err != nil {
		return nil, fmt.Errorf("open python in a process of its own: %w; verdicts without it are the same, with one wall less", err)
	}
	folder, err := filepath.Abs(c.Image)
	if err != nil {
		return nil, fmt.Errorf("open python: %w", err)
	}
	c.Image = folder
	keeper, hello, err := worker.Keep(ctx, WorkerCommand, worker.Encode(c), c.Workers, c.answerLimit())
	if err != nil {
		return nil, fmt.Errorf("open python in a process of its own: %w", err)
	}
	var in introduction
	if err := worker.Decode(hello, &in); err != nil {
		return nil, errors.Join(fmt.Errorf("open python in a process of its own: %w", err), keeper.Close()) //nolint:contextcheck // it must close, whatever became of the context
	}
	return &Pool{config: c, image: in.Image, python: in.Python, isolated: &isolated{keeper}, closed: make(chan struct{})}, nil
}

// ask sends a request. Errors of the process's pool come back as they were, in their own words.
func (i *isolated) ask(ctx context.Context, q request) (reply, error) {
	var r reply
	b, err := i.keeper.Call(ctx, worker.Encode(q))
	if errors.Is(err, worker.ErrClosed) {
		return r, ErrClosed
	}
	if died := (*worker.Died)(nil); errors.As(err, &died) {
		return r, &grade.Failure{Message: died.Error()}
	}
	if err != nil {
		return r, err
	}
	if err := worker.Decode(b, &r); err != nil {
		return r, &grade.Failure{Message: "the worker process's answer makes no sense: " + err.Error()}
	}
	switch {
	case r.Task != nil:
		return r, toldError{r.Error, r.Task}
	case r.Failure != nil:
		return r, toldError{r.Error, r.Failure}
	case r.Error != "":
		return r, errors.New(r.Error)
	}
	return r, nil
}

// toldError is an error of the process, with the type that it had there.
type toldError struct {
	text  string
	cause error
}

func (e toldError) Error() string { return e.text }
func (e toldError) Unwrap() error { return e.cause }

func (i *isolated) verify(ctx context.Context, t core.Task, program string, known bool) (core.Verdict, error) {
	q := request{Operation: opVerify, Task: t, Program: program}
	if !known {
		q.Operation = opMeasure
	}
	r, err := i.ask(ctx, q)
	if failure := (*grade.Failure)(nil); errors.As(err, &failure) {
		return core.Verdict{Class: core.Infrastructure, Message: failure.Message}, nil
	}
	return r.Verdict, err
}

func (i *isolated) parses(ctx context.Context, src string) (bool, error) {
	r, err := i.ask(ctx, request{Operation: opParses, Program: src})
	return r.Parses, err
}

func (i *isolated) reference(ctx context.Context, t core.Task) (core.Verdict, error) {
	r, err := i.ask(ctx, request{Operation: opReference, Task: t})
	return r.Verdict, err
}

// cpu is the CPU time that the pool's process, or processes, have taken so far.
func (p *Pool) cpu() time.Duration {
	if p.isolated == nil {
		return processCPU()
	}
	return processCPU() + p.isolated.keeper.CPU()
}

// ServeWorker is the main of the process in which verdicts are made: it opens the pool that its standard input asks for, gives up
// everything that running programs does not need, and answers on standard output until the input ends. The process must not do
// anything else.
func ServeWorker(ctx context.Context) error {
	if err := confine.CloseInherited(); err != nil {
		return err
	}
	return worker.Main(ctx, func(hello []byte) ([]byte, worker.Handler, int, error) {
		p, err := openConfined(ctx, hello)
		if err != nil {
			return nil, nil, 0, err
		}
		return worker.Encode(introduction{p.Image(), p.Python()}), p.answer, p.config.Workers, nil
	})
}

// openConfined opens a pool, has it work once, so that all is compiled and open that ever will be, and confines the process.
func openConfined(ctx context.Context, hello []byte) (*Pool, error) {
	var c Config
	if err := worker.Decode(hello, &c); err != nil {
		return nil, err
	}
	c.Isolate = false
	p, err := Open(ctx, c)
	if err != nil {
		return nil, err
	}
	v, err := p.Verify(ctx, core.Task{ID: "first", Code: "def f(x): return x", Tests: []string{"assert f(1) == 1"}}, "def f(x): return x")
	if err == nil && v.Class != core.Passed {
		err = fmt.Errorf("open python: the first verdict is %s: %s", v.Class, v.Message)
	}
	if err == nil {
		err = confine.Enter(confine.Limits{MemoryBytes: confine.MemoryFor(c.Workers)})
	}
	if err != nil {
		return nil, errors.Join(err, p.Close()) //nolint:contextcheck // as above
	}
	return p, nil
}

// answer is the process's side of isolated.ask.
func (p *Pool) answer(ctx context.Context, b []byte) ([]byte, error) {
	var q request
	if err := worker.Decode(b, &q); err != nil {
		return nil, err
	}
	var r reply
	var err error
	switch q.Operation {
	case opVerify:
		r.Verdict, err = p.Verify(ctx, q.Task, q.Program)
	case opMeasure:
		r.Verdict, err = p.verify(ctx, q.Task, q.Program, false)
	case opParses:
		r.Parses, err = p.Parses(ctx, q.Program)
	case opReference:
		r.Verdict, err = p.Reference(ctx, q.Task)
	default:
		err = fmt.Errorf("the request asks for operation %d, which does not exist", q.Operation)
	}
	if err != nil {
		r.Error = err.Error()
		errors.As(err, &r.Task)
		errors.As(err, &r.Failure)
	}
	return worker.Encode(r), nil
}
