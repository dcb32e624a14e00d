//go:build linux && (amd64 || arm64)

package confine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The test binary is also the process that is confined: its second argument names what it then tries.
const confined = "confined-process"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == confined {
		os.Exit(beConfined(os.Args[2]))
	}
	os.Exit(m.Run())
}

var (
	path   = []byte("/etc/passwd\x00")
	parent = uintptr(os.Getppid())
)

func pointer(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }

// attempts are what escaped code would do next. Each makes its system call without a wrapper and returns what the kernel said.
var attempts = map[string]func() unix.Errno{
	"open a file": func() unix.Errno {
		dir := unix.AT_FDCWD
		return call(unix.SYS_OPENAT, uintptr(dir), pointer(path), 0, 0)
	},
	"read a link":             func() unix.Errno { return call(unix.SYS_READLINKAT, 0, pointer(path), 0, 0) },
	"make a socket":           func() unix.Errno { return call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0, 0) },
	"connect":                 func() unix.Errno { return call(unix.SYS_CONNECT, 0, pointer(path), 16, 0) },
	"run a program":           func() unix.Errno { return call(unix.SYS_EXECVE, pointer(path), 0, 0, 0) },
	"run a program by file":   func() unix.Errno { return call(unix.SYS_EXECVEAT, 0, pointer(path), 0, 0) },
	"make a process":          func() unix.Errno { return call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0) },
	"trace its parent":        func() unix.Errno { return call(unix.SYS_PTRACE, unix.PTRACE_ATTACH, parent, 0, 0) },
	"kill its parent":         func() unix.Errno { return call(unix.SYS_KILL, parent, 9, 0, 0) },
	"read a process's memory": func() unix.Errno { return call(unix.SYS_PROCESS_VM_READV, parent, 0, 0, 0) },
	"make memory executable": func() unix.Errno {
		return call(unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
	},
	"become another user":   func() unix.Errno { return call(unix.SYS_SETUID, 0, 0, 0, 0) },
	"leave its namespace":   func() unix.Errno { return call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0, 0, 0) },
	"mount":                 func() unix.Errno { return call(unix.SYS_MOUNT, 0, pointer(path), 0, 0) },
	"load a program (bpf)":  func() unix.Errno { return call(unix.SYS_BPF, 0, 0, 0, 0) },
	"submit to a ring":      func() unix.Errno { return call(unix.SYS_IO_URING_SETUP, 1, 0, 0, 0) },
	"raise its limits":      func() unix.Errno { return call(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, 0, 0) },
	"make a file in memory": func() unix.Errno { return call(unix.SYS_MEMFD_CREATE, pointer(path), 0, 0, 0) },
	"duplicate a file":      func() unix.Errno { return call(unix.SYS_DUP, 0, 0, 0, 0) },
	"undo the filter (tsync)": func() unix.Errno {
		return call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, 0, 0)
	},
	"from another thread": func() unix.Errno {
		e := make(chan unix.Errno)
		go func() {
			runtime.LockOSThread()
			e <- call(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0, 0)
		}()
		return <-e
	},
}

func call(number, a, b, c, d uintptr) unix.Errno {
	_, _, e := unix.RawSyscall6(number, a, b, c, d, 0, 0)
	return e
}

// beConfined confines this process and then does what is named.
func beConfined(what string) int {
	older := make(chan func()) // a thread that is there before the filter
	go func() {
		runtime.LockOSThread()
		for f := range older {
			f()
		}
	}()
	older <- func() {}
	if err := CloseInherited(); err != nil {
		fmt.Println(err)
		return 3
	}
	if err := Enter(Limits{MemoryBytes: 512 << 20}); err != nil {
		fmt.Println(err)
		return 3
	}
	fmt.Println("confined")
	switch what {
	case "live":
		live()
	case "crash":
		var p *int
		debug.SetPanicOnFault(false)
		fmt.Println(*p) //nolint:govet // the crash is wanted
	case "take memory":
		var keep [][]byte
		for range 64 {
			b := make([]byte, 64<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			keep = append(keep, b)
		}
		fmt.Println("survived with", len(keep))
	case "an older thread":
		tried := make(chan unix.Errno)
		older <- func() { tried <- attempts["make a socket"]() }
		fmt.Println("survived:", <-tried)
	default:
		fmt.Println("survived:", attempts[what]())
	}
	fmt.Println("done")
	return 0
}

// live does what Go programs do: threads, timers, signals of the runtime to itself, garbage, recovered faults.
func live() {
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			runtime.LockOSThread()
			var garbage [][]byte
			for range 200 {
				garbage = append(garbage, make([]byte, 64<<10))
			}
			time.Sleep(5 * time.Millisecond)
			runtime.KeepAlive(garbage)
		})
	}
	spin := time.Now()
	for range runtime.NumCPU() + 1 { // long enough to be preempted by signals
		wg.Go(func() {
			for time.Since(spin) < 100*time.Millisecond {
			}
		})
	}
	wg.Wait()
	runtime.GC()
	debug.FreeOSMemory()
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		var p *int
		*p = 1 //nolint:govet // the fault is wanted
	}()
	time.Sleep(1200 * time.Millisecond) // the runtime looks at its processors every second
}

// start runs the test binary confined, with a file that it inherits, and returns what it printed.
func start(t *testing.T, what string) (string, error) {
	t.Helper()
	secret, err := os.Create(filepath.Join(t.TempDir(), "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	cmd := exec.Command(os.Args[0], confined, what)
	cmd.ExtraFiles = []*os.File{secret}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

func available(t *testing.T) {
	t.Helper()
	if err := Available(); err != nil {
		t.Skip(err)
	}
}

// TestWallStands confines a process and lets it try to get out: the kernel kills it at the first system call.
func TestWallStands(t *testing.T) {
	available(t)
	names := []string{"an older thread"}
	for name := range attempts {
		names = append(names, name)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := start(t, name)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGSYS {
				t.Errorf("ended with %v, want SIGSYS\n%s", err, out)
			}
			if out != "confined\n" {
				t.Errorf("printed %q", out)
			}
		})
	}
}

func TestConfinedProcessLives(t *testing.T) {
	available(t)
	out, err := start(t, "live")
	if err != nil || !strings.HasSuffix(out, "done\n") || !strings.Contains(out, "recovered: runtime error") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestConfinedProcessReports lets a confined process die of itself: what the runtime prints still comes out.
func TestConfinedProcessReports(t *testing.T) {
	available(t)
	for what, want := range map[string]string{"crash": "nil pointer dereference", "take memory": "out of memory"} {
		out, err := start(t, what)
		if err == nil || !strings.Contains(out, want) || strings.Contains(out, "done") {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
}

func TestEnterLeavesNothingOpen(t *testing.T) {
	secret, err := os.Create(filepath.Join(t.TempDir(), "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	inherited, err := unix.Dup(int(secret.Fd())) // without close-on-exec, as if it came from outside
	if err != nil {
		t.Fatal(err)
	}
	if err := CloseInherited(); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(inherited), unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
		t.Errorf("the inherited file is still open: %v", err)
	}
	if _, err := secret.Stat(); err != nil {
		t.Errorf("a file of the process's own was closed: %v", err)
	}
}
