// Package pythonwasm gives verdicts on Python programs: a Pool holds sandboxed CPython interpreters and turns a task and a program
// into a core.Verdict that the program cannot forge, and that is the same on every machine, at every load and with any number of
// workers.
//
// It owns the pool, the cache of compiled tasks, default limits, and retries of what failed through no fault of the program. The
// image that interpreters start from belongs to package image, the sandbox to packages sandbox, wasi and wasm, and the meaning of a
// test to package grade. What a program must be extracted from, and what a verdict is worth, belongs to the callers.
package pythonwasm

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/grade"
	"github.com/rlvr-harness/harness/runtime/python-wasm/image"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// Pool is a number of interpreters. It is safe for use by many goroutines.
type Pool struct {
	config Config
	image  string // sha256
	python string
	engine *sandbox.Engine
	idle   chan *grade.Grader // nil where a grader has yet to be made
	tasks  taskCache

	// isolated answers in a process of its own; the fields above that run programs are then unused.
	isolated *isolated

	closing sync.Once
	closed  chan struct{}
}

// ErrClosed is returned by the methods of a Pool after Close.
var ErrClosed = errors.New("the python pool is closed")

// attempts is how often a verdict is tried when the harness itself fails.
const attempts = 3

// Open opens the image and prepares the pool; interpreters are made when they are first needed.
func Open(ctx context.Context, c Config) (*Pool, error) {
	c, err := c.resolve()
	if err != nil {
		return nil, err
	}
	if c.Isolate {
		return openIsolated(ctx, c)
	}
	im, err := image.Open(c.Image)
	if err != nil {
		return nil, err
	}
	engine, err := sandbox.NewEngine(context.WithoutCancel(ctx), im.Module, im.Memory, im.Library, sandbox.Options{Compiled: im.Compiled, Portable: c.Portable})
	if err != nil {
		return nil, fmt.Errorf("open python: %w", err)
	}
	p := &Pool{config: c, image: im.ID, python: im.Manifest.Python, engine: engine, idle: make(chan *grade.Grader, c.Workers), closed: make(chan struct{})}
	for range c.Workers {
		p.idle <- nil
	}
	return p, nil
}

// Image is the sha256 that names the interpreter: verdicts of pools with equal images and limits are equal.
func (p *Pool) Image() string { return p.image }

// Python is the interpreter's version, as "3.13.5".
func (p *Pool) Python() string { return p.python }

// Close waits for verdicts that are under way and frees the interpreters. Later calls do nothing.
func (p *Pool) Close() error {
	var err error
	p.closing.Do(func() {
		if p.isolated != nil {
			err = p.isolated.keeper.Close()
			return
		}
		ctx := context.Background()
		close(p.closed)
		for range cap(p.idle) {
			if g := <-p.idle; g != nil {
				err = errors.Join(err, g.Close(ctx))
			}
		}
		err = errors.Join(err, p.engine.Close(ctx))
	})
	return err
}

// acquire waits for a grader.
func (p *Pool) acquire(ctx context.Context) (*grade.Grader, error) {
	select {
	case <-p.closed:
		return nil, ErrClosed
	default:
	}
	select {
	case g := <-p.idle:
		if g != nil {
			return g, nil
		}
		g, err := p.newGrader(ctx)
		if err != nil {
			p.idle <- nil
		}
		return g, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-p.closed:
		return nil, ErrClosed
	}
}

func (p *Pool) newGrader(ctx context.Context) (*grade.Grader, error) {
	a, err := p.engine.NewBox(ctx)
	if err != nil {
		return nil, err
	}
	b, err := p.engine.NewBox(ctx)
	if err != nil {
		return nil, errors.Join(err, a.Close(ctx))
	}
	return grade.NewGrader(a, b), nil
}

// with lends a grader to f and takes it back, or frees it where f's error says that it may be broken.
func (p *Pool) with(ctx context.Context, f func(g *grade.Grader) error) error {
	g, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	err = f(g)
	if err == nil || errors.As(err, new(*grade.TaskError)) {
		p.idle <- g
		return err
	}
	p.idle <- nil
	return errors.Join(err, g.Close(context.WithoutCancel(ctx)))
}

// retry is with, on a fresh interpreter when the harness failed.
func (p *Pool) retry(ctx context.Context, f func(g *grade.Grader) error) error {
	var err error
	for range attempts {
		if err = p.with(ctx, f); !errors.As(err, new(*grade.Failure)) {
			return err
		}
	}
	return err
}

// Verify runs program against the tests of t. A program that fails in any way is a verdict, never an error; so is a failure of the
// harness that repeats itself on fresh interpreters (core.Infrastructure). Errors are a task that cannot be graded at all, a
// cancelled context, and a closed pool.
func (p *Pool) Verify(ctx context.Context, t core.Task, program string) (core.Verdict, error) {
	if program == "" {
		return core.Verdict{Class: core.NoCode, Message: "there is no program"}, nil
	}
	return p.verify(ctx, t, program, true)
}

// verify may answer with what is known of the reference solution.
func (p *Pool) verify(ctx context.Context, t core.Task, program string, known bool) (core.Verdict, error) {
	if p.isolated != nil {
		return p.isolated.verify(ctx, t, program, known)
	}
	prepared, err := p.prepare(ctx, t)
	if failure := (*grade.Failure)(nil); errors.As(err, &failure) {
		return core.Verdict{Class: core.Infrastructure, Message: "prepare the task: " + failure.Message}, nil
	}
	if err != nil {
		return core.Verdict{}, fmt.Errorf("verify task %s: %w", t.ID, err)
	}
	if known && program == t.Code {
		if v, ok := prepared.takeReference(); ok {
			return v, nil
		}
	}
	v, err := p.grade(ctx, prepared.task, program, p.config.limits(prepared.fuel))
	if failure := (*grade.Failure)(nil); errors.As(err, &failure) {
		return core.Verdict{Class: core.Infrastructure, Message: failure.Message}, nil
	}
	if err != nil {
		return core.Verdict{}, fmt.Errorf("verify task %s: %w", t.ID, err)
	}
	return v, nil
}

func (p *Pool) grade(ctx context.Context, t *grade.Task, program string, l grade.Limits) (v core.Verdict, err error) {
	err = p.retry(ctx, func(g *grade.Grader) error {
		v, err = g.Grade(ctx, t, []byte(program), l)
		return err
	})
	return v, err
}

// parseFuel bounds the compilation of a text: about a second.
const parseFuel = 500_000_000

// Parses says whether src compiles as a Python program. A text that takes the compiler beyond its limits does not.
func (p *Pool) Parses(ctx context.Context, src string) (parses bool, err error) {
	if p.isolated != nil {
		return p.isolated.parses(ctx, src)
	}
	err = p.retry(ctx, func(g *grade.Grader) error {
		box := g.Box()
		if parses, err = grade.Parses(ctx, box, []byte(src), p.config.limits(equalFuel(parseFuel))); err != nil {
			return err
		}
		_, err = box.Reset()
		return err
	})
	if err != nil {
		return false, fmt.Errorf("parse a program: %w", err)
	}
	return parses, nil
}
