// Package confine lets a process give up, for good, what it will not need any more: after Enter the kernel answers only the system
// calls that a running Go program makes on files that are already open, and kills the process that tries another.
//
// It owns the filter of system calls and the resource limits. What the process must open before, and what it does afterwards, belongs
// to its caller; how long it may run and what it is told belongs to whoever started it.
//
// What is left to machine code that has escaped from its sandbox: to compute, to take memory up to a bound, to read and write the
// files that were open, and to start threads. It cannot open, create or name a file, make a socket, start a program or another
// process, trace or signal one, change its rights, or make memory executable.
package confine

import "errors"

// ErrUnavailable says that this machine has no filters of system calls that package confine knows.
var ErrUnavailable = errors.New("processes cannot be confined on this machine")

// Limits bound what a confined process may take.
type Limits struct {
	// MemoryBytes is the private memory that the process may have in all, that which it has included; 0 is no limit.
	MemoryBytes int64
}

// MemoryFor is a bound for a process with so many interpreters at work: several times what they need, since it is no limit of
// programs, which have their own, but of code that escaped.
func MemoryFor(workers int) int64 { return (2 + int64(workers)) << 30 }
