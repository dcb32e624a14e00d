package run

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/rlvr-harness/harness/core/filelock"
)

// ErrLocked says that another process writes the run.
var ErrLocked = errors.New("another process writes this run")

// lock keeps a second process out of a folder. The kernel gives it up when the process ends, however it ends.
type lock struct{ file *os.File }

func acquire(dir string) (*lock, error) {
	path := filepath.Join(dir, lockName)
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		locked, err := filelock.Try(f)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		if !locked {
			holder, _ := io.ReadAll(io.LimitReader(f, 64)) // for the message only
			_ = f.Close()                                  // nothing was written
			return nil, fmt.Errorf("%s: %w (process %s); wait for it or stop it", dir, ErrLocked, orUnknown(strings.TrimSpace(string(holder))))
		}
		// The holder before may have removed the file between the opening and the locking.
		mine, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if named, err := os.Stat(path); err != nil || !os.SameFile(mine, named) {
			if err := f.Close(); err != nil {
				return nil, err
			}
			continue
		}
		if err := f.Truncate(0); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return &lock{f}, nil
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
