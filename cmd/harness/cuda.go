package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/rlvr-harness/harness/runtime/assets"
)

// nvidiaDriver exists where a driver of NVIDIA is loaded.
const nvidiaDriver = "/proc/driver/nvidia/version"

// cudaEnvironment is what the policy's process needs to find libtorch's CUDA libraries. The plugin is linked against the
// artefact libtorch; libtorch-cuda holds the same libraries and those for GPUs, and its folder goes before the linked one.
// It is fetched (2.6 GB) only where a GPU is asked for by name; --device auto uses it if it is there.
func cudaEnvironment(ctx context.Context, cache *assets.Cache, device, driver string) ([]string, error) {
	const name = "libtorch-cuda"
	if _, err := os.Stat(driver); err != nil || device == "cpu" {
		return nil, nil //nolint:nilerr // no driver: the plugin says what it lacks if --device cuda was given
	}
	if device != "cuda" {
		if st, err := cache.Status(ctx, name); err != nil || st.State != assets.Ready {
			return nil, err
		}
	}
	dir, err := cache.Path(ctx, name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "torch", "lib")
	if old := os.Getenv("LD_LIBRARY_PATH"); old != "" {
		path += ":" + old
	}
	return []string{"LD_LIBRARY_PATH=" + path}, nil
}
