//go:build unix

package assets

import (
	"os"
	"os/exec"
	"syscall"
)

// bindGroup gives the tool a process group of its own, which ends with it, and lets the group keep the lock.
func bindGroup(cmd *exec.Cmd, l *lock) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if l != nil {
		cmd.ExtraFiles = []*os.File{l.file}
	}
}
