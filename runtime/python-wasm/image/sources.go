package image

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"

	"github.com/rlvr-harness/harness/runtime/python-wasm/grade"
)

//go:embed c all:py
var sources embed.FS

// modules are Python modules of ours that the standard library's tree gets.
var modules = []string{"_socket.py", "_virtual_loop.py"}

// recipeKey changes with everything of ours that goes into an image.
func recipeKey() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(sources, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := sources.ReadFile(p)
		fmt.Fprintf(h, "%s %d\n%s", p, len(b), b)
		return err
	})
	fmt.Fprintf(h, "%s\n%q %q %d", grade.Compiler, compileArguments("", ""), linkArguments("", "", nil), formatVersion)
	return hex.EncodeToString(h.Sum(nil)), err
}

// formatVersion stands for the Go that makes images: packages wasm, sandbox and this one. Raise it when their output changes.
const formatVersion = 2

// python returns one of the Python sources.
func python(name string) ([]byte, error) { return sources.ReadFile(path.Join("py", name)) }
