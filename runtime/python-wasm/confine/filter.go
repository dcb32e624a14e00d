//go:build linux && (amd64 || arm64)

package confine

import (
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// test is a condition on one argument of a system call, of which the low 32 bits count: every argument tested here is that wide, or
// has no meaning in the bits above.
type test struct {
	argument int
	// The argument passes if it has no bits outside of allowed, all of required, and, where equals is not nil, is one of them.
	allowed, required uint32
	equals            []uint32
}

// rule lets a system call through.
type rule struct {
	number uintptr
	// test is a condition, nil for none.
	test *test
	// refuse answers with this error where the call is not let through; 0 kills the process.
	refuse unix.Errno
}

// notExecutable is every bit of mmap's and mprotect's protection but PROT_EXEC.
const notExecutable = ^uint32(unix.PROT_EXEC)

// A thread is made with these; without CLONE_THREAD it would be a process. Those that may be there are glibc's.
const (
	threadMust = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	threadMay  = threadMust | unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID
)

const (
	// pagemapScan is PAGEMAP_SCAN of linux/fs.h: which of its own pages a process has written to.
	pagemapScan = 0xc0606610
	// setVMA is PR_SET_VMA: the Go runtime names its memory.
	setVMA = 0x53564d41
)

// rules lists all that a confined process may ask of the kernel. pid is the process's own number.
func rules(pid int) []rule {
	return []rule{
		// Files that are open.
		{number: unix.SYS_READ},
		{number: unix.SYS_WRITE},
		{number: unix.SYS_PREAD64},
		{number: unix.SYS_CLOSE},
		{number: unix.SYS_IOCTL, test: &test{argument: 1, equals: []uint32{pagemapScan}}},
		// Memory, never executable: all code is compiled before.
		{number: unix.SYS_MMAP, test: &test{argument: 2, allowed: notExecutable}},
		{number: unix.SYS_MPROTECT, test: &test{argument: 2, allowed: notExecutable}},
		{number: unix.SYS_MUNMAP},
		{number: unix.SYS_MADVISE},
		{number: unix.SYS_BRK},
		// Threads and their waiting.
		{number: unix.SYS_FUTEX},
		{number: unix.SYS_CLONE, test: &test{argument: 0, allowed: threadMay, required: threadMust}},
		{number: unix.SYS_CLONE3, refuse: unix.ENOSYS}, // its flags are out of a filter's sight; glibc then uses clone
		{number: unix.SYS_SET_ROBUST_LIST},
		{number: unix.SYS_RSEQ},
		{number: unix.SYS_SCHED_YIELD},
		{number: unix.SYS_SCHED_GETAFFINITY},
		{number: unix.SYS_NANOSLEEP},
		{number: unix.SYS_CLOCK_NANOSLEEP},
		{number: unix.SYS_EPOLL_PWAIT},
		{number: unix.SYS_EPOLL_CTL},
		{number: unix.SYS_EXIT},
		{number: unix.SYS_EXIT_GROUP},
		// Signals, of the process to itself.
		{number: unix.SYS_TGKILL, test: &test{argument: 0, equals: []uint32{uint32(pid)}}},
		{number: unix.SYS_RT_SIGACTION},
		{number: unix.SYS_RT_SIGPROCMASK},
		{number: unix.SYS_RT_SIGRETURN},
		{number: unix.SYS_SIGALTSTACK},
		{number: unix.SYS_RESTART_SYSCALL},
		// What the kernel knows of the process.
		{number: unix.SYS_GETPID},
		{number: unix.SYS_GETTID},
		{number: unix.SYS_GETRUSAGE},
		{number: unix.SYS_CLOCK_GETTIME},
		{number: unix.SYS_GETTIMEOFDAY},
		{number: unix.SYS_GETRANDOM},
		{number: unix.SYS_PRCTL, test: &test{argument: 0, equals: []uint32{setVMA}}, refuse: unix.EINVAL},
	}
}

// Offsets in struct seccomp_data of linux/seccomp.h; both processors are little-endian.
const (
	offsetNumber    = 0
	offsetProcessor = 4
	offsetArguments = 16
)

// program compiles rules into a filter. A call that no rule names kills the process; so do those of another processor's table, as of
// 32-bit programs.
func program(list []rule) ([]bpf.Instruction, error) {
	kill := bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS}
	allow := bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	out := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetProcessor, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: processor, SkipTrue: 1},
		kill,
		bpf.LoadAbsolute{Off: offsetNumber, Size: 4},
	}
	for _, r := range list {
		refuse := bpf.Instruction(kill)
		if r.refuse != 0 {
			refuse = bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(r.refuse)}
		}
		var body []bpf.Instruction
		switch {
		case r.test != nil:
			body = r.test.program(allow, refuse)
		case r.refuse != 0:
			body = []bpf.Instruction{refuse}
		default:
			body = []bpf.Instruction{allow}
		}
		if len(body) > 255 {
			return nil, fmt.Errorf("confine: the rule for system call %d is too long for a jump", r.number)
		}
		out = append(out, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(r.number), SkipTrue: uint8(len(body))})
		out = append(out, body...)
	}
	return append(out, kill), nil
}

// program ends in allow or refuse.
func (t *test) program(allow, refuse bpf.Instruction) []bpf.Instruction {
	load := bpf.LoadAbsolute{Off: offsetArguments + 8*uint32(t.argument), Size: 4}
	if t.equals != nil {
		out := []bpf.Instruction{load}
		for _, v := range t.equals {
			out = append(out, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: v, SkipTrue: 1}, allow)
		}
		return append(out, refuse)
	}
	return []bpf.Instruction{
		load,
		bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: ^t.allowed, SkipTrue: 1},
		refuse,
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: t.required},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: t.required, SkipTrue: 1},
		refuse,
		allow,
	}
}
