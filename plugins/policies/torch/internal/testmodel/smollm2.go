// Package testmodel finds the real model that tests of the policy run, the one that the asset cache holds.
package testmodel

import (
	"os"
	"path/filepath"
	"testing"
)

// SmolLM2 returns the path of SmolLM2-135M-Instruct in the asset cache, and skips the test where it is not there.
func SmolLM2(t testing.TB) string {
	t.Helper()
	cache := os.Getenv("HARNESS_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Skipf("no cache folder: %v", err)
		}
		cache = filepath.Join(user, "harness")
	}
	found, err := filepath.Glob(filepath.Join(cache, "store", "smollm2-135m-instruct", "*", "*.gguf"))
	if err != nil || len(found) == 0 {
		t.Skipf("the asset smollm2-135m-instruct is not in %s; harness assets fetch smollm2-135m-instruct", cache)
	}
	return found[0]
}
