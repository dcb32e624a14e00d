package cpython

import (
	"bytes"
	"context"
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
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/rlvr-harness/harness/runtime/assets"
)

// builder holds the folders of one build. Both configure scripts are called by a relative path, so that the names of
// source files that end up in the library are relative too.
type builder struct {
	*assets.Build
	src, native, wasi, bin string
	zig                    string
	stages                 stages
}

func build(ctx context.Context, b *assets.Build) error {
	r := &builder{
		Build: b, src: filepath.Join(b.Work, "src"), native: filepath.Join(b.Work, "native"), wasi: filepath.Join(b.Work, "wasi"),
		bin: filepath.Join(b.Work, "bin"), zig: filepath.Join(b.Inputs["ziglang"], "ziglang", "zig"), stages: stages{show: b.Stage},
	}
	for _, dir := range []string{r.src, r.native, r.wasi, r.bin} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	for _, tool := range []string{"make", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return assets.MissingTool(tool)
		}
	}
	if err := r.unpack(ctx); err != nil {
		return err
	}
	if err := r.writeTools(); err != nil {
		return err
	}
	g, both := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := r.buildNative(both); err != nil {
			return err
		}
		return r.compileLibrary(both)
	})
	g.Go(func() error { return r.configureWASI(both) })
	if err := g.Wait(); err != nil {
		return err
	}
	if err := r.makeWASI(ctx); err != nil {
		return err
	}
	return r.collect()
}

// stages joins what runs side by side into one line of progress.
type stages struct {
	mu   sync.Mutex
	now  []string
	show func(string)
}

// during shows text while f runs.
func (s *stages) during(text string, f func() error) error {
	s.mu.Lock()
	s.now = append(s.now, text)
	s.show(strings.Join(s.now, ", "))
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.now = slices.DeleteFunc(s.now, func(t string) bool { return t == text })
	}()
	return f()
}

// withoutTop drops the first folder of an archive's name: it has the release in it.
func withoutTop(name string) string {
	_, rest, _ := strings.Cut(name, "/")
	return rest
}

func (r *builder) unpack(ctx context.Context) error {
	return r.stages.during("unpack the sources", func() error {
		err := assets.Untar(ctx, r.Inputs["cpython-source"], r.src, func(name string) string {
			name = withoutTop(name)
			for _, s := range skipped {
				if strings.HasPrefix(name, s) {
					return ""
				}
			}
			return name
		})
		if err != nil {
			return err
		}
		if err := applyEdits(r.src, edits); err != nil {
			return err
		}
		return assets.Untar(ctx, r.Inputs["wasi-libc-source"], r.Out, func(name string) string {
			switch withoutTop(name) {
			case "dlmalloc/src/dlmalloc.c", "dlmalloc/src/malloc.c":
				return path.Base(name)
			case "LICENSE":
				return "licences/wasi-libc.txt"
			}
			return ""
		})
	})
}

