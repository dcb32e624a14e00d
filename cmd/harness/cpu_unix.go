//go:build unix

package main

import (
	"fmt"
	"syscall"
	"time"
)

// cpuSeconds is the CPU time of this process and of its children that have ended, user and system.
func cpuSeconds() (float64, error) {
	sum := 0.0
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			return 0, fmt.Errorf("read the CPU time: %w", err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	}
	return sum, nil
}
