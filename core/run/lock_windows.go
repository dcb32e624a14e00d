package run

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks the file, or says that another process holds it. The byte that is locked lies beyond what is in the file: nobody
// could read one that is locked, and the file says who holds it.
func tryLock(f *os.File) (bool, error) {
	const beyond = 1 << 30
	at := windows.Overlapped{OffsetHigh: beyond}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}

// release gives the lock up. An open file cannot be removed here; one that stays, since another process has opened it, does no harm.
func (l *lock) release() error {
	err := l.file.Close()
	_ = os.Remove(l.file.Name())
	return err
}
