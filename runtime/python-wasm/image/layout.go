// Package image makes and opens the Python image: CPython, linked as a WebAssembly reactor, initialised once, with its common
// modules imported, and frozen as a module, a memory and a packed standard library.
//
// It owns the C of the reactor (c/), the Python that runs before the snapshot (py/) and the image's folder. How CPython itself is
// compiled belongs to package cpython; what the interpreter is asked to do belongs to package grade.
package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
	"github.com/rlvr-harness/harness/runtime/python-wasm/wasi"
)

// Files of an image's folder.
const (
	moduleFile   = "python.wasm" // the frozen module
	memoryFile   = "python.img"  // sandbox.Image: the pages of its memory that are not zero
	libraryFile  = "stdlib.pack" // wasi.Pack: the standard library
	manifestFile = "image.json"  // Manifest
	compiledDir  = "compiled"    // machine code for the processor that made the image
	libraryRoot  = "/lib/python3.13"
)

// Manifest describes an image.
type Manifest struct {
	Python string            `json:"python"` // version of CPython
	Checks int               `json:"checks"` // places where fuel is counted
	SHA256 map[string]string `json:"sha256"` // of the other files
}

// Image is an image, read from its folder.
type Image struct {
	Manifest Manifest
	// ID is the sha256 of the manifest: it names the interpreter that gave a verdict.
	ID      string
	Module  []byte
	Memory  sandbox.Image
	Library *wasi.Files
	// Compiled is a folder for machine code that may be written to, or "" where there is none.
	Compiled string
}

// Open reads the image in folder. Machine code is kept beside the folder, under its name and ".compiled", since the folder itself
// must stay as it was made; where that is not possible the image is compiled again at every start.
func Open(folder string) (*Image, error) {
	b, err := os.ReadFile(filepath.Join(folder, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open python image: %s has no %s: it is no image, or an unfinished one; `harness assets fetch python-image` makes it", folder, manifestFile)
	}
	if err != nil {
		return nil, fmt.Errorf("open python image: %w", err)
	}
	sum := sha256.Sum256(b)
	im := &Image{ID: hex.EncodeToString(sum[:])}
	if err := json.Unmarshal(b, &im.Manifest); err != nil {
		return nil, fmt.Errorf("open python image: %s: %w", manifestFile, err)
	}
	content := map[string][]byte{}
	for _, name := range []string{moduleFile, memoryFile, libraryFile} {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, fmt.Errorf("open python image: %w", err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != im.Manifest.SHA256[name] {
			return nil, fmt.Errorf("open python image: %s in %s is damaged: its sha256 is not the manifest's; `harness assets fetch python-image` makes it anew", name, folder)
		}
		content[name] = b
	}
	im.Module = content[moduleFile]
	if im.Memory, err = sandbox.ReadImage(content[memoryFile]); err != nil {
		return nil, fmt.Errorf("open python image: %s: %w", memoryFile, err)
	}
	if im.Library, err = wasi.Unpack(content[libraryFile]); err != nil {
		return nil, fmt.Errorf("open python image: %s: %w", libraryFile, err)
	}
	im.Compiled = compiledFolder(folder)
	return im, nil
}

// compiledFolder returns a writable folder of machine code for the image in folder, beginning with what the image brought along.
func compiledFolder(folder string) string {
	to := filepath.Clean(folder) + "." + compiledDir
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		return to
	}
	work, err := os.MkdirTemp(filepath.Dir(to), ".compiled-")
	if err != nil {
		return ""
	}
	defer os.RemoveAll(work) // after the rename there is nothing under this name
	if err := os.CopyFS(work, os.DirFS(filepath.Join(folder, compiledDir))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err := os.Rename(work, to); err != nil { // another process may have been faster
		if info, err := os.Stat(to); err != nil || !info.IsDir() {
			return ""
		}
	}
	return to
}

// write makes an image's folder.
func write(folder, python string, checks int, module []byte, memory sandbox.Image, library *wasi.Files) error {
	m := Manifest{Python: python, Checks: checks, SHA256: map[string]string{}}
	for name, b := range map[string][]byte{moduleFile: module, memoryFile: memory.AppendTo(nil), libraryFile: wasi.Pack(library)} {
		sum := sha256.Sum256(b)
		m.SHA256[name] = hex.EncodeToString(sum[:])
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o644); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, manifestFile), append(b, '\n'), 0o644)
}
