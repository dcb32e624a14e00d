package run

import "os"

// release gives the lock up. An open file cannot be removed here; one that stays, since another process has opened it, does no harm.
func (l *lock) release() error {
	err := l.file.Close()
	_ = os.Remove(l.file.Name())
	return err
}
