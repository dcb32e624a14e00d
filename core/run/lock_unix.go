//go:build unix

package run

import (
	"errors"
	"os"
)

// release gives the lock up. The file goes first, while nobody else can hold it.
func (l *lock) release() error {
	return errors.Join(os.Remove(l.file.Name()), l.file.Close())
}
