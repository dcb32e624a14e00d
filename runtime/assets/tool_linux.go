package assets

import (
	"os/exec"
	"runtime"
	"syscall"
)

// bind has the tool die with this process, ends its children with it, and lets them keep the lock. What it returns must be
// called when the tool has ended.
func bind(cmd *exec.Cmd, l *lock) (undo func()) {
	bindGroup(cmd, l)
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	// Pdeathsig fires when the thread that started the child ends, so this goroutine keeps its thread.
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}
