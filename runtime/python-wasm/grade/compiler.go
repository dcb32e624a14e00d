// Package grade turns a task and a program into a verdict with two interpreters. The program runs in one, which never sees an
// expected value; the comparisons run in the other, which never sees the program. Both are boxes of package sandbox over the same
// snapshot.
//
// The package owns the split of tests (compiler.py), the operations that go to each interpreter, the records that come back, and
// what they mean as a core.Verdict. Pools, caches, retries and default limits belong to package pythonwasm.
package grade

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// Compiler is the Python source of the task compiler, which is part of the image.
//
//go:embed compiler.py
var Compiler string

// Exported functions of the reactor that the package calls.
const (
	compileFunction   = "harness_compile"
	candidateFunction = "harness_candidate"
	graderFunction    = "harness_grade"
	parseFunction     = "harness_parse"
)

// Limits of compiling a task: its author is trusted not to be hostile, but may err.
const (
	compileFuel = 4_000_000_000
	compileWall = 5 * time.Minute
)

// Test is one test of a compiled task.
type Test struct {
	// Weak says why the test is judged inside the program's interpreter; "" where it is not.
	Weak string
	// Broken says why the test is no Python; "" where it is.
	Broken string

	kinds    []byte   // of its operations in the program's interpreter
	calls    []byte   // those operations; their ids are their places in kinds
	lazy     bool     // a value that raised may never be asked for
	atOnce   bool     // it is judged before the program is asked anything else
	ahead    []byte   // operations of the grader's interpreter before the values: the test's own statements and expected values
	residual []byte   // operation of the grader's interpreter that judges the test, or nil
	remote   bool     // residual is the test as it stands, which calls the program from afar
	constant [][]byte // code objects whose values AddConstants adds to ahead
}

// Task is a task, compiled. It is read-only and may be shared.
type Task struct {
	Tests []Test

	before, after []byte // operations of the program's interpreter before the program, and between it and the first test
	judge         []byte // operations of the grader's interpreter before the first test
}

// TaskError says that a task itself is at fault: its imports, set-up or judge fail in a clean interpreter.
type TaskError struct {
	Exception, Message string
}

func (e *TaskError) Error() string { return e.Exception + ": " + e.Message }

type taskText struct {
	Imports []string       `json:"imports"`
	Setup   string         `json:"setup"`
	Judge   string         `json:"judge"`
	Tests   []string       `json:"tests"`
	Entry   string         `json:"entry"`
	Weak    map[int]string `json:"weak"`
	Late    []int          `json:"late"`
}

// Hints are what an earlier compilation of the task has taught.
type Hints struct {
	// Weak gives the tests that must be judged inside the program's interpreter, with the reason.
	Weak map[int]string
	// Late are the tests whose expected values are computed with each verdict.
	Late []int
}

type compiledTask struct {
	Imports       []byte         `json:"imports"`
	Setup         []byte         `json:"setup"`
	GraderImports []byte         `json:"grader_imports"`
	GraderSetup   []byte         `json:"grader_setup"`
	Judge         []byte         `json:"judge"`
	Tests         []compiledTest `json:"tests"`
}

type compiledTest struct {
	Ops      [][2]string `json:"ops"`
	Weak     string      `json:"weak"`
	Error    string      `json:"error"`
	Residual []byte      `json:"residual"`
	Before   []byte      `json:"before"`
	Lazy     bool        `json:"lazy"`
	AtOnce   bool        `json:"at_once"`
	Remote   []string    `json:"remote"` // null where the test is split
	Constant [][]byte    `json:"constants"`
}

// Compile compiles a task in box, which must be clean and is dirty afterwards. A *TaskError means that the task is at fault.
func Compile(ctx context.Context, box *sandbox.Box, t core.Task, h Hints) (*Task, error) {
	text := taskText{Imports: t.Imports, Setup: t.Setup, Judge: t.Judge, Tests: t.Tests, Entry: t.Entry, Weak: h.Weak, Late: h.Late}
	if text.Imports == nil {
		text.Imports = []string{}
	}
	if text.Weak == nil {
		text.Weak = map[int]string{}
	}
	if text.Late == nil {
		text.Late = []int{}
	}
	in, err := json.Marshal(text)
	if err != nil {
		return nil, fmt.Errorf("compile task: %w", err)
	}
	if len(in) >= sandbox.BufferSize {
		return nil, &TaskError{"MemoryError", fmt.Sprintf("the task's text has %d bytes; at most %d fit", len(in), sandbox.BufferSize-1)}
	}
	end, err := box.Call(ctx, compileFunction, in, sandbox.Limits{Fuel: compileFuel, Wall: compileWall, Sleep: time.Minute, Output: 1 << 20})
	if err != nil {
		return nil, fmt.Errorf("compile task: %w", err)
	}
	switch end.Ending {
	case sandbox.Returned:
	case sandbox.WallLimit, sandbox.HostFailure:
		return nil, &Failure{end.Message}
	case sandbox.Cancelled:
		return nil, context.Cause(ctx)
	default:
		return nil, &TaskError{"SystemExit", "its imports or set-up end the interpreter: " + end.Message}
	}
	var rs records
	rs.read(box.Output(), 1)
	r := rs.operations[0]
	switch {
	case !r.found:
		return nil, &Failure{"the task compiler left no record"}
	case r.status == statusLarge:
		return nil, &TaskError{"MemoryError", "the compiled task is too large"}
	case r.status != statusValue:
		exception, message := r.exception()
		return nil, &TaskError{exception, message}
	}
	var c compiledTask
	if err := json.Unmarshal(r.data, &c); err != nil {
		return nil, &Failure{"the task compiler's result: " + err.Error()}
	}
	return c.task()
}

// task lays out the operations.
func (c *compiledTask) task() (*Task, error) {
	t := &Task{Tests: make([]Test, len(c.Tests))}
	t.before = appendOperation(nil, opMust, idSetup, c.Imports)
	for _, code := range [][]byte{c.Imports, c.Setup} {
		t.after = appendOperation(t.after, opMust, idSetup, code)
	}
	for _, code := range [][]byte{c.GraderImports, c.GraderSetup, c.Judge} {
		t.judge = appendOperation(t.judge, opMust, idSetup, code)
	}
	for i := range c.Tests {
		ct, x := &c.Tests[i], &t.Tests[i]
		*x = Test{Weak: ct.Weak, Broken: ct.Error, lazy: ct.Lazy, atOnce: ct.AtOnce, constant: ct.Constant, remote: ct.Remote != nil}
		for k, o := range ct.Ops {
			code, err := decodeBase64(o[1])
			if err != nil || len(o[0]) != 1 || (o[0][0] != opEvaluate && o[0][0] != opPerform) {
				return nil, &Failure{fmt.Sprintf("the task compiler's result: operation %q", o[0])}
			}
			x.calls = appendOperation(x.calls, o[0][0], uint32(k), code)
			x.kinds = append(x.kinds, o[0][0])
		}
		x.ahead = appendOperation(nil, opPerform, uint32(i), ct.Before)
		if x.remote {
			x.residual = appendNames(appendOperation(nil, opRemote, uint32(i), ct.Residual), ct.Remote)
		} else {
			x.residual = appendOperation(nil, opJudge, uint32(i), ct.Residual)
		}
	}
	return t, nil
}

// Failure is a failure of the harness itself: the verdict it would have been is worth nothing.
type Failure struct{ Message string }

func (f *Failure) Error() string { return f.Message }
