//go:build !linux

package main

import "runtime"

// checkKernel says what is lost without Linux.
func checkKernel() []finding {
	return []finding{{"kernel", "note", runtime.GOOS + " has no sealed memory files and page maps: sandboxes are copied, which is slower and gives the same verdicts", ""}}
}
