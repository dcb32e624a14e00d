//go:build !linux

package worker

import (
	"io"
	"os"
	"time"
)

const rootFolder = ""

func self() (string, error) { return os.Executable() }

// Input is the standard input of the process.
func Input() io.Reader { return os.Stdin }

// liveCPU is not known here before a process has ended.
func liveCPU(int) time.Duration { return 0 }
