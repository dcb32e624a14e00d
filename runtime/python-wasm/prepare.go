package pythonwasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/grade"
)

// prepared is a task, compiled, with what its reference solution taught about it.
type prepared struct {
	task *grade.Task
	// fuel is the limit of a program.
	fuel int64
	// reference is the verdict on the task's own solution; its Class is "" where there is none.
	reference core.Verdict
}

// errNoTests says that nothing could ever be shown about a program.
var errNoTests = &grade.TaskError{Exception: "ValueError", Message: "the task has no tests"}

// Reference returns the verdict on the task's own solution, from which the limits of programs follow. Its class is "" where the task
// has no solution.
func (p *Pool) Reference(ctx context.Context, t core.Task) (core.Verdict, error) {
	if p.isolated != nil {
		return p.isolated.reference(ctx, t)
	}
	pr, err := p.prepare(ctx, t)
	if err != nil {
		return core.Verdict{}, err
	}
	return pr.reference, nil
}

// prepare compiles a task, once for each content.
func (p *Pool) prepare(ctx context.Context, t core.Task) (*prepared, error) {
	if len(t.Tests) == 0 {
		return nil, errNoTests
	}
	e := p.tasks.entry(keyOf(t))
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.prepared != nil || e.err != nil {
		return e.prepared, e.err
	}
	pr, err := p.calibrate(ctx, t)
	if err != nil {
		if errors.As(err, new(*grade.TaskError)) { // it will be so every time; other errors may pass
			e.err = err
		}
		return nil, err
	}
	e.prepared = pr
	return pr, nil
}

// calibrate compiles t and runs its reference solution. Tests whose value cannot cross even for the reference are judged inside the
// program's interpreter, and weak; that is decided here, with the reference, and never from what a program returned.
func (p *Pool) calibrate(ctx context.Context, t core.Task) (*prepared, error) {
	task, err := p.compile(ctx, t, nil)
	if err != nil {
		return nil, err
	}
	pr := &prepared{task: task, fuel: FuelWithoutReference}
	if t.Code != "" {
		var foreign []int
		if pr.reference, foreign, err = p.runReference(ctx, task, t.Code); err != nil {
			return nil, err
		}
		if len(foreign) > 0 {
			weak := map[int]string{}
			for _, i := range foreign {
				weak[i] = "the reference solution's value cannot leave its interpreter"
			}
			if pr.task, err = p.compile(ctx, t, weak); err != nil {
				return nil, err
			}
			if pr.reference, _, err = p.runReference(ctx, pr.task, t.Code); err != nil {
				return nil, err
			}
		}
		if pr.reference.Class == core.Passed {
			pr.fuel = max(FuelFloor, FuelMultiple*pr.reference.Fuel)
		}
	}
	if p.config.Fuel > 0 {
		pr.fuel = p.config.Fuel
	}
	return pr, nil
}

func (p *Pool) compile(ctx context.Context, t core.Task, weak map[int]string) (task *grade.Task, err error) {
	err = p.retry(ctx, func(g *grade.Grader) error {
		box := g.Box()
		task, err = grade.Compile(ctx, box, t, weak)
		if _, resetErr := box.Reset(); resetErr != nil {
			return errors.Join(err, resetErr)
		}
		return err
	})
	return task, err
}

// runReference also returns the tests whose value could not cross.
func (p *Pool) runReference(ctx context.Context, task *grade.Task, code string) (v core.Verdict, foreign []int, err error) {
	l := p.config.limits(fuelOfReferences)
	l.SourceBytes = 0
	l.Wall = max(l.Wall, wallOfReferences)
	err = p.retry(ctx, func(g *grade.Grader) error {
		v, err = g.Grade(ctx, task, []byte(code), l)
		foreign = g.Foreign()
		return err
	})
	return v, foreign, err
}

// maxTasks bounds the cache; a compiled task takes some tens of kilobytes.
const maxTasks = 8192

// taskCache holds prepared tasks by content.
type taskCache struct {
	lock    sync.Mutex
	entries map[[32]byte]*taskEntry
	order   [][32]byte // oldest first
}

type taskEntry struct {
	lock     sync.Mutex // held while the task is prepared, so that it is prepared once
	prepared *prepared
	err      error
}

func (c *taskCache) entry(key [32]byte) *taskEntry {
	c.lock.Lock()
	defer c.lock.Unlock()
	if e := c.entries[key]; e != nil {
		return e
	}
	if c.entries == nil {
		c.entries = map[[32]byte]*taskEntry{}
	}
	if len(c.order) == maxTasks {
		delete(c.entries, c.order[0])
		c.order = c.order[1:]
	}
	e := &taskEntry{}
	c.entries[key] = e
	c.order = append(c.order, key)
	return e
}

// keyOf hashes everything of a task that a verdict depends on.
func keyOf(t core.Task) (key [32]byte) {
	h := sha256.New()
	for _, texts := range [][]string{{t.Code, t.Entry, t.Setup, t.Judge}, t.Imports, t.Tests} {
		fmt.Fprintf(h, "%d\n", len(texts))
		for _, text := range texts {
			fmt.Fprintf(h, "%d:%s", len(text), text)
		}
	}
	h.Sum(key[:0])
	return key
}
