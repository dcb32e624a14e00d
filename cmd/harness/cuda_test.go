package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rlvr-harness/harness/runtime/assets"
)

func TestCUDAEnvironment(t *testing.T) {
	builds := 0
	cuda := assets.Artefact{Name: "libtorch-cuda", Version: "1", Licence: "MIT", Build: func(_ context.Context, b *assets.Build) error {
		builds++
		return os.WriteFile(filepath.Join(b.Out, "library"), []byte("x"), 0o644)
	}}
	cache, err := assets.Open(t.TempDir(), nil, cuda)
	if err != nil {
		t.Fatal(err)
	}
	driver := filepath.Join(t.TempDir(), "version")
	if err := os.WriteFile(driver, []byte("NVRM version"), 0o644); err != nil {
		t.Fatal(err)
	}
	st, err := cache.Status(t.Context(), "libtorch-cuda")
	if err != nil {
		t.Fatal(err)
	}
	lib := "LD_LIBRARY_PATH=" + filepath.Join(st.Path, "torch", "lib")
	for _, tt := range []struct {
		name, device, driver, path string
		want                       []string
		builds                     int
	}{
		{"the processor", "cpu", driver, "", nil, 0},
		{"no driver", "cuda", driver + "-none", "", nil, 0},
		{"auto does not fetch", "auto", driver, "", nil, 0},
		{"cuda fetches", "cuda", driver, "", []string{lib}, 1},
		{"auto uses what is there", "auto", driver, "", []string{lib}, 1},
		{"the user's own path stays", "auto", driver, "/opt/lib", []string{lib + ":/opt/lib"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("LD_LIBRARY_PATH", tt.path)
			got, err := cudaEnvironment(t.Context(), cache, tt.device, tt.driver)
			if err != nil || !slices.Equal(got, tt.want) || builds != tt.builds {
				t.Errorf("got %q, %v after %d builds; want %q after %d", got, err, builds, tt.want, tt.builds)
			}
		})
	}
}
