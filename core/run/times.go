package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rlvr-harness/harness/core/jsonlines"
)

// Times is times.json: when the run was made. It takes no part in Equal.
type Times struct {
	Created time.Time `json:"created"`
	// Resumed has one entry for each time the run was opened again.
	Resumed []time.Time `json:"resumed,omitempty"`
	// Finished is nil while the run is not complete.
	Finished *time.Time `json:"finished,omitempty"`
}

// ReadTimes reads times.json.
func ReadTimes(dir string) (Times, error) {
	name := filepath.Join(dir, timesName)
	text, err := os.ReadFile(name)
	if err != nil {
		return Times{}, fmt.Errorf("read the run's times: %w", err)
	}
	return jsonlines.Decode[Times](text, name)
}

// stamp changes times.json.
func (f *Folder) stamp(change func(*Times)) error {
	t, err := ReadTimes(f.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	change(&t)
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	return f.disk.replace(filepath.Join(f.dir, timesName), append(text, '\n'))
}
