package wazeropatch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/runtime/assets"
)

const (
	// Module is what is changed.
	Module = "github.com/tetratelabs/wazero"
	// Version is that of go.mod.
	Version = "v1.12.0"
	// Sum is the hash in go.sum.
	Sum = "h1:DuWcpNu/FzgEXgGBDp8J1Spc+CWOvvtvVyjKlaZopYU="
)

// Name is the artefact's name.
const Name = "wazero"

// Supported reports whether there are changes for the processor of this program; others build wazero as it is.
func Supported() bool { return runtime.GOARCH == "amd64" }

// Artefact is the changed module: a folder with go.mod.
func Artefact() assets.Artefact {
	return assets.Artefact{
		Name: Name, Version: strings.TrimPrefix(Version, "v"), Licence: "Apache-2.0", Purpose: "compiler of WebAssembly, changed for speed",
		Key: Key(), Room: 40e6, Build: build,
	}
}

func build(ctx context.Context, b *assets.Build) error {
	b.Stage("copying " + Module)
	dir, err := download(ctx, b.Work, b.Log)
	if err != nil {
		return err
	}
	if sum, err := hashModule(dir); err != nil {
		return fmt.Errorf("hash %s: %w", dir, err)
	} else if sum != Sum {
		return fmt.Errorf("the sources of %s %s in %s have the hash %s, want %s: run go clean -modcache", Module, Version, dir, sum, Sum)
	}
	if err := copySources(dir, b.Out); err != nil {
		return fmt.Errorf("copy %s: %w", dir, err)
	}
	return apply(b.Out)
}

// download returns the folder of the module in Go's module cache.
func download(ctx context.Context, work string, log io.Writer) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", Module+"@"+Version)
	// A folder without go.mod, so that no other module counts; the hash is compared here and needs no database.
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GONOSUMDB="+Module)
	cmd.Stderr = log
	out, err := cmd.Output()
	var got struct{ Dir, Error string }
	if json.Unmarshal(bytes.TrimSpace(out), &got) == nil && got.Error != "" {
		return "", errors.New("go mod download: " + got.Error)
	}
	if err != nil {
		return "", fmt.Errorf("go mod download %s@%s: %w", Module, Version, err)
	}
	return got.Dir, nil
}

// hashModule returns the hash of a module's folder as in go.sum: of the sorted lines "sha256  module@version/file".
func hashModule(dir string) (string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			names = append(names, Module+"@"+Version+"/"+filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	all := sha256.New()
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(n, Module+"@"+Version+"/"))))
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256(b)
		fmt.Fprintf(all, "%s  %s\n", hex.EncodeToString(sum[:]), n)
	}
	return "h1:" + base64.StdEncoding.EncodeToString(all.Sum(nil)), nil
}

// copySources copies what is compiled, and the licence: a third of the module's size.
func copySources(from, to string) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, p)
		if d.IsDir() {
			if n := d.Name(); rel != "." && (n == "testdata" || n == "integration_test" || n == "examples" || n == "site" || strings.HasPrefix(n, ".")) {
				return fs.SkipDir
			}
			return nil
		}
		switch ext := path.Ext(rel); {
		case strings.HasSuffix(rel, "_test.go"):
			return nil
		case ext != ".go" && ext != ".s" && ext != ".h" && ext != ".mod" && rel != "LICENSE" && rel != "NOTICE":
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o644)
	})
}
