package filelock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// Try locks the file, or says that another process, or another opening of the file, holds it. It never waits. The lock ends when f is
// closed. The byte that is locked lies beyond what is in the file: nobody could read one that is locked, and a file may say who holds it.
func Try(f *os.File) (bool, error) {
	const beyond = 1 << 30
	at := windows.Overlapped{OffsetHigh: beyond}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}
