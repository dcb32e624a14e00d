package grade

import (
	"fmt"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// outcome is the meaning of a record of the program's interpreter.
func (r record) outcome() core.TestResult {
	switch r.status {
	case statusValue, statusRemote:
		return core.TestResult{Class: core.Passed}
	case statusForeign:
		return core.TestResult{Class: core.Failed, Message: "a value of type " + clean(r.data) + " cannot be compared"}
	case statusLarge:
		return core.TestResult{Class: core.Memory, Message: "the value is too large"}
	case statusDeep:
		return core.TestResult{Class: core.Memory, Message: "the value is nested too deeply"}
	case statusFalse:
		return core.TestResult{Class: core.Failed, Exception: assertionError, Message: clean(r.data)}
	case statusUndecodable:
		return core.TestResult{Class: core.Failed, Message: "a value that cannot be compared"}
	default: // the others carry an exception
	}
	name, message := r.exception()
	t := core.TestResult{Class: core.Error, Exception: name, Message: message}
	switch {
	case r.status == statusSyntax:
		t.Class = core.Syntax
	case r.status == statusExit:
		t.Class = core.Exit
	case r.status == statusMemory:
		t.Class = core.Memory
	case name == assertionError:
		t.Class = core.Failed
	}
	return t
}

// assertionError is Python's name for a failed assertion.
const assertionError = "AssertionError"

// judged is the meaning of a record of the grader's interpreter, where no program can leave or be compiled.
func (r record) judged() core.TestResult {
	t := r.outcome()
	if t.Class == core.Exit || t.Class == core.Syntax {
		t.Class = core.Error
	}
	return t
}

// outcomeOf is what a call's end means for the operations that have no record.
func outcomeOf(end sandbox.End, stderr []byte) (core.TestResult, error) {
	t := core.TestResult{Message: end.Message}
	switch end.Ending {
	case sandbox.Returned:
		t.Class, t.Message = core.Memory, "the results are too large"
	case sandbox.OutOfFuel, sandbox.Blocked:
		t.Class = core.Timeout
	case sandbox.OutputLimit:
		t.Class = core.Output
	case sandbox.Exited, sandbox.Aborted, sandbox.Crashed:
		t.Class = core.Exit
		if len(stderr) > 0 {
			t.Message = clean(fmt.Appendf(nil, "%s: %s", end.Message, firstLine(stderr)))
		}
	case sandbox.StackLimit:
		t.Class = core.Memory
	default:
		return t, &Failure{end.Message}
	}
	return t, nil
}

func firstLine(b []byte) []byte {
	for i, c := range b {
		if c == '\n' {
			return b[:i]
		}
	}
	return b
}
