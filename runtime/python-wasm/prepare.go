package pythonwasm

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/grade"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// prepared is a task, compiled, with what its reference solution taught about it.
type prepared struct {
	task *grade.Task
	// fuel is what a program may use.
	fuel grade.Fuel
	// reference is the verdict on the task's own solution; its Class is "" where there is none.
	reference core.Verdict
	// use says where the fuel of reference went.
	use grade.Use
	// fresh says that reference is within the limits of programs, and that nobody has been given it as a verdict.
	fresh atomic.Bool
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
	var hints grade.Hints
	task, err := p.compile(ctx, t, &hints)
	if err != nil {
		return nil, err
	}
	pr := &prepared{task: task, fuel: equalFuel(FuelWithoutReference / 2)}
	if t.Code != "" {
		if err := p.findWeak(ctx, t, pr, &hints); err != nil {
			return nil, err
		}
		if pr.reference.Class == core.Passed {
			pr.fuel = multipleOf(pr.use)
		}
	}
	if p.config.Fuel > 0 {
		pr.fuel = equalFuel(p.config.Fuel)
	}
	pr.fresh.Store(pr.reference.Class == core.Passed && within(pr.use, pr.fuel) && len(t.Code) <= p.config.SourceBytes)
	return pr, nil
}

// findWeak runs the reference solution and judges inside the program's interpreter those of its tests that pass only there: an
// instance of its own class cannot cross, or crosses as an object that answers nothing.
func (p *Pool) findWeak(ctx context.Context, t core.Task, pr *prepared, hints *grade.Hints) error {
	foreign, err := p.runReference(ctx, pr, t.Code)
	if err != nil {
		return err
	}
	weak := map[int]string{}
	for _, i := range foreign {
		weak[i] = "the reference solution's value cannot leave its interpreter"
	}
	for i, r := range pr.reference.Tests {
		if (r.Class == core.Failed || r.Class == core.Error) && !r.Weak && pr.task.Tests[i].Broken == "" {
			weak[i] = "the reference solution passes it only inside its interpreter"
		}
	}
	for more := len(weak) > 0; more; {
		hints.Weak = weak
		if pr.task, err = p.compile(ctx, t, hints); err != nil {
			return err
		}
		if _, err = p.runReference(ctx, pr, t.Code); err != nil {
			return err
		}
		more = false
		for i := range weak { // what a wrong reference solution fails everywhere is as good outside
			if pr.reference.Tests[i].Class != core.Passed {
				delete(weak, i)
				more = true
			}
		}
	}
	return nil
}

// equalFuel allows a program and each of its tests fuel, and twice that in all.
func equalFuel(fuel int64) grade.Fuel { return grade.Fuel{Program: fuel, Test: fuel, Total: 2 * fuel} }

// multipleOf allows FuelMultiple times what the reference solution used, and at least FuelFloor, to each part of a verdict, and to all
// of it so much that two parts may go to their floor.
func multipleOf(reference grade.Use) grade.Fuel {
	f := equalFuel(FuelFloor)
	f.Program = max(f.Program, FuelMultiple*reference.Program)
	f.Total += FuelMultiple * reference.Program
	for _, used := range reference.Tests {
		f.Tests = append(f.Tests, max(f.Test, FuelMultiple*used))
		f.Total += FuelMultiple * used
	}
	return f
}

// within says that what was used stays inside the limits of a program.
func within(used grade.Use, limit grade.Fuel) bool {
	total := used.Program
	for i, u := range used.Tests {
		if total += u; u >= limit.OfTest(i) {
			return false
		}
	}
	return used.Program < limit.Program && total < limit.Total
}

// takeReference returns the verdict on the reference solution, the first time that it is asked for: a run that has been made to learn
// the limits need not be made again to tell the same.
func (pr *prepared) takeReference() (core.Verdict, bool) {
	if !pr.fresh.CompareAndSwap(true, false) {
		return core.Verdict{}, false
	}
	v := pr.reference
	v.Tests = slices.Clone(v.Tests)
	return v, true
}

// compile adds to hints what it learns about expected values.
func (p *Pool) compile(ctx context.Context, t core.Task, hints *grade.Hints) (*grade.Task, error) {
	task, err := p.compileOnce(ctx, t, *hints)
	if err != nil || !task.HasConstants() {
		return task, err
	}
	var late []int
	err = p.withCleanBox(ctx, func(box *sandbox.Box) (err error) {
		late, err = task.AddConstants(ctx, box, p.limitsOfReferences())
		return err
	})
	if err != nil || len(late) == 0 {
		return task, err
	}
	hints.Late = append(hints.Late, late...)
	return p.compile(ctx, t, hints) // now those tests have none
}

func (p *Pool) compileOnce(ctx context.Context, t core.Task, hints grade.Hints) (task *grade.Task, err error) {
	err = p.withCleanBox(ctx, func(box *sandbox.Box) (err error) {
		task, err = grade.Compile(ctx, box, t, hints)
		return err
	})
	return task, err
}

// withCleanBox lends f a clean interpreter, more than once where the harness fails.
func (p *Pool) withCleanBox(ctx context.Context, f func(*sandbox.Box) error) error {
	return p.retry(ctx, func(g *grade.Grader) error {
		box := g.Box()
		err := f(box)
		if _, resetErr := box.Reset(); resetErr != nil {
			return errors.Join(err, resetErr)
		}
		return err
	})
}

func (p *Pool) limitsOfReferences() grade.Limits {
	l := p.config.limits(equalFuel(fuelOfReferences))
	l.SourceBytes = 0
	l.Wall = max(l.Wall, wallOfReferences)
	return l
}

// runReference sets pr.reference and pr.use, and returns the tests whose value could not cross.
func (p *Pool) runReference(ctx context.Context, pr *prepared, code string) (foreign []int, err error) {
	err = p.retry(ctx, func(g *grade.Grader) error {
		pr.reference, err = g.Grade(ctx, pr.task, []byte(code), p.limitsOfReferences())
		foreign = slices.Clone(g.Foreign())
		pr.use = grade.Use{Program: g.Use().Program, Tests: slices.Clone(g.Use().Tests)}
		return err
	})
	return foreign, err
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

// texts are buffers of keyOf.
var texts = sync.Pool{New: func() any { return new([]byte) }}

// keyOf hashes everything of a task that a verdict depends on.
func keyOf(t core.Task) [32]byte {
	buffer := texts.Get().(*[]byte)
	b := (*buffer)[:0]
	for _, list := range [][]string{{t.Code, t.Entry, t.Setup, t.Judge}, t.Imports, t.Tests} {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(list)))
		for _, text := range list {
			b = binary.LittleEndian.AppendUint64(b, uint64(len(text)))
			b = append(b, text...)
		}
	}
	key := sha256.Sum256(b)
	*buffer = b
	texts.Put(buffer)
	return key
}
