package assets

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rlvr-harness/harness/core/filelock"
)

// lock is held by one process at a time. The kernel releases it when the last process that has the file open ends. But for
// Windows, tools started under it inherit the file, so that a compiler which outlives a killed harness keeps others out of
// the folder it still writes to.
type lock struct{ file *os.File }

// lockPoll is how often a waiting process tries again: the kernel's wait cannot be cancelled by a context.
const lockPoll = 100 * time.Millisecond

// acquire waits for the lock at path. waiting is called once with the process id that holds it ("" if unknown).
func acquire(ctx context.Context, path string, waiting func(pid string)) (*lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the lock: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	for told := false; ; told = true {
		locked, err := filelock.Try(f)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if locked {
			break
		}
		if !told {
			pid, _ := io.ReadAll(io.LimitReader(io.NewSectionReader(f, 0, 32), 32))
			waiting(strings.TrimSpace(string(pid)))
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(lockPoll):
		}
	}
	// The process id is for people who wonder who holds it; nothing depends on it.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(fmt.Sprintln(os.Getpid())), 0)
	}
	return &lock{f}, nil
}

func (l *lock) release() { l.file.Close() }