// writeTools makes the commands that the Makefile for WASI calls.
func (r *builder) writeTools() error {
	scripts := map[string]string{
		"cc":     fmt.Sprintf("exec %s cc -target wasm32-wasi \"$@\"\n", quote(r.zig)),
		"ar":     fmt.Sprintf("exec %s ar \"$@\"\n", quote(r.zig)),
		"ranlib": fmt.Sprintf("exec %s ranlib \"$@\"\n", quote(r.zig)),
		// configure asks the native Python for its version before it has been compiled; make needs it for real.
		"python": fmt.Sprintf("native=%s\nif [ -x \"$native\" ]; then exec \"$native\" \"$@\"; fi\necho 3.13\n", quote(r.nativePython())),
	}
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(r.bin, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// quote makes s one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (r *builder) nativePython() string { return filepath.Join(r.native, "python") }

// buildNative makes the Python of this machine, or takes an installed one of the same release: another release could
// compile the standard library to other bytecode.
func (r *builder) buildNative(ctx context.Context) error {
	if found, err := exec.LookPath("python3.13"); err == nil {
		var out bytes.Buffer
		cmd := exec.CommandContext(ctx, found, "-I", "-S", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3], sys.implementation.name)")
		cmd.Stdout = &out
		if cmd.Run() == nil && strings.TrimSpace(out.String()) == Version+" cpython" {
			fmt.Fprintf(r.Log, "native Python: %s\n", found)
			return os.Symlink(found, r.nativePython())
		}
	}
	err := r.stages.during("configure native", func() error {
		return r.Run(ctx, r.native, environment, "sh", append([]string{"../src/configure"}, nativeConfigure...)...)
	})
	if err != nil {
		return err
	}
	return r.stages.during("compile native", func() error {
		return r.Run(ctx, r.native, environment, "make", append([]string{jobs()}, nativeMake...)...)
	})
}

// jobs is make's option to use every core.
func jobs() string { return fmt.Sprintf("-j%d", runtime.NumCPU()) }

// compileLibrary compiles the standard library, a process per core.
func (r *builder) compileLibrary(ctx context.Context) error {
	script := filepath.Join(r.Work, "compile_library.py")
	if err := os.WriteFile(script, compileLibrary, 0o644); err != nil {
		return err
	}
	return r.stages.during("compile the standard library", func() error {
		shards := runtime.NumCPU()
		g, ctx := errgroup.WithContext(ctx)
		for i := range shards {
			g.Go(func() error {
				return r.Run(ctx, r.Work, environment, r.nativePython(), "-S", script, filepath.Join(r.src, "Lib"), filepath.Join(r.Out, "lib313"), fmt.Sprint(i), fmt.Sprint(shards))
			})
		}
		return g.Wait()
	})
}

// wasiEnvironment gives zig a cache of its own: that of the user may hold anything.
func (r *builder) wasiEnvironment() []string {
	cache := filepath.Join(r.Work, "zig")
	return append(append([]string{"ZIG_GLOBAL_CACHE_DIR=" + cache, "ZIG_LOCAL_CACHE_DIR=" + cache}, environment...), wasiEnv...)
}

func (r *builder) configureWASI(ctx context.Context) error {
	tool := func(name string) string { return filepath.Join(r.bin, name) }
	env := append(r.wasiEnvironment(), "CC="+tool("cc"), "AR="+tool("ar"), "RANLIB="+tool("ranlib"))
	return r.stages.during("configure for WASI", func() error {
		return r.Run(ctx, r.wasi, env, "sh", append([]string{"../src/configure", "--with-build-python=" + tool("python")}, wasiConfigure...)...)
	})
}

func (r *builder) makeWASI(ctx context.Context) error {
	if err := os.WriteFile(filepath.Join(r.wasi, "Modules", "Setup.local"), []byte(wasiSetup), 0o644); err != nil {
		return err
	}
	return r.stages.during("compile for WASI", func() error {
		return r.Run(ctx, r.wasi, r.wasiEnvironment(), "make", append([]string{jobs()}, wasiMake...)...)
	})
}

// collect copies what is kept.
func (r *builder) collect() error {
	files := map[string]string{
		filepath.Join(r.wasi, "pyconfig.h"): "include/pyconfig.h",
		filepath.Join(r.src, "LICENSE"):     "licences/cpython.txt",
	}
	for _, lib := range libraries {
		files[filepath.Join(r.wasi, filepath.FromSlash(lib))] = path.Base(lib)
	}
	for from, to := range files {
		if err := copyFile(from, filepath.Join(r.Out, to)); err != nil {
			return err
		}
	}
	include := filepath.Join(r.src, "Include")
	return filepath.WalkDir(include, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".h") {
			return err
		}
		rel, err := filepath.Rel(include, p)
		if err != nil {
			return err
		}
		return copyFile(p, filepath.Join(r.Out, "include", rel))
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
