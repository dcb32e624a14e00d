package assets

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// watchEvery is how often the size of a download is looked up while a client fetches it.
const watchEvery = 250 * time.Millisecond

// watch reports the size of the largest file below dir until stop is called: how far a client is that has no progress
// of its own to read.
func watch(dir string, report func(int64)) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				report(largest(dir))
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

func largest(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // files come and go while the client works
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			n = max(n, info.Size())
		}
		return nil
	})
	return n
}

// takeOnly moves the one file in dir that matches pattern to path.
func takeOnly(dir, pattern, path string) error {
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("the client left %d files that match %s where one was expected", len(found), pattern)
	}
	return os.Rename(found[0], path)
}
