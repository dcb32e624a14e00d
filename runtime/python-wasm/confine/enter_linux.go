//go:build linux && (amd64 || arm64)

package confine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Available returns nil where Enter can work: the kernel has filters that kill a process, and nothing forbids to ask for them.
func Available() error {
	if raceDetector {
		return fmt.Errorf("%w: this program is built with -race, whose detector needs more than the filter lets through", ErrUnavailable)
	}
	action := uint32(unix.SECCOMP_RET_KILL_PROCESS)
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	if e != 0 {
		return fmt.Errorf("%w: seccomp: %w; it needs Linux 4.14 with CONFIG_SECCOMP_FILTER and a container that allows the system call seccomp", ErrUnavailable, e)
	}
	return nil
}

// CloseInherited closes the files that the process got from whoever started it, beside standard input, output and error. Those are
// the ones without the close-on-exec flag: Go opens every file with it.
func CloseInherited() error {
	const folder = "/proc/self/fd"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("confine: list open files: %w", err)
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(filepath.Base(e.Name()))
		if err != nil || fd <= 2 {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil { // the folder's own, closed by now
			continue
		}
		if flags&unix.FD_CLOEXEC == 0 {
			if err := unix.Close(fd); err != nil {
				return fmt.Errorf("confine: close inherited file %d: %w", fd, err)
			}
		}
	}
	return nil
}

// Enter confines every thread of the process, for good. An error means that the process is not confined, or only in part.
func Enter(l Limits) error {
	if err := Available(); err != nil {
		return err
	}
	time.Sleep(time.Millisecond) // the runtime opens what it waits with at the first timer
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	os.Clearenv()
	limits := []struct {
		resource int
		name     string
		most     uint64
	}{
		{unix.RLIMIT_CORE, "size of core dumps", 0},
		{unix.RLIMIT_FSIZE, "size of files", 0},
		{unix.RLIMIT_NOFILE, "open files", 0}, // those that are open stay so
		{unix.RLIMIT_MEMLOCK, "locked memory", 0},
		{unix.RLIMIT_MSGQUEUE, "message queues", 0},
	}
	for _, x := range limits {
		if err := unix.Setrlimit(x.resource, &unix.Rlimit{Cur: x.most, Max: x.most}); err != nil {
			return fmt.Errorf("confine: limit the %s: %w", x.name, err)
		}
	}
	if l.MemoryBytes > 0 {
		n := uint64(l.MemoryBytes)
		if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("confine: limit the memory: %w", err)
		}
	}
	list, err := program(rules(os.Getpid()))
	if err != nil {
		return err
	}
	return install(list)
}

// install sets the filter on every thread: the one that asks must have given up new privileges, and the kernel makes the others equal
// to it.
func install(list []bpf.Instruction) error {
	raw, err := bpf.Assemble(list)
	if err != nil {
		return fmt.Errorf("confine: assemble the filter: %w", err)
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	if len(filter) > unix.BPF_MAXINSNS {
		return errors.New("confine: the filter is too long")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confine: give up new privileges: %w", err)
	}
	p := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	thread, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&p)))
	switch {
	case e != 0:
		return fmt.Errorf("confine: install the filter: %w", e)
	case thread != 0:
		return fmt.Errorf("confine: install the filter: thread %d could not be confined", thread)
	}
	return nil
}
