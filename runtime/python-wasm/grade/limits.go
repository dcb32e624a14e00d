package grade

import (
	"time"

	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// Limits bound one verdict.
type Limits struct {
	Fuel Fuel
	// Wall is a safety net for the program and again for each test; when it fires there is no verdict but a *Failure.
	Wall time.Duration
	// Sleep is how long the program may sleep, on its virtual clock.
	Sleep time.Duration
	// Output is the number of bytes that the program may print.
	Output int64
	// MemoryBytes is the linear memory that the program may use, interpreter and buffers included; 0 is all that a box has.
	MemoryBytes int64
	// SourceBytes is the longest program that is run; 0 is as long as fits.
	SourceBytes int
}

// Fuel bounds the work of one verdict.
type Fuel struct {
	// Program is for the program itself, its imports and the task's set-up.
	Program int64
	// Test is for what one test has the program do; Tests, where it is not nil, has a number for each.
	Test  int64
	Tests []int64
	// Total is for all of it, what has to be run again included; the grader's interpreter has as much for all comparisons.
	Total int64
}

// OfTest is the limit of test i.
func (f *Fuel) OfTest(i int) int64 {
	if i < len(f.Tests) {
		return f.Tests[i]
	}
	return f.Test
}

// call are the limits of one call that may use fuel.
func (l *Limits) call(fuel int64) sandbox.Limits {
	return sandbox.Limits{Fuel: fuel, Wall: l.Wall, Sleep: l.Sleep, Output: l.Output}
}

// Use is where the fuel of a verdict went.
type Use struct {
	Program int64
	Tests   []int64
}

// maxEnds is how many tests may end an interpreter (by running out of fuel, a crash, leaving it) before those that follow are not
// run any more. Each end costs up to a test's fuel and a new interpreter.
const maxEnds = 3
