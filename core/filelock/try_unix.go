//go:build unix

package filelock

import (
	"errors"
	"os"
	"syscall"
)

// Try locks the file, or says that another process, or another opening of the file, holds it. It never waits. The lock ends when f and
// what inherited it is closed.
func Try(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	return err == nil, err
}
