package grade

import (
	"context"
	"errors"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// callFunction performs one call in the program's interpreter.
const callFunction = "harness_call"

// dialogue answers the grader's interpreter, which calls functions of the program while it runs a test.
type dialogue struct {
	g       *Grader
	ctx     context.Context
	limits  Limits
	verdict *core.Verdict // Fuel and StdoutBytes go on from what the program has used
	reply   []byte

	end     core.TestResult // how the program's interpreter ended, after answer returned errEnded
	failure error           // of the harness
}

// errEnded says that the program's interpreter did not survive a call.
var errEnded = errors.New("the program's interpreter ended")

// answer performs a call. The reply is status u8, number of the builtin exception u8, and the value or the exception's text.
func (d *dialogue) answer(request []byte) ([]byte, error) {
	v, l := d.verdict, d.limits
	if d.end.Class != "" { // it ended before
		return nil, errEnded
	}
	end, err := d.g.candidate.Call(d.ctx, callFunction, request, sandbox.Limits{Fuel: max(1, l.Fuel-v.Fuel), Wall: l.Wall, Sleep: l.Sleep, Output: l.Output})
	if err != nil {
		d.failure = &Failure{err.Error()}
		return nil, errEnded
	}
	v.Fuel += end.Fuel
	v.StdoutBytes = d.g.candidate.Host().StdoutBytes()
	rs := readRecords(d.g.candidate.Output(), 2)
	if end.Ending != sandbox.Returned || !rs.done {
		if d.end, err = outcomeOf(end, d.g.candidate.Host().Stderr()); err != nil {
			d.failure = err
		}
		return nil, errEnded
	}
	r := rs.operations[0]
	d.reply = append(d.reply[:0], byte(r.status), noType)
	switch r.status {
	case statusValue:
		d.reply = append(d.reply, r.data...)
	case statusException, statusExit, statusMemory:
		if n := rs.operations[1]; len(n.data) == 1 {
			d.reply[1] = n.data[0]
		}
		d.reply = append(d.reply, r.data...)
	default: // a value that cannot cross: the test meets a TypeError
		d.reply[0] = byte(statusException)
		d.reply = append(d.reply, "TypeError\x00"+r.outcome().Message...)
	}
	return d.reply, nil
}

// noType stands for an exception without a builtin type.
const noType = 255
