package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rlvr-harness/harness/core/jsonlines"
)

// kept is the number of checkpoints that stay: the newest, and one in case that it cannot be read.
const kept = 2

// Checkpoint is where a run goes on from.
type Checkpoint struct {
	// Step is the last step that is part of it; 0 where training starts from the beginning.
	Step int
	// Dir is the folder with the files that Folder.Checkpoint's save wrote; "" where there is no checkpoint.
	Dir string
	// State is what Folder.Checkpoint was given; nil where there is no checkpoint.
	State json.RawMessage
	// Skipped says which newer checkpoints could not be used, and why.
	Skipped []string
}

// index is a checkpoint's list of what belongs to it.
type index struct {
	Step    int             `json:"step"`
	State   json.RawMessage `json:"state"`
	Files   []sealed        `json:"files"`
	Records []mark          `json:"records"`
}

// sealed is a file that must not have changed.
type sealed struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// stepDir names the folder of a step.
func stepDir(step int) string { return "step-" + strconv.Itoa(step) }

// stepsIn lists the numbers of the step folders in dir, smallest first.
func stepsIn(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var steps []int
	for _, e := range entries {
		if digits, ok := strings.CutPrefix(e.Name(), "step-"); ok && e.IsDir() {
			if n, err := strconv.Atoi(digits); err == nil && n >= 0 && stepDir(n) == e.Name() {
				steps = append(steps, n)
			}
		}
	}
	slices.Sort(steps)
	return steps, nil
}

// readIndex reads and checks a checkpoint's index and the sums of its files.
func readIndex(dir string, step int) (index, error) {
	name := filepath.Join(dir, indexName)
	text, err := os.ReadFile(name)
	if err != nil {
		return index{}, err
	}
	x, err := decodeIndex(text, name)
	if err != nil {
		return index{}, err
	}
	if x.Step != step {
		return index{}, fmt.Errorf("%s: field \"step\" is %d; the folder's name says %d", name, x.Step, step)
	}
	found, err := seal(dir)
	if err != nil {
		return index{}, err
	}
	for _, want := range x.Files {
		i := slices.IndexFunc(found, func(f sealed) bool { return f.Name == want.Name })
		switch {
		case i < 0:
			return index{}, fmt.Errorf("%s is missing", filepath.Join(dir, want.Name))
		case found[i].Bytes != want.Bytes:
			return index{}, fmt.Errorf("%s has %d bytes; %d were written", filepath.Join(dir, want.Name), found[i].Bytes, want.Bytes)
		case found[i].SHA256 != want.SHA256:
			return index{}, fmt.Errorf("%s has another sha256 than what was written", filepath.Join(dir, want.Name))
		}
	}
	return x, nil
}

// decodeIndex parses an index and checks what can be checked without the folder.
func decodeIndex(text []byte, name string) (index, error) {
	x, err := jsonlines.Decode[index](text, name)
	if err != nil {
		return index{}, err
	}
	if x.Step < 0 {
		return index{}, fmt.Errorf("%s: field \"step\" is %d; it must not be negative", name, x.Step)
	}
	for i, m := range x.Records {
		if !slices.ContainsFunc(forms(), func(f form) bool { return f.name == m.File }) {
			return index{}, fmt.Errorf("%s: field \"records[%d].file\" is %q, which is no file of records", name, i, m.File)
		}
		if m.Records < 0 {
			return index{}, fmt.Errorf("%s: field \"records[%d].records\" is %d; it must not be negative", name, i, m.Records)
		}
	}
	return x, nil
}

// seal lists the files beneath dir, but for the index, with their sums.
func seal(dir string) ([]sealed, error) {
	var files []sealed
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || name == indexName {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		sum := sha256.New()
		n, err := io.Copy(sum, f)
		if closing := f.Close(); err == nil {
			err = closing
		}
		files = append(files, sealed{filepath.ToSlash(name), n, hex.EncodeToString(sum.Sum(nil))})
		return err
	})
	return files, err
}

// marks returns the marks of an index by file.
func (x index) marks() map[string]mark {
	m := map[string]mark{}
	for _, r := range x.Records {
		m[r.File] = r
	}
	return m
}

// Fresh says that nothing of the run is kept: it starts from the beginning. It holds for the nil Checkpoint of a new run
// too.
func (c *Checkpoint) Fresh() bool { return c == nil || c.Dir == "" }
