package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRemoveWhileWritten: the policy of a killed harness may write a moment longer into the folder that a resumed run removes.
func TestRemoveWhileWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "step-2"+temporary)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	begun, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i, until := 0, time.Now().Add(300*time.Millisecond); time.Now().Before(until); i++ {
			err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o644)
			if errors.Is(err, os.ErrNotExist) { // the folder is gone; a writer that makes it again is the worst one
				_ = os.MkdirAll(dir, 0o755)
			}
			if i == 100 {
				close(begun)
			}
		}
	}()
	<-begun
	for range 20 {
		if err := (disk{}).remove(dir); err != nil {
			t.Fatal(err)
		}
	}
	<-ended
	if err := (disk{}).remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}
