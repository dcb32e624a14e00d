package grade

import (
	"context"
	"slices"

	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// constantBytes bounds the expected values that are kept with a task. Tests beyond it have theirs computed with each verdict.
const constantBytes = 32 << 20

// HasConstants says whether the task has expected values that AddConstants computes.
func (t *Task) HasConstants() bool {
	return slices.ContainsFunc(t.Tests, func(x Test) bool { return len(x.constant) > 0 })
}

// AddConstants computes, in a box that must be clean and is dirty afterwards, the expected values that do not depend on the program.
// It returns the tests for which that did not work: the task must be compiled again with them as Hints.Late.
func (t *Task) AddConstants(ctx context.Context, box *sandbox.Box, l Limits) (late []int, err error) {
	left, kept := l.Fuel.Total, 0
	var rs records
	call := func(in []byte, n int) (bool, error) {
		end, err := box.Call(ctx, candidateFunction, in, l.call(max(1, left)))
		if err != nil {
			return false, &Failure{err.Error()}
		}
		left -= end.Fuel
		rs.take(box, n)
		switch end.Ending {
		case sandbox.WallLimit, sandbox.HostFailure:
			return false, &Failure{end.Message}
		case sandbox.Cancelled:
			return false, context.Cause(ctx)
		default:
			return end.Ending == sandbox.Returned && rs.done, nil
		}
	}
	alive, err := call(t.judge, 0)
	if err != nil {
		return nil, err
	}
	if !alive && rs.other.found {
		o := rs.other.judged()
		return nil, &TaskError{o.Exception, "the task's own code failed: " + o.Message}
	}
	for i := range t.Tests {
		x := &t.Tests[i]
		if len(x.constant) == 0 {
			continue
		}
		found := alive && kept < constantBytes
		if found {
			var in []byte
			for k, code := range x.constant {
				in = appendOperation(in, opEvaluate, uint32(k), code)
			}
			if alive, err = call(in, len(x.constant)); err != nil {
				return nil, err
			}
			found = x.keep(rs.operations)
			kept += len(x.ahead)
		}
		if !found {
			late = append(late, i)
		}
	}
	return late, nil
}

// keep puts expected values ahead of the test, if all are there.
func (x *Test) keep(operations []record) bool {
	for k := range x.constant {
		o := operations[k]
		if !o.found || o.status != statusValue {
			return false
		}
		x.ahead = appendOperation(x.ahead, opValue, uint32(-1-int32(k)), nonNil(o.data))
	}
	x.constant = nil
	return true
}
