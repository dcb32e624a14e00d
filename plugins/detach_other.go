//go:build !unix

package plugins

import "os/exec"

// detach does nothing: process groups are a thing of Unix.
func detach(*exec.Cmd) (undo func()) { return func() {} }

// follow does nothing either.
func follow(*exec.Cmd) {}
