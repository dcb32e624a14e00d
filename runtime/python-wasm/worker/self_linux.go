package worker

import (
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const rootFolder = "/"

// self is this program, even where its file was replaced since it started.
func self() (string, error) { return "/proc/self/exe", nil }

// Input is the standard input of the process, read through the runtime's poller: a thread that waits in read(2) instead costs a
// change of threads for every request, a third of a small verdict.
func Input() io.Reader {
	if err := unix.SetNonblock(int(os.Stdin.Fd()), true); err != nil {
		return os.Stdin
	}
	return os.NewFile(os.Stdin.Fd(), "standard input")
}

// liveCPU asks the clock that counts the processor time of process pid.
func liveCPU(pid int) time.Duration {
	const schedClock = 2 // CPUCLOCK_SCHED of the kernel's posix-timers.h: user and system, in nanoseconds
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
