//go:build unix

package pythonwasm

import (
	"time"

	"golang.org/x/sys/unix"
)

// processCPU is the CPU time of this process, user and system, without its children's.
func processCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
