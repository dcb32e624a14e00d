package grade

import (
	"context"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// queueBytes is when the grader's interpreter is given what waits for it. A small verdict takes one call.
const queueBytes = 4 << 20

// queue holds the operations of tests that wait for the grader's interpreter.
type queue struct {
	operations []byte
	tests      []queued
	ready      bool  // the grader's interpreter has run the task's own code
	left       int64 // fuel for comparisons
	rs         records
}

// queued is a test that waits; its operations end at end.
type queued struct{ test, end int }

func (q *queue) clear() { q.operations, q.tests = q.operations[:0], q.tests[:0] }

func (q *queue) size() int { return len(q.operations) }

// add puts test i with the values of its operations behind the others.
func (q *queue) add(i int, x *Test, operations []record) {
	b := append(q.operations, x.ahead...)
	var index uint32
	for k, kind := range x.kinds {
		if kind != opEvaluate {
			continue
		}
		if o := operations[k]; o.isValue() {
			b = appendOperation(b, opValue, index, nonNil(o.data))
		}
		index++
	}
	q.operations = append(b, x.residual...)
	q.tests = append(q.tests, queued{i, len(q.operations)})
}

// judgeQueue has the grader's interpreter judge the tests that wait. One that ends it is judged by that; those behind it go to a fresh
// interpreter, which has run the task's own code but no test.
func (r *run) judgeQueue() error {
	q := &r.queue
	for len(q.tests) > 0 {
		o, err := r.prepareJudge()
		if err != nil {
			return err
		}
		at := 0
		for o.Class == "" && at < q.size() { // one call, but for values too large to lie side by side
			next := at
			for next < q.size() {
				n := operationSize(q.operations[next:])
				if next+n-at >= sandbox.BufferSize {
					break
				}
				next += n
			}
			if next == at {
				o = core.TestResult{Class: core.Memory, Message: "the values are too large to compare"}
				break
			}
			if o, err = r.callJudge(q.operations[at:next], nil); err != nil {
				return err
			}
			r.takeJudged()
			at = next
		}
		if o.Class == "" {
			o = core.TestResult{Class: core.Memory, Message: "the results are too large"}
		}
		if err := r.settleQueue(o); err != nil {
			return err
		}
	}
	q.clear()
	return nil
}

// takeJudged gives the tests that wait the outcomes of the last call's records.
func (r *run) takeJudged() {
	for _, w := range r.queue.tests {
		result := &r.verdict.Tests[w.test]
		if o := r.queue.rs.operations[w.test]; o.found && result.Class == unjudged {
			setResult(result, o.judged())
			if o.status == statusUndecodable {
				r.foreign = append(r.foreign, w.test)
			}
		}
	}
}

// unjudged marks a test that has no outcome yet.
const unjudged core.Class = ""

// settleQueue gives the first test without an outcome o, and removes it and those before it from the queue.
func (r *run) settleQueue(o core.TestResult) error {
	q := &r.queue
	for k, w := range q.tests {
		result := &r.verdict.Tests[w.test]
		if result.Class != unjudged {
			continue
		}
		setResult(result, o)
		q.operations = q.operations[:copy(q.operations, q.operations[w.end:])]
		q.tests = q.tests[:copy(q.tests, q.tests[k+1:])]
		for j := range q.tests {
			q.tests[j].end -= w.end
		}
		r.countEnd(o)
		if r.ends >= maxEnds || q.left <= 0 {
			for _, w := range q.tests {
				setResult(&r.verdict.Tests[w.test], core.TestResult{Class: o.Class, Message: "not judged: the tests before it took too much: " + o.Message})
			}
			q.clear()
		}
		return r.resetJudge()
	}
	q.clear()
	return nil
}

// operationSize is the length of the operation at the beginning of b, which we made.
func operationSize(b []byte) int {
	n := recordHead + int(littleEndian(b[5:]))
	if b[0] == opRemote {
		count := int(littleEndian(b[n:]))
		for n += 4; count > 0; count-- {
			n += 4 + int(littleEndian(b[n:]))
		}
	}
	return n
}

// prepareJudge runs the task's own code in the grader's interpreter, where that has not been done. The outcome has a class where it
// failed.
func (r *run) prepareJudge() (core.TestResult, error) {
	if r.queue.ready {
		return core.TestResult{}, nil
	}
	r.queue.ready = true
	if len(r.task.judge) == 0 {
		return core.TestResult{}, nil
	}
	return r.callJudge(r.task.judge, nil)
}

// callJudge has the grader's interpreter perform operations. The outcome has a class where it did not come to their end.
func (r *run) callJudge(operations []byte, answer func([]byte) ([]byte, error)) (core.TestResult, error) {
	q := &r.queue
	l := r.limits.call(max(1, q.left))
	l.Answer = answer
	end, err := r.g.judge.Call(r.ctx, graderFunction, operations, l)
	if err != nil {
		return core.TestResult{}, &Failure{err.Error()}
	}
	q.left -= end.Fuel
	q.rs.take(r.g.judge, len(r.task.Tests))
	switch {
	case end.Ending == sandbox.Cancelled || r.ctx.Err() != nil:
		return core.TestResult{}, context.Cause(r.ctx)
	case end.Ending == sandbox.Unanswered:
		return r.remote.end, r.remote.failure
	case end.Ending != sandbox.Returned:
		o, err := outcomeOf(end, nil)
		if o.Class == core.Exit { // the program cannot leave an interpreter that it is not in
			o.Class = core.Error
		}
		return o, err
	case q.rs.other.found:
		o := q.rs.other.judged()
		o.Message = "the task's own code failed: " + o.Message
		return o, nil
	case !q.rs.done:
		return core.TestResult{Class: core.Memory, Message: "the results are too large"}, nil
	}
	return core.TestResult{}, nil
}

func (r *run) resetJudge() error {
	r.queue.ready = false
	if _, err := r.g.judge.Reset(); err != nil {
		return &Failure{err.Error()}
	}
	return nil
}
