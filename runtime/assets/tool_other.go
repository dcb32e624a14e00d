//go:build unix && !linux

package assets

import "os/exec"

// bind ends the tool's children with it and lets them keep the lock. Only Linux can have them die with this process.
func bind(cmd *exec.Cmd, l *lock) (undo func()) {
	bindGroup(cmd, l)
	return func() {}
}
