package grade

import (
	"context"
	"fmt"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// run is one verdict under way. The program runs in the program's interpreter, and then what each test asks of it, one test at a
// time; what that returned waits in a queue for the grader's interpreter. Its buffers serve one verdict after the other.
//
// A test that ends the program's interpreter leaves it unusable. The tests behind it are asked of a fresh one, in which the program
// and the set-up have run again, but not the tests before.
type run struct {
	ctx     context.Context
	g       *Grader
	task    *Task
	program []byte
	limits  Limits
	verdict core.Verdict

	left  int64           // of Limits.Fuel.Total
	alive bool            // the program has run, and its interpreter can be asked
	ends  int             // how many interpreters tests have ended
	over  core.TestResult // the outcome of all tests that are left; its class is "" while they are run
	whole core.TestResult // the outcome of all tests, those behind us included; its class is "" where each has its own
	input []byte
	rs    records

	printed int64 // by interpreters that have ended
	use     Use
	foreign []int
	queue   queue
	remote  dialogue
}

func (r *run) begin(ctx context.Context, g *Grader, t *Task, program []byte, l Limits) {
	r.ctx, r.g, r.task, r.program, r.limits = ctx, g, t, program, l
	r.verdict = core.Verdict{Tests: make([]core.TestResult, len(t.Tests))}
	for i := range t.Tests {
		r.verdict.Tests[i].Weak = t.Tests[i].Weak != ""
		r.verdict.Weak = r.verdict.Weak || r.verdict.Tests[i].Weak
	}
	r.left, r.alive, r.ends, r.printed = l.Fuel.Total, false, 0, 0
	r.over, r.whole = core.TestResult{}, core.TestResult{}
	r.use.Program, r.use.Tests = 0, append(r.use.Tests[:0], make([]int64, len(t.Tests))...)
	r.foreign = r.foreign[:0]
	r.queue.clear()
	r.queue.left, r.queue.ready = l.Fuel.Total, false
}

// all runs the program and every test.
func (r *run) all() error {
	o, err := r.start()
	if err != nil {
		return err
	}
	if o.Class != "" {
		r.whole = o
		return nil
	}
	r.use.Program = r.limits.Fuel.Total - r.left
	for i := range r.task.Tests {
		if err := r.test(i); err != nil {
			return err
		}
		if r.whole.Class != "" {
			return nil
		}
		if r.queue.size() >= queueBytes {
			if err := r.judgeQueue(); err != nil {
				return err
			}
		}
	}
	return r.judgeQueue()
}

// start runs the program in an interpreter that is clean. The outcome has a class where it did not come to its end.
func (r *run) start() (core.TestResult, error) {
	if r.limits.MemoryBytes > 0 {
		if err := r.withhold(); err != nil {
			return core.TestResult{}, err
		}
	}
	in := append(r.input[:0], r.task.before...)
	in = appendOperation(in, opProgram, idProgram, nonNil(r.program))
	in = append(in, r.task.after...)
	r.input = in
	end, err := r.call(candidateFunction, in, r.limits.Fuel.Program, 0)
	if err != nil {
		return core.TestResult{}, err
	}
	switch {
	case end.Ending != sandbox.Returned:
		return outcomeOf(end, r.g.candidate.Host().Stderr())
	case r.rs.other.found:
		return r.rs.other.outcome(), nil
	case !r.rs.done:
		return core.TestResult{Class: core.Memory, Message: "the program's interpreter is out of memory"}, nil
	}
	r.alive = true
	return core.TestResult{}, nil
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// call has the program's interpreter do something, for at most so much fuel, and reads its n records.
func (r *run) call(function string, in []byte, fuel int64, n int) (sandbox.End, error) {
	l := r.limits.call(max(1, min(fuel, r.left)))
	l.Output = max(0, l.Output-r.printed)
	end, err := r.g.candidate.Call(r.ctx, function, in, l)
	if err != nil {
		return end, &Failure{err.Error()}
	}
	if end.Ending == sandbox.Cancelled {
		return end, context.Cause(r.ctx)
	}
	r.left -= end.Fuel
	r.verdict.Fuel += end.Fuel
	r.verdict.StdoutBytes = r.printed + r.g.candidate.Host().StdoutBytes()
	r.rs.take(r.g.candidate, n)
	return end, nil
}

// withhold leaves the program as much of the box's memory as it may use.
func (r *run) withhold() error {
	end, err := r.g.candidate.Withhold(r.ctx, r.limits.MemoryBytes)
	switch {
	case err != nil:
		return &Failure{err.Error()}
	case end.Ending == sandbox.Cancelled:
		return context.Cause(r.ctx)
	case end.Ending != sandbox.Returned || end.Value != 0:
		return &Failure{fmt.Sprintf("limit memory to %d bytes: %s", r.limits.MemoryBytes, end.Message)}
	}
	return nil
}

// resetProgram makes the program's interpreter as new, and counts what the program took of its memory.
func (r *run) resetProgram() error {
	peak := r.g.candidate.Peak()
	r.printed += r.g.candidate.Host().StdoutBytes()
	changed, err := r.g.candidate.Reset()
	if err != nil {
		return &Failure{err.Error()}
	}
	r.verdict.MemoryBytes = max(r.verdict.MemoryBytes, peak, changed)
	r.alive = false
	return nil
}

// test asks of the program what test i asks of it. The outcome is there afterwards, or the test waits to be judged.
func (r *run) test(i int) error {
	x, result := &r.task.Tests[i], &r.verdict.Tests[i]
	switch {
	case x.Broken != "":
		setResult(result, core.TestResult{Class: core.Error, Exception: "SyntaxError", Message: "the test is no Python: " + x.Broken})
		return nil
	case r.over.Class == "" && !r.alive && (len(x.kinds) > 0 || x.remote || x.atOnce):
		if err := r.startAgain(); err != nil {
			return err
		}
	}
	if r.over.Class != "" {
		setResult(result, r.over)
		return nil
	}
	if len(x.kinds) > 0 {
		o, err := r.ask(i)
		if err != nil {
			return err
		}
		if o.Class != core.Passed {
			setResult(result, o)
			return nil
		}
	}
	switch {
	case x.remote:
		return r.judgeRemote(i)
	case x.residual == nil:
		setResult(result, core.TestResult{Class: core.Passed})
	case x.atOnce || x.staysRemote(r.rs.operations):
		return r.judgeHeld(i)
	default:
		r.queue.add(i, x, r.rs.operations)
	}
	return nil
}

// startAgain runs the program afresh, for the tests behind one that ended its interpreter.
func (r *run) startAgain() error {
	if err := r.resetProgram(); err != nil {
		return err
	}
	o, err := r.start()
	if err != nil {
		return err
	}
	if o.Class != "" {
		r.over = o
	}
	return nil
}

// ask performs the operations of test i. The outcome is that of the first that failed, or a pass.
func (r *run) ask(i int) (core.TestResult, error) {
	x := &r.task.Tests[i]
	if len(x.calls) >= sandbox.BufferSize {
		return core.TestResult{Class: core.Memory, Message: fmt.Sprintf("the test has %d bytes; at most %d are run", len(x.calls), sandbox.BufferSize-1)}, nil
	}
	end, err := r.call(candidateFunction, x.calls, r.limits.Fuel.OfTest(i), len(x.kinds))
	if err != nil {
		return core.TestResult{}, err
	}
	r.use.Tests[i] += end.Fuel
	rest, err := r.ended(end)
	if err != nil {
		return rest, err
	}
	o := x.evaluated(r.rs.operations, rest)
	if o.Class != core.Passed && x.isForeign(r.rs.operations) {
		r.foreign = append(r.foreign, i)
	}
	return o, nil
}

// ended takes note of how a call for a test ended and returns what that means for operations that left no record.
func (r *run) ended(end sandbox.End) (core.TestResult, error) {
	o, err := outcomeOf(end, r.g.candidate.Host().Stderr())
	if err != nil || end.Ending == sandbox.Returned {
		return o, err
	}
	r.alive = false
	if end.Ending == sandbox.OutputLimit {
		r.whole = o
	}
	r.countEnd(o)
	return o, nil
}

// countEnd counts the end of an interpreter by a test, whose outcome o goes to the tests behind it when there were too many, or when
// the fuel of all tests is used up.
func (r *run) countEnd(o core.TestResult) {
	if r.ends++; r.ends < maxEnds && r.left > 0 {
		return
	}
	r.over = core.TestResult{Class: o.Class, Message: "not run: the tests before it took too much: " + o.Message}
}

// evaluated is the outcome of the first of the test's operations that failed, or a pass. rest is that of operations without a record.
func (x *Test) evaluated(operations []record, rest core.TestResult) core.TestResult {
	for k, kind := range x.kinds {
		o := operations[k]
		switch {
		case !o.found:
			return rest
		case o.isValue():
		case x.lazy && kind == opEvaluate && o.status == statusException:
		default:
			return o.outcome()
		}
	}
	return core.TestResult{Class: core.Passed}
}

// staysRemote says that a value of the test has objects in it that stay in the program's interpreter.
func (x *Test) staysRemote(operations []record) bool {
	for k := range x.kinds {
		if operations[k].status == statusRemote {
			return true
		}
	}
	return false
}

// isForeign says that an operation of the test gave a value that cannot cross.
func (x *Test) isForeign(operations []record) bool {
	for k := range x.kinds {
		if operations[k].status == statusForeign {
			return true
		}
	}
	return false
}
