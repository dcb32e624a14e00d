package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/rlvr-harness/harness/runtime/python-wasm/grade"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
	"github.com/rlvr-harness/harness/runtime/python-wasm/wasi"
	"github.com/rlvr-harness/harness/runtime/python-wasm/wasm"
)

// Make writes an image into the folder out: the reactor (a linked WebAssembly module) is metered, initialised over the standard
// library in the folder lib, warmed up and frozen, and the frozen module is compiled for this machine. version is CPython's; stage
// is told what is going on, and what the interpreter prints goes to log.
func Make(ctx context.Context, reactor []byte, lib, version, out string, log io.Writer, stage func(string)) error {
	library, err := readLibrary(lib)
	if err != nil {
		return err
	}
	m, err := wasm.Parse(reactor)
	if err != nil {
		return err
	}
	if err := m.ExportGlobals(); err != nil {
		return err
	}
	checks, err := m.Meter("harness_refill")
	if err != nil {
		return err
	}
	stage("compiling the interpreter")
	memory, globals, err := initialise(ctx, m, library, log, stage)
	if err != nil {
		return err
	}
	if err := m.Freeze(uint32(len(memory)/65536), globals); err != nil {
		return err
	}
	frozen, img := m.Bytes(), sandbox.NewImage(memory)
	if err := write(out, version, checks, frozen, img, library); err != nil {
		return err
	}
	stage("compiling the frozen interpreter")
	e, err := sandbox.NewEngine(ctx, frozen, img, library, sandbox.Options{Compiled: filepath.Join(out, compiledDir)})
	if err != nil {
		return err
	}
	return e.Close(ctx)
}

// readLibrary reads the standard library's tree and adds our modules to it.
func readLibrary(lib string) (*wasi.Files, error) {
	content := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(lib), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(lib, filepath.FromSlash(p)))
		content[path.Join(libraryRoot, p)] = b
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the standard library: %w", err)
	}
	for _, name := range modules {
		if content[path.Join(libraryRoot, name)], err = python(name); err != nil {
			return nil, err
		}
	}
	return wasi.NewFiles(content)
}

// initialise runs the reactor's start-up and returns a copy of its memory and the values of its mutable globals.
func initialise(ctx context.Context, m *wasm.Module, library *wasi.Files, log io.Writer, stage func(string)) (_ []byte, _ map[int]uint64, err error) {
	r, cache, err := sandbox.NewRuntime(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.Close(ctx), cache.Close(ctx)) }()
	compiled, err := r.CompileModule(ctx, m.Bytes())
	if err != nil {
		return nil, nil, fmt.Errorf("compile the reactor: %w", err)
	}
	if err := sandbox.Link(ctx, r, compiled); err != nil {
		return nil, nil, err
	}
	var host *wasi.Host
	ctx = sandbox.Unlimited(ctx, func(charge func(int64), work func() uint64) *wasi.Host {
		host = wasi.NewHost(library, wasi.Limits{Output: 1 << 20}, charge, work)
		return host
	})
	instance, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return nil, nil, fmt.Errorf("start the reactor: %w", err)
	}
	stage("initialising the interpreter")
	if err := start(ctx, instance); err != nil {
		return nil, nil, fmt.Errorf("initialise the interpreter: %w\n%s%s", err, host.Stdout(), host.Stderr())
	}
	fmt.Fprintf(log, "%s%s", host.Stdout(), host.Stderr())
	if n := host.OpenFiles(); n > 0 {
		return nil, nil, fmt.Errorf("initialise the interpreter: it left %d files open, which a snapshot cannot hold", n)
	}
	globals := map[int]uint64{}
	gs, err := m.Globals()
	if err != nil {
		return nil, nil, err
	}
	for i := range gs {
		if g := instance.ExportedGlobal(wasm.GlobalExport(i)); g != nil {
			globals[i] = g.Get()
		}
	}
	memory, ok := instance.Memory().Read(0, instance.Memory().Size())
	if !ok {
		return nil, nil, errors.New("read the reactor's memory")
	}
	return append([]byte(nil), memory...), globals, nil
}

// start calls the reactor's three steps.
func start(ctx context.Context, instance api.Module) error {
	warm, err := python("warm.py")
	if err != nil {
		return err
	}
	if err := step(ctx, instance, "harness_init", nil); err != nil {
		return err
	}
	if err := step(ctx, instance, "harness_compiler", []byte(grade.Compiler)); err != nil {
		return err
	}
	return step(ctx, instance, "harness_warm", warm)
}

func step(ctx context.Context, instance api.Module, name string, input []byte) error {
	if input != nil {
		r, err := instance.ExportedFunction("harness_input").Call(ctx)
		if err != nil {
			return fmt.Errorf("harness_input: %w", err)
		}
		if !instance.Memory().Write(uint32(r[0]), input) {
			return fmt.Errorf("%s: the input of %d bytes does not fit", name, len(input))
		}
	}
	r, err := instance.ExportedFunction(name).Call(ctx, uint64(len(input)))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if r[0] != 0 {
		return fmt.Errorf("%s: it failed", name)
	}
	return nil
}
