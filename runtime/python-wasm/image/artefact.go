package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rlvr-harness/harness/runtime/assets"
	"github.com/rlvr-harness/harness/runtime/python-wasm/cpython"
)

// Name is the image's name among the assets.
const Name = "python-image"

// Artefact is the recipe of the image, for the cache of assets. Its folder is what Open reads.
func Artefact() assets.Artefact {
	key, err := recipeKey()
	if err != nil {
		panic("image: read the embedded sources: " + err.Error())
	}
	return assets.Artefact{
		Name: Name, Version: cpython.Version, Licence: "PSF-2.0", Purpose: "Python, started and frozen, for the sandbox",
		Needs: []string{"cpython-wasi", "ziglang"}, Room: 400 << 20, Key: key, Build: build,
	}
}

func build(ctx context.Context, b *assets.Build) error {
	b.Stage("linking the interpreter")
	src := filepath.Join(b.Work, "c")
	if err := os.MkdirAll(src, 0o755); err != nil {
		return err
	}
	files, err := writeSources(src)
	if err != nil {
		return err
	}
	library := b.Inputs["cpython-wasi"]
	linked := filepath.Join(b.Work, "reactor.wasm")
	zig := filepath.Join(b.Inputs["ziglang"], "ziglang", "zig")
	env := []string{"ZIG_GLOBAL_CACHE_DIR=" + filepath.Join(b.Work, "zig"), "ZIG_LOCAL_CACHE_DIR=" + filepath.Join(b.Work, "zig")}
	for _, f := range files {
		if err := b.Run(ctx, src, env, zig, compileArguments(library, f)...); err != nil {
			return fmt.Errorf("compile %s: %w", f, err)
		}
	}
	if err := b.Run(ctx, src, env, zig, linkArguments(library, linked, files)...); err != nil {
		return fmt.Errorf("link the reactor: %w", err)
	}
	reactor, err := os.ReadFile(linked)
	if err != nil {
		return err
	}
	return Make(ctx, reactor, filepath.Join(library, "lib313"), cpython.Version, b.Out, b.Log, b.Stage)
}
