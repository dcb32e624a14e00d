package assets

import "os/exec"

// bind does nothing here: a cancelled tool is killed without its children, and the lock ends with this process.
func bind(*exec.Cmd, *lock) (undo func()) { return func() {} }
