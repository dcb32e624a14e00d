//go:build unix

package plugins

import (
	"os/exec"
	"syscall"
)

// endGroup ends every process of a plugin's group; the plugin itself may be gone already.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil { // it was started
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
