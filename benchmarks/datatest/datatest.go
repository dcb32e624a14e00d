// Package datatest finds the files of other people's benchmarks for tests. They are not part of this repository.
package datatest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// File returns the path of a file of the folder $HARNESS_DATA, by default ../shared/data beside the repository. Where the
// default is not there the test is skipped; a folder that was named but lacks the file fails it.
func File(t testing.TB, name string) string {
	t.Helper()
	const env = "HARNESS_DATA"
	dir, named := os.LookupEnv(env)
	if !named {
		_, here, _, ok := runtime.Caller(0)
		if !ok {
			t.Fatal("the test binary does not know where its sources are")
		}
		dir = filepath.Join(filepath.Dir(here), "..", "..", "..", "shared", "data")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		if named {
			t.Fatalf("%s=%s: %v", env, dir, err)
		}
		t.Skipf("%v; set %s to a folder that holds it", err, env)
	}
	return path
}
