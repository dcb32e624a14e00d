package ruffwasm

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// Round is one pass over the programs of a comparison: CPU time of all of them together.
type Round struct {
	// Ours is the CPU time of this process, with all its goroutines and its garbage collection.
	Ours time.Duration
	// Native is the CPU time of the processes that were started, without what starting them cost this one.
	Native time.Duration
}

// Compare lints the programs with l and with n, in turns, and measures both. Findings that differ are an error: times of
// different work cannot be compared. Programs that l finds unavailable are refused for the same reason.
func Compare(ctx context.Context, l *Linter, n *Native, programs []string, rounds int) ([]Round, error) {
	out := make([]Round, rounds)
	for r := range out {
		for i, p := range programs {
			before, err := cpuTime()
			if err != nil {
				return nil, err
			}
			ours, err := l.Diagnostics(ctx, p)
			if err != nil {
				return nil, fmt.Errorf("compare program %d: %w", i, err)
			}
			after, err := cpuTime()
			if err != nil {
				return nil, err
			}
			theirs, cpu, err := n.Diagnostics(ctx, p)
			if err != nil {
				return nil, fmt.Errorf("compare program %d: %w", i, err)
			}
			if !slices.Equal(ours, theirs) {
				return nil, fmt.Errorf("ruffwasm: compare program %d: %d findings in process, %d in the executable's, or others",
					i, len(ours), len(theirs))
			}
			out[r].Ours += after - before
			out[r].Native += cpu
		}
	}
	return out, nil
}

// cpuTime is the CPU time that this process has used.
func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("ruffwasm: read the CPU time of this process: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
