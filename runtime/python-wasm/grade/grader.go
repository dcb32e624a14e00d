package grade

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// Limits bound one verdict.
type Limits struct {
	// Fuel is for the program and all its tests together, and again for the comparisons.
	Fuel int64
	// Wall is a safety net for each interpreter; when it fires there is no verdict but a *Failure.
	Wall time.Duration
	// Sleep is how long the program may sleep, on its virtual clock.
	Sleep time.Duration
	// Output is the number of bytes that the program may print.
	Output int64
	// MemoryBytes is the linear memory that the program may use, interpreter and buffers included; 0 is all that a box has.
	MemoryBytes int64
	// SourceBytes is the longest program that is run.
	SourceBytes int
}

// Grader gives verdicts, one at a time.
type Grader struct {
	candidate, judge *sandbox.Box
	input, values    []byte
	foreign          []int
}

// NewGrader makes a grader of two boxes, which must be clean.
func NewGrader(candidate, judge *sandbox.Box) *Grader {
	return &Grader{candidate: candidate, judge: judge}
}

// Box is the box in which programs run: clean between calls of the grader, for other work of its owner, who resets it.
func (g *Grader) Box() *sandbox.Box { return g.candidate }

// Foreign returns the tests of the last verdict that failed and may have failed because a value could not leave the program's
// interpreter or be built in the grader's.
func (g *Grader) Foreign() []int { return g.foreign }

// Close frees the boxes.
func (g *Grader) Close(ctx context.Context) error {
	err := g.candidate.Close(ctx)
	if err2 := g.judge.Close(ctx); err == nil {
		err = err2
	}
	return err
}

