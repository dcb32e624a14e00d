//go:build linux && (amd64 || arm64)

package confine

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const testPID = 4321

// decide runs the filter on a system call.
func decide(t *testing.T, vm *bpf.VM, arch uint32, number uintptr, arguments ...uint64) uint32 {
	t.Helper()
	var data [64]byte
	// The kernel loads words in the processor's order and the virtual machine big-endian: each word is written so that it is
	// read as it was meant.
	binary.BigEndian.PutUint32(data[offsetNumber:], uint32(number))
	binary.BigEndian.PutUint32(data[offsetProcessor:], arch)
	for i, a := range arguments {
		binary.BigEndian.PutUint32(data[offsetArguments+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[offsetArguments+8*i+4:], uint32(a>>32))
	}
	v, err := vm.Run(data[:])
	if err != nil {
		t.Fatal(err)
	}
	return uint32(v)
}

func newFilter(t *testing.T) *bpf.VM {
	t.Helper()
	list, err := program(rules(testPID))
	if err != nil {
		t.Fatal(err)
	}
	vm, err := bpf.NewVM(list)
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

func TestFilter(t *testing.T) {
	const kill, allow = unix.SECCOMP_RET_KILL_PROCESS, unix.SECCOMP_RET_ALLOW
	const rw, rx = unix.PROT_READ | unix.PROT_WRITE, unix.PROT_READ | unix.PROT_EXEC
	const goThread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD
	for _, tt := range []struct {
		name      string
		number    uintptr
		arguments []uint64
		want      uint32
	}{
		{"read", unix.SYS_READ, nil, allow},
		{"map memory", unix.SYS_MMAP, []uint64{0, 4096, rw}, allow},
		{"map code", unix.SYS_MMAP, []uint64{0, 4096, rx}, kill},
		{"map code, bits above", unix.SYS_MMAP, []uint64{0, 4096, rx | 1<<40}, kill},
		{"make memory code", unix.SYS_MPROTECT, []uint64{1 << 20, 4096, rx}, kill},
		{"make memory read-only", unix.SYS_MPROTECT, []uint64{1 << 20, 4096, unix.PROT_READ}, allow},
		{"make memory code by key", unix.SYS_PKEY_MPROTECT, []uint64{1 << 20, 4096, rx}, kill},
		{"move memory", unix.SYS_MREMAP, nil, kill},
		{"thread of Go", unix.SYS_CLONE, []uint64{goThread}, allow},
		{"thread of glibc", unix.SYS_CLONE, []uint64{0x3d0f00}, allow},
		{"process", unix.SYS_CLONE, []uint64{uint64(unix.SIGCHLD)}, kill},
		{"process with shared memory", unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_VFORK | uint64(unix.SIGCHLD)}, kill},
		{"thread in a new user namespace", unix.SYS_CLONE, []uint64{goThread | unix.CLONE_NEWUSER}, kill},
		{"thread that is traced", unix.SYS_CLONE, []uint64{goThread | unix.CLONE_PTRACE}, kill},
		{"clone3", unix.SYS_CLONE3, nil, unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{"signal to itself", unix.SYS_TGKILL, []uint64{testPID, 7, 23}, allow},
		{"signal to its parent", unix.SYS_TGKILL, []uint64{1, 1, 9}, kill},
		{"name memory", unix.SYS_PRCTL, []uint64{setVMA}, allow},
		{"another prctl", unix.SYS_PRCTL, []uint64{unix.PR_SET_DUMPABLE, 1}, unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)},
		{"page map", unix.SYS_IOCTL, []uint64{5, pagemapScan}, allow},
		{"type into the terminal", unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, kill},
	} {
		if got := decide(t, newFilter(t), processor, tt.number, tt.arguments...); got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.name, got, tt.want)
		}
	}
}

// TestFilterRefusesTheRest tries every number that there is, and those of other processors' tables.
func TestFilterRefusesTheRest(t *testing.T) {
	vm := newFilter(t)
	known := map[uintptr]bool{}
	for _, r := range rules(testPID) {
		if known[r.number] {
			t.Errorf("system call %d has two rules; the second never counts", r.number)
		}
		known[r.number] = true
	}
	for n := range uintptr(1024) {
		got := decide(t, vm, processor, n)
		if !known[n] && got != unix.SECCOMP_RET_KILL_PROCESS {
			t.Errorf("system call %d: %#x", n, got)
		}
		if got := decide(t, vm, processor, n|0x40000000); got != unix.SECCOMP_RET_KILL_PROCESS { // x32's
			t.Errorf("system call %d of x32: %#x", n, got)
		}
		for _, arch := range []uint32{0, unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_ARM, processor ^ 1} {
			if got := decide(t, vm, arch, n); got != unix.SECCOMP_RET_KILL_PROCESS {
				t.Errorf("system call %d of processor %#x: %#x", n, arch, got)
			}
		}
	}
}
