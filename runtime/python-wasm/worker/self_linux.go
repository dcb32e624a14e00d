package worker

import (
	"time"

	"golang.org/x/sys/unix"
)

const rootFolder = "/"

// self is this program, even where its file was replaced since it started.
func self() (string, error) { return "/proc/self/exe", nil }

// liveCPU asks the clock that counts the processor time of process pid.
func liveCPU(pid int) time.Duration {
	const schedClock = 2 // CPUCLOCK_SCHED of the kernel's posix-timers.h: user and system, in nanoseconds
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
