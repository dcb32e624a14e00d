//go:build unix

package plugintest

import "syscall"

// alive says whether there is a process pid.
func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
