//go:build unix && !linux

package plugins

import (
	"os/exec"
	"syscall"
)

// detach puts a plugin into a process group of its own, so that Ctrl-C in a terminal reaches the harness alone: the harness
// finishes its step with the plugins alive, and then stops them. What it returns must be called when the plugin has ended or is
// to end at once: it ends what the plugin has started too.
func detach(cmd *exec.Cmd) (undo func()) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return func() { endGroup(cmd) }
}

// follow does nothing: a plugin's end is not seen here while what it has started holds the pipes of its output.
func follow(*exec.Cmd) {}
