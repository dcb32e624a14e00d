//go:build !linux

package worker

import (
	"os"
	"time"
)

const rootFolder = ""

func self() (string, error) { return os.Executable() }

// liveCPU is not known here before a process has ended.
func liveCPU(int) time.Duration { return 0 }
