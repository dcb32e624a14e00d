package grade

import (
	"context"
	"fmt"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// Grader gives verdicts, one at a time.
type Grader struct {
	candidate, judge *sandbox.Box
	run              run
}

// NewGrader makes a grader of two boxes, which must be clean.
func NewGrader(candidate, judge *sandbox.Box) *Grader {
	return &Grader{candidate: candidate, judge: judge}
}

// Box is the box in which programs run: clean between calls of the grader, for other work of its owner, who resets it.
func (g *Grader) Box() *sandbox.Box { return g.candidate }

// Foreign returns the tests of the last verdict that failed and may have failed because a value could not leave the program's
// interpreter or be built in the grader's. It is valid until the next verdict.
func (g *Grader) Foreign() []int { return g.run.foreign }

// Use says where the fuel of the last verdict went. It is valid until the next verdict.
func (g *Grader) Use() Use { return g.run.use }

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
	r := &g.run
	r.begin(ctx, g, t, program, l)
	if over := overSize(t, program, l); over != "" {
		return settle(r.verdict, core.TestResult{Class: core.Memory, Message: over}), nil
	}
	if err := r.all(); err != nil {
		return r.verdict, err
	}
	if err := r.resetProgram(); err != nil {
		return r.verdict, err
	}
	if err := r.resetJudge(); err != nil {
		return r.verdict, err
	}
	if r.whole.Class != "" {
		return settle(r.verdict, r.whole), nil
	}
	return first(r.verdict), nil
}

func overSize(t *Task, program []byte, l Limits) string {
	if l.SourceBytes > 0 && len(program) > l.SourceBytes {
		return fmt.Sprintf("the program has %d bytes; at most %d are run", len(program), l.SourceBytes)
	}
	if total := len(t.before) + len(program) + len(t.after) + recordHead; total >= sandbox.BufferSize {
		return fmt.Sprintf("the program and its set-up have %d bytes; at most %d are run", total, sandbox.BufferSize-1)
	}
	return ""
}

// settle gives every test the same outcome.
func settle(v core.Verdict, o core.TestResult) core.Verdict {
	for i := range v.Tests {
		setResult(&v.Tests[i], o)
	}
	v.Class, v.Exception, v.Message = o.Class, o.Exception, o.Message
	return v
}

// setResult gives a test its outcome; whether it is weak was known before.
func setResult(r *core.TestResult, o core.TestResult) {
	o.Weak = r.Weak
	*r = o
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

// Parses says whether source compiles as a program, within the limits of one. The box must be clean and is dirty afterwards.
func Parses(ctx context.Context, box *sandbox.Box, source []byte, l Limits) (bool, error) {
	if len(source) >= sandbox.BufferSize || (l.SourceBytes > 0 && len(source) > l.SourceBytes) {
		return false, nil
	}
	end, err := box.Call(ctx, parseFunction, source, l.call(l.Fuel.Program))
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
