package grade

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// callFunction performs one call in the program's interpreter.
const callFunction = "harness_call"

// dialogue is a test that runs in the grader's interpreter and calls functions of the program while it does.
type dialogue struct {
	test  int
	reply []byte

	end     core.TestResult // how the program's interpreter ended, after answer returned errEnded
	failure error           // of the harness
}

// errEnded says that the program's interpreter did not survive a call.
var errEnded = errors.New("the program's interpreter ended")

// judgeRemote runs test i as it stands, after all that wait to be judged.
func (r *run) judgeRemote(i int) error {
	if err := r.judgeQueue(); err != nil {
		return err
	}
	return r.converse(i, r.task.Tests[i].residual)
}

// judgeHeld judges test i at once, over values with objects in them that the program's interpreter has and is asked for.
func (r *run) judgeHeld(i int) error {
	x, q := &r.task.Tests[i], &r.queue
	values := slices.Clone(r.rs.operations) // their data lies where no call of the grader's interpreter writes
	if err := r.judgeQueue(); err != nil {
		return err
	}
	q.add(i, x, values)
	operations := slices.Clone(q.operations)
	q.clear()
	if len(operations) >= sandbox.BufferSize {
		setResult(&r.verdict.Tests[i], core.TestResult{Class: core.Memory, Message: "the values are too large to compare"})
		return nil
	}
	return r.converse(i, operations)
}

// converse has the grader's interpreter perform the operations of test i, with calls into the program's.
func (r *run) converse(i int, operations []byte) error {
	result := &r.verdict.Tests[i]
	o, err := r.prepareJudge()
	if err != nil {
		return err
	}
	if o.Class == "" {
		r.remote.test, r.remote.end, r.remote.failure = i, core.TestResult{}, nil
		if o, err = r.callJudge(operations, r.answer); err != nil {
			return err
		}
	}
	switch record := r.queue.rs.operations[i]; {
	case record.found:
		o = record.outcome()
	case o.Class == "":
		o = core.TestResult{Class: core.Memory, Message: "the results are too large"}
	default: // an interpreter ended: the program's, which was counted, or the grader's
		if r.remote.end.Class == "" {
			r.countEnd(o)
		}
		if err := r.resetJudge(); err != nil {
			return err
		}
	}
	setResult(result, o)
	if o.Class != core.Passed {
		r.foreign = append(r.foreign, i)
	}
	return nil
}

// answer performs a call. The reply is status u8, number of the builtin exception u8, u32 and so many bytes of standard output, and the
// value, or u32 and so many bytes of the exception's text and then its arguments.
func (r *run) answer(request []byte) ([]byte, error) {
	d := &r.remote
	if d.end.Class != "" || d.failure != nil { // it ended before
		return nil, errEnded
	}
	printed := len(r.g.candidate.Host().Stdout())
	end, err := r.call(callFunction, request, r.limits.Fuel.OfTest(d.test)-r.use.Tests[d.test], 2)
	if err != nil {
		d.failure = err
		return nil, errEnded
	}
	r.use.Tests[d.test] += end.Fuel
	if end.Ending != sandbox.Returned || !r.rs.done {
		if d.end, err = r.ended(end); err != nil {
			d.failure = err
		}
		return nil, errEnded
	}
	o := r.rs.operations[0]
	output := r.g.candidate.Host().Stdout()[printed:]
	d.reply = binary.LittleEndian.AppendUint32(append(d.reply[:0], byte(o.status), noType), uint32(len(output)))
	d.reply = append(d.reply, output...)
	switch o.status {
	case statusValue, statusRemote:
		d.reply[0] = byte(statusValue)
		d.reply = append(d.reply, o.data...)
	case statusException, statusExit, statusMemory:
		var arguments []byte
		if n := r.rs.operations[1]; len(n.data) > 0 {
			d.reply[1], arguments = n.data[0], n.data[1:]
		}
		d.exception(o.data, arguments)
	default: // a value that cannot cross: the test meets a TypeError
		d.reply[0] = byte(statusException)
		d.exception([]byte("TypeError\x00"+o.outcome().Message), nil)
	}
	return d.reply, nil
}

// exception completes a reply.
func (d *dialogue) exception(text, arguments []byte) {
	d.reply = binary.LittleEndian.AppendUint32(d.reply, uint32(len(text)))
	d.reply = append(append(d.reply, text...), arguments...)
}

// noType stands for an exception without a builtin type.
const noType = 255
