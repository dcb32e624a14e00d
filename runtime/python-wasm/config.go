package pythonwasm

import (
	"cmp"
	"fmt"
	"runtime"
	"time"

	"github.com/rlvr-harness/harness/runtime/python-wasm/grade"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// Config says where the interpreter is and what a program may use. The zero value of a limit is its default.
type Config struct {
	// Image is the folder of the Python image, the asset "python-image". It has no default.
	Image string
	// Workers is how many programs run at once; 0 is the number of processors.
	Workers int
	// Fuel is the work that a program may do, and again each of its tests, and twice that all of them together, in function entries,
	// loop turns and 64-byte steps of bulk memory work of the interpreter. 0 is FuelMultiple times what the task's reference solution
	// takes for the same part, and at least FuelFloor; all together may take FuelMultiple times the reference's and twice the floor.
	Fuel int64
	// Wall is a safety net: an interpreter that is still running after it says nothing about its program, which is tried again. 0 is
	// DefaultWall.
	Wall time.Duration
	// Sleep is how long a program may sleep; nobody waits, since its clock is virtual. 0 is DefaultSleep.
	Sleep time.Duration
	// MemoryMiB is the linear memory that a program may use, interpreter and its data included (about 25 MiB); 0 is MaxMemoryMiB.
	MemoryMiB int
	// OutputBytes is how much a program may print; 0 is DefaultOutputBytes.
	OutputBytes int64
	// SourceBytes is the longest program that is run; 0 is DefaultSourceBytes.
	SourceBytes int
	// Portable does without memory files and page maps, as machines other than Linux do: the same verdicts, more slowly.
	Portable bool
	// Isolate runs everything in another process of this program, which gives up all that verdicts do not need before it sees the first
	// one: code that escapes from its interpreter meets the kernel's wall. It needs Linux, and a main that calls ServeWorker; the
	// verdicts are the same.
	Isolate bool
}

// Defaults and bounds of Config.
const (
	// FuelFloor is about half a second of this interpreter's work, an eighth of a second of a native one's.
	FuelFloor = 300_000_000
	// FuelMultiple is how much slower than the reference solution a program may be.
	FuelMultiple = 4
	// FuelWithoutReference is the limit of a program and all its tests together, half of it that of each part, where a task has no
	// reference solution that passes.
	FuelWithoutReference = 2_000_000_000
	// fuelOfReferences bounds each part of a run of the reference solutions themselves, of which some take seconds: it is about three
	// minutes of work.
	fuelOfReferences = 100_000_000_000
	wallOfReferences = 10 * time.Minute

	DefaultWall        = 2 * time.Minute
	DefaultSleep       = 10 * time.Second
	DefaultOutputBytes = 1 << 20
	DefaultSourceBytes = 1 << 20
	MaxMemoryMiB       = 128
	// MinMemoryMiB is what the interpreter needs before a program has anything.
	MinMemoryMiB = 40
)

func (c Config) resolve() (Config, error) {
	switch {
	case c.Image == "":
		return c, fmt.Errorf("open python: Config.Image is empty; it is the folder of the asset python-image")
	case c.Workers < 0 || c.Fuel < 0 || c.Wall < 0 || c.Sleep < 0 || c.OutputBytes < 0 || c.SourceBytes < 0:
		return c, fmt.Errorf("open python: a limit is below zero: %+v", c)
	case c.MemoryMiB != 0 && (c.MemoryMiB < MinMemoryMiB || c.MemoryMiB > MaxMemoryMiB):
		return c, fmt.Errorf("open python: memory of %d MiB; between %d and %d are possible", c.MemoryMiB, MinMemoryMiB, MaxMemoryMiB)
	}
	c.Workers = cmp.Or(c.Workers, runtime.NumCPU())
	c.Wall, c.Sleep = cmp.Or(c.Wall, DefaultWall), cmp.Or(c.Sleep, DefaultSleep)
	c.MemoryMiB = cmp.Or(c.MemoryMiB, MaxMemoryMiB)
	c.OutputBytes, c.SourceBytes = cmp.Or(c.OutputBytes, DefaultOutputBytes), cmp.Or(c.SourceBytes, DefaultSourceBytes)
	return c, nil
}

// limits are those of a verdict with the given fuel.
func (c Config) limits(fuel grade.Fuel) grade.Limits {
	l := grade.Limits{Fuel: fuel, Wall: c.Wall, Sleep: c.Sleep, Output: c.OutputBytes, SourceBytes: c.SourceBytes}
	if c.MemoryMiB < MaxMemoryMiB {
		l.MemoryBytes = int64(c.MemoryMiB)<<20 + sandbox.Reserved
	}
	return l
}
