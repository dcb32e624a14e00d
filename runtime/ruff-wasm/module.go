package ruffwasm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// maxMemoryPages limits an instance's memory, in pages of 64 KiB: 256 MiB, five times what the worst program of the
// default size takes.
const maxMemoryPages = 4096

// hostModule is the module that Ruff's imports name: wasm-bindgen's JavaScript.
const hostModule = "./ruff_wasm_bg.js"

// module is the compiled code that instances are made of.
type module struct {
	runtime wazero.Runtime
	cache   wazero.CompilationCache // nil: none

	ruff, shim, host wazero.CompiledModule

	// literals is the address range of Ruff's data segments, where the literal strings of its program are.
	literals addresses
}

type addresses struct{ from, to uint32 }

func (a addresses) contain(p uint32) bool { return p >= a.from && p < a.to }

// compile translates the wasm to machine code, which takes some seconds, or reads the result of the last time from the
// folder cacheDir.
func compile(ctx context.Context, wasm []byte, cacheDir string) (m *module, err error) {
	m = &module{}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close(ctx))
		}
	}()
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(maxMemoryPages)
	if cacheDir != "" {
		if err := os.MkdirAll(cacheDir, 0o755); err != nil {
			return m, fmt.Errorf("make the folder of compiled code: %w", err)
		}
		if m.cache, err = wazero.NewCompilationCacheWithDir(cacheDir); err != nil {
			return m, fmt.Errorf("open the folder of compiled code: %w", err)
		}
		config = config.WithCompilationCache(m.cache)
	}
	m.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if m.ruff, err = m.runtime.CompileModule(ctx, wasm); err != nil {
		return m, fmt.Errorf("compile the module: %w", err)
	}
	if m.literals, err = dataAddresses(wasm); err != nil {
		return m, err
	}
	if m.shim, err = m.runtime.CompileModule(ctx, shim); err != nil {
		return m, fmt.Errorf("compile the table shim: %w", err)
	}
	if m.host, err = m.compileHost(ctx); err != nil {
		return m, fmt.Errorf("compile the host functions: %w", err)
	}
	return m, nil
}

// compileHost binds every function that the module imports. One that is not in the table of imports is bound to a trap
// that says its name: the linter reaches 23 of the 60.
func (m *module) compileHost(ctx context.Context) (wazero.CompiledModule, error) {
	b := m.runtime.NewHostModuleBuilder(hostModule)
	for _, d := range m.ruff.ImportedFunctions() {
		from, name, _ := d.Import()
		if from != hostModule {
			return nil, fmt.Errorf("the module imports %s.%s: only functions of %s can be served", from, name, hostModule)
		}
		f := imports[name]
		if f == nil {
			f = func(context.Context, *instance, []uint64) {
				panic(fmt.Errorf("ruff called %s, which a linter has no use for", name))
			}
		}
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
			f(ctx, ctx.Value(instanceKey{}).(*instance), stack)
		}), d.ParamTypes(), d.ResultTypes()).Export(name)
	}
	return b.Compile(ctx)
}

func (m *module) close(ctx context.Context) error {
	var errs []error
	if m.runtime != nil {
		errs = append(errs, m.runtime.Close(ctx))
	}
	if m.cache != nil {
		errs = append(errs, m.cache.Close(ctx))
	}
	return errors.Join(errs...)
}

// dataAddresses returns the range of memory that the data segments of a valid module fill.
func dataAddresses(wasm []byte) (addresses, error) {
	const (
		dataSection = 11
		i32Const    = 0x41
	)
	pos := 8
	number := func() uint64 {
		v, n := binary.Uvarint(wasm[min(pos, len(wasm)):])
		pos += max(n, 1)
		return v
	}
	for pos < len(wasm) {
		id := wasm[pos]
		pos++
		size := number()
		if id != dataSection {
			pos += int(size)
			continue
		}
		var out addresses
		for i, n := uint64(0), number(); i < n; i++ {
			// An active segment of memory 0: its address is a constant, small enough that the signed encoding has the
			// bits of the unsigned one.
			if number() != 0 || pos >= len(wasm) || wasm[pos] != i32Const {
				return out, errors.New("the module has a data segment without a constant address")
			}
			pos++
			at := uint32(number())
			pos++ // end
			length := number()
			pos += int(length)
			if i == 0 || at < out.from {
				out.from = at
			}
			out.to = max(out.to, at+uint32(length))
		}
		return out, nil
	}
	return addresses{}, errors.New("the module has no data section")
}