// Grade runs program and judges it. The error is a *Failure where the harness failed, or the context's; after either the grader
// must not be used again.
func (g *Grader) Grade(ctx context.Context, t *Task, program []byte, l Limits) (core.Verdict, error) {
	v := core.Verdict{Tests: make([]core.TestResult, len(t.Tests))}
	for i := range t.Tests {
		v.Tests[i].Weak = t.Tests[i].Weak != ""
		v.Weak = v.Weak || v.Tests[i].Weak
	}
	g.foreign = nil
	if over := overSize(t, program, l); over != "" {
		return settle(v, core.TestResult{Class: core.Memory, Message: over}), nil
	}
	in := append(g.input[:0], t.head...)
	in = appendOperation(in, opProgram, idProgram, nonNil(program))
	in = append(in, t.tail...)
	g.input = in
	if l.MemoryBytes > 0 {
		if err := g.withhold(ctx, l.MemoryBytes); err != nil {
			return v, err
		}
	}
	end, err := g.candidate.Call(ctx, candidateFunction, in, sandbox.Limits{Fuel: l.Fuel, Wall: l.Wall, Sleep: l.Sleep, Output: l.Output})
	if err != nil {
		return v, &Failure{err.Error()}
	}
	if end.Ending == sandbox.Cancelled {
		return v, context.Cause(ctx)
	}
	rest, err := outcomeOf(end, g.candidate.Host().Stderr())
	if err != nil {
		return v, err
	}
	rs := readRecords(g.candidate.Output(), t.operations)
	if rs.other.found && !rs.done {
		rest = rs.other.outcome()
	}
	v.Fuel, v.StdoutBytes = end.Fuel, g.candidate.Host().StdoutBytes()
	pending := g.collect(t, rs, rest, &v)
	d := &dialogue{g: g, ctx: ctx, limits: l, verdict: &v}
	if pending.remote { // the program is still needed
		if err := g.compare(ctx, t, l, d); err != nil {
			return v, err
		}
	}
	peak := g.candidate.Peak()
	changed, err := g.candidate.Reset()
	if err != nil {
		return v, &Failure{err.Error()}
	}
	v.MemoryBytes = max(peak, changed)
	if pending.split && !pending.remote {
		if err := g.compare(ctx, t, l, d); err != nil {
			return v, err
		}
	}
	if end.Ending == sandbox.OutputLimit { // it may come after the last test, when buffers are emptied
		return settle(v, core.TestResult{Class: core.Output, Message: end.Message}), nil
	}
	return first(v), nil
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func overSize(t *Task, program []byte, l Limits) string {
	if l.SourceBytes > 0 && len(program) > l.SourceBytes {
		return fmt.Sprintf("the program has %d bytes; at most %d are run", len(program), l.SourceBytes)
	}
	if total := len(t.head) + len(program) + len(t.tail) + recordHead; total >= sandbox.BufferSize {
		return fmt.Sprintf("the program and its tests have %d bytes; at most %d are run", total, sandbox.BufferSize-1)
	}
	return ""
}

// withhold leaves the program limit bytes of the box's memory.
func (g *Grader) withhold(ctx context.Context, limit int64) error {
	end, err := g.candidate.Withhold(ctx, limit)
	switch {
	case err != nil:
		return &Failure{err.Error()}
	case end.Ending == sandbox.Cancelled:
		return context.Cause(ctx)
	case end.Ending != sandbox.Returned || end.Value != 0:
		return &Failure{fmt.Sprintf("limit memory to %d bytes: %s", limit, end.Message)}
	}
	return nil
}

// unjudged marks a test that the grader's interpreter has yet to judge.
const unjudged core.Class = ""

// waiting says what kinds of tests the grader's interpreter has yet to judge.
type waiting struct{ split, remote bool }

// collect gives each test the outcome of its operations, or puts it into g.values for the grader's interpreter: first the tests whose
// values are there, then those that call the program. rest is the outcome of operations without a record.
func (g *Grader) collect(t *Task, rs records, rest core.TestResult, v *core.Verdict) (w waiting) {
	in := append(g.values[:0], t.judge...)
	for i := range t.Tests {
		x, r := &t.Tests[i], &v.Tests[i]
		weak := r.Weak
		switch o, failed := x.evaluated(rs, rest); {
		case x.Broken != "":
			*r = core.TestResult{Class: core.Error, Exception: "SyntaxError", Message: "the test is no Python: " + x.Broken}
		case failed:
			*r = o
			if x.isForeign(rs) {
				g.foreign = append(g.foreign, i)
			}
		case x.remote != nil && !rs.done:
			*r = rest
		case x.remote != nil:
			*r = core.TestResult{Class: unjudged}
			w.remote = true
		case x.residual == nil:
			*r = core.TestResult{Class: core.Passed}
		default:
			in = appendOperation(in, opMust, idSetup, x.before)
			in = appendOperation(in, opJudge, uint32(i), x.residual)
			in = x.appendValues(in, rs)
			*r = core.TestResult{Class: unjudged}
			w.split = true
		}
		r.Weak = weak
	}
	for i := range t.Tests {
		if x := &t.Tests[i]; x.remote != nil && v.Tests[i].Class == unjudged {
			in = appendOperation(in, opRemote, uint32(i), x.residual)
			in = append(in, x.remote...)
		}
	}
	g.values = in
	return w
}

// evaluated says whether one of the test's operations failed, and how.
func (x *Test) evaluated(rs records, rest core.TestResult) (core.TestResult, bool) {
	for k, kind := range x.kinds {
		o := rs.operations[x.first+uint32(k)]
		switch {
		case !o.found:
			return rest, true
		case o.status == statusValue:
		case x.lazy && kind == opEvaluate && o.status == statusException:
		default:
			return o.outcome(), true
		}
	}
	return core.TestResult{}, false
}

// isForeign says that an operation of the test gave a value that cannot cross.
func (x *Test) isForeign(rs records) bool {
	for k := range x.kinds {
		if rs.operations[x.first+uint32(k)].status == statusForeign {
			return true
		}
	}
	return false
}

// appendValues appends u32 count, then (u32 index, u32 length, encoded value) for each value that there is.
func (x *Test) appendValues(b []byte, rs records) []byte {
	at, n, index := len(b), uint32(0), uint32(0)
	b = append(b, 0, 0, 0, 0)
	for k, kind := range x.kinds {
		if kind != opEvaluate {
			continue
		}
		if o := rs.operations[x.first+uint32(k)]; o.status == statusValue {
			b = binary.LittleEndian.AppendUint32(b, index)
			b = binary.LittleEndian.AppendUint32(b, uint32(len(o.data)))
			b = append(b, o.data...)
			n++
		}
		index++
	}
	binary.LittleEndian.PutUint32(b[at:], n)
	return b
}

// compare judges the tests that collect left.
func (g *Grader) compare(ctx context.Context, t *Task, l Limits, d *dialogue) error {
	var rs records
	v := d.verdict
	rest := core.TestResult{Class: core.Memory, Message: "the values are too large to compare"}
	if len(g.values) < sandbox.BufferSize {
		end, err := g.judge.Call(ctx, graderFunction, g.values, sandbox.Limits{Fuel: l.Fuel, Wall: l.Wall, Sleep: l.Sleep, Output: l.Output, Answer: d.answer})
		if err != nil {
			return &Failure{err.Error()}
		}
		switch {
		case end.Ending == sandbox.Cancelled || ctx.Err() != nil:
			return context.Cause(ctx)
		case end.Ending == sandbox.Unanswered && d.failure != nil:
			return d.failure
		case end.Ending == sandbox.Unanswered:
			rest = d.end
		default:
			if rest, err = outcomeOf(end, nil); err != nil {
				return err
			}
			if rest.Class == core.Exit { // the program cannot leave an interpreter that it is not in
				rest.Class = core.Error
			}
		}
		rs = readRecords(g.judge.Output(), len(t.Tests))
		if rs.other.found && !rs.done {
			rest = rs.other.judged()
			rest.Message = "the task's own code failed: " + rest.Message
		}
	}
	for i := range v.Tests {
		if r := &v.Tests[i]; r.Class == unjudged {
			weak := r.Weak
			switch {
			case i >= len(rs.operations) || !rs.operations[i].found:
				*r = rest
			case t.Tests[i].remote != nil:
				*r = rs.operations[i].outcome()
			default:
				*r = rs.operations[i].judged()
			}
			if r.Class != core.Passed && (t.Tests[i].remote != nil || (i < len(rs.operations) && rs.operations[i].status == statusUndecodable)) {
				g.foreign = append(g.foreign, i)
			}
			r.Weak = weak
		}
	}
	if _, err := g.judge.Reset(); err != nil {
		return &Failure{err.Error()}
	}
	return nil
}

// settle gives every test the same outcome.
func settle(v core.Verdict, o core.TestResult) core.Verdict {
	for i := range v.Tests {
		o.Weak = v.Tests[i].Weak
		v.Tests[i] = o
	}
	v.Class, v.Exception, v.Message = o.Class, o.Exception, o.Message
	return v
}

// first gives the verdict the outcome of the first test that did not pass.
func first(v core.Verdict) core.Verdict {
	v.Class = core.Passed
	for _, t := range v.Tests {
		if t.Class != core.Passed {
			v.Class, v.Exception, v.Message = t.Class, t.Exception, t.Message
			break
		}
	}
	return v
}

// Parses says whether source compiles as a program. The box must be clean and is dirty afterwards.
func Parses(ctx context.Context, box *sandbox.Box, source []byte, l Limits) (bool, error) {
	if len(source) >= sandbox.BufferSize || (l.SourceBytes > 0 && len(source) > l.SourceBytes) {
		return false, nil
	}
	end, err := box.Call(ctx, parseFunction, source, sandbox.Limits{Fuel: l.Fuel, Wall: l.Wall, Output: l.Output})
	if err != nil {
		return false, &Failure{err.Error()}
	}
	switch end.Ending {
	case sandbox.Returned:
		return end.Value == 1, nil
	case sandbox.WallLimit, sandbox.HostFailure:
		return false, &Failure{end.Message}
	case sandbox.Cancelled:
		return false, context.Cause(ctx)
	default: // the text's own doing: it does not compile within the limits
		return false, nil
	}
}
