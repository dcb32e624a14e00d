package run

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// apart are the files that say when and where a run was made, and nothing of what it found.
func apart() []string { return []string{timesName, logName, lockName} }

// Fingerprint returns the sha256 of what is reproducible in each file of a run, by the file's path in the folder with
// slashes. It leaves out `seconds` in the records, the wall times and the durations among the events, the report's parts
// that show them, times.json, run.log, and what a killed process left unfinished.
func Fingerprint(dir string) (map[string]string, error) {
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if strings.HasSuffix(name, temporary) {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.IsDir() || slices.Contains(apart(), name) {
			return nil
		}
		sums[name], err = fingerprint(path, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("fingerprint of %s: %w", dir, err)
	}
	return sums, nil
}

func fingerprint(path, name string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() // it was only read
	sum := sha256.New()
	i := slices.IndexFunc(forms(), func(f form) bool { return f.name == name })
	switch {
	case i >= 0:
		form := forms()[i]
		in := bufio.NewReaderSize(f, 1<<20)
		for n := 1; ; n++ {
			record, err := form.next(in)
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				record, err = form.canonical(record)
			}
			if err != nil {
				return "", fmt.Errorf("%s: record %d: %w", name, n, err)
			}
			sum.Write(record)
		}
	case name == evalName:
		text, err := io.ReadAll(f)
		if err == nil {
			text, err = withoutSeconds(text)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		sum.Write(text)
	case name == reportName:
		text, err := io.ReadAll(f)
		if err != nil {
			return "", err
		}
		sum.Write(reproducible(text))
	default:
		if _, err := io.Copy(sum, f); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// The report puts these marks around what is not reproducible. No completion can hold them: there a "<" is escaped.
const (
	variesBegin = "<!--varies-->"
	variesEnd   = "<!--/varies-->"
)

// reproducible returns a report without what lies between the marks.
func reproducible(html []byte) []byte {
	var kept []byte
	for {
		before, rest, found := bytes.Cut(html, []byte(variesBegin))
		kept = append(kept, before...)
		if !found {
			return kept
		}
		_, html, found = bytes.Cut(rest, []byte(variesEnd))
		if !found {
			return kept
		}
	}
}

// Equal returns nil where two runs have the same files with the same reproducible bytes (Fingerprint), and otherwise an
// error that names every file in which they differ.
func Equal(a, b string) error {
	left, err := Fingerprint(a)
	if err != nil {
		return err
	}
	right, err := Fingerprint(b)
	if err != nil {
		return err
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(left)) {
		if sum, ok := right[name]; !ok {
			lines = append(lines, name+": only in "+a)
		} else if sum != left[name] {
			lines = append(lines, name+": differs")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(right)) {
		if _, ok := left[name]; !ok {
			lines = append(lines, name+": only in "+b)
		}
	}
	if len(lines) > 0 {
		return fmt.Errorf("runs %s and %s are not equal:\n  %s", a, b, strings.Join(lines, "\n  "))
	}
	return nil
}
