//go:build !unix

package pythonwasm

import "time"

var started = time.Now()

// processCPU is wall-clock time: this machine has no cheap count of CPU time.
func processCPU() time.Duration { return time.Since(started) }
