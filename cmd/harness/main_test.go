package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// A command whose results nobody can read has failed.
func TestResultsThatCannotBeWritten(t *testing.T) {
	for _, args := range [][]string{{"harness", "version"}, {"harness", "version", "--json"}, {"harness", "--help"}} {
		var stderr bytes.Buffer
		if code := execute(context.Background(), args, fullDisk{}, &stderr); code != exitFailure || !strings.Contains(stderr.String(), "standard output: no space left") {
			t.Errorf("%q ends with %d and says %q", args, code, stderr.String())
		}
	}
}
