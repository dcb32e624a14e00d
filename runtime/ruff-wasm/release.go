package ruffwasm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// Asset is the name of the module in runtime/assets.
	Asset = "ruff-wasm"
	// Release is the version of Ruff that this package hosts. The names of a module's imports, the rules and their
	// severities change with each release, so no other is accepted.
	Release = "0.17.4"

	wasmName   = "ruff_wasm_bg.wasm"
	wasmSHA256 = "e756a8d13590d06cbb101159bd971d263b028fccd7766ccf31d9dd76ea3bf8a3"
)

// readWasm reads the module from path: the file itself, or the folder of the npm package or the one above it.
func readWasm(path string) ([]byte, error) {
	mend := fmt.Sprintf("fetch it with: harness assets fetch %s", Asset)
	if path == "" {
		return nil, fmt.Errorf("no path to %s was given; %s", wasmName, mend)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("find the module: %w; %s", err, mend)
	}
	files := []string{path}
	if info.IsDir() {
		files = []string{filepath.Join(path, wasmName), filepath.Join(path, "package", wasmName)}
	}
	var wasm []byte
	for _, f := range files {
		if wasm, err = os.ReadFile(f); err == nil || !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the module: %w; %s", err, mend)
	}
	if sum := sha256.Sum256(wasm); hex.EncodeToString(sum[:]) != wasmSHA256 {
		return nil, fmt.Errorf("%s is not %s of Ruff %s: its sha256 is %x, want %s; mend it with: harness assets fetch %s",
			path, wasmName, Release, sum, wasmSHA256, Asset)
	}
	return wasm, nil
}

// compiledBeside is the folder of machine code that belongs to the module at path, a file or its folder.
func compiledBeside(path string) string {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		path = filepath.Dir(path)
	}
	return filepath.Clean(path) + ".compiled"
}
