package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/rlvr-harness/harness/runtime/python-wasm/wasi"
	"github.com/rlvr-harness/harness/runtime/python-wasm/wasm"
)

// Names that the module and its host agree on.
const (
	// HostModule is the import module of the functions below.
	HostModule = "harness"
	refillName = "refill" // () : the fuel global is below zero
	blockName  = "block"  // () : the program waits for ever
	sleepName  = "sleep"  // (i64 nanoseconds) : the program sleeps
	callName   = "call"   // (i32 address, i32 length, i32 capacity) → i32 length: a request and, in its place, the reply

	inputName    = "harness_input"    // () → address of the input buffer
	outputName   = "harness_output"   // () → address of the output buffer
	withholdName = "harness_withhold" // (i32 bytes) → 0: the heap loses so many bytes
	peakName     = "harness_peak"     // () → address of an i64: bytes allocated at most, beyond the snapshot's

	// BufferSize is the size of the input and of the output buffer in the module's memory.
	BufferSize = 16 << 20
	// DeepStack is the part of the C stack that is not counted as memory of a program: it is there so that limits of depth are met
	// before its end.
	DeepStack = 24 << 20
	// Reserved is the part of a module's memory that is not counted as memory of a program.
	Reserved = DeepStack + 2*BufferSize
)

// Options of an engine.
type Options struct {
	// Compiled is a folder that keeps machine code between processes; "" compiles anew.
	Compiled string
	// Portable keeps memories as plain copies, as on machines without memory files and page maps.
	Portable bool
}

// Engine is a module, compiled, with the snapshot that its boxes start from. It is safe for use by many goroutines.
type Engine struct {
	runtime  wazero.Runtime
	cache    wazero.CompilationCache
	compiled wazero.CompiledModule
	snapshot Snapshot
	files    *wasi.Files

	input, output, peak uint32
}

// NewEngine compiles module, which package wasm froze, over image.
func NewEngine(ctx context.Context, module []byte, image Image, files *wasi.Files, o Options) (_ *Engine, err error) {
	e := &Engine{files: files}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close(ctx))
		}
	}()
	if e.runtime, e.cache, err = NewRuntime(ctx, o.Compiled); err != nil {
		return nil, err
	}
	if e.compiled, err = e.runtime.CompileModule(ctx, module); err != nil {
		return nil, fmt.Errorf("sandbox: compile the module: %w", err)
	}
	if err := Link(ctx, e.runtime, e.compiled); err != nil {
		return nil, err
	}
	if o.Portable {
		e.snapshot, err = newCopied(image)
	} else {
		e.snapshot, err = newSnapshot(image)
	}
	if err != nil {
		return nil, err
	}
	b, err := e.NewBox(ctx)
	if err != nil {
		return nil, err
	}
	for name, at := range map[string]*uint32{inputName: &e.input, outputName: &e.output, peakName: &e.peak} {
		if *at, err = b.address(name); err != nil {
			return nil, errors.Join(err, b.Close(ctx))
		}
	}
	return e, b.Close(ctx)
}

// Close frees the engine; every box must be closed before.
func (e *Engine) Close(ctx context.Context) error {
	var err error
	if e.runtime != nil {
		err = e.runtime.Close(ctx)
	}
	if e.cache != nil {
		err = errors.Join(err, e.cache.Close(ctx))
	}
	if e.snapshot != nil {
		err = errors.Join(err, e.snapshot.Close())
	}
	return err
}

// NewRuntime returns a compiling runtime whose machine code is kept in the folder compiled, where that is not "".
func NewRuntime(ctx context.Context, compiled string) (wazero.Runtime, wazero.CompilationCache, error) {
	cache := wazero.NewCompilationCache()
	if compiled != "" {
		c, err := wazero.NewCompilationCacheWithDir(compiled)
		if err != nil {
			return nil, nil, fmt.Errorf("sandbox: open the folder of compiled code: %w", err)
		}
		cache = c
	}
	// Without WithCloseOnContextDone: it makes code 2.7 to 13 times slower, and fuel bounds every call anyway.
	return wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(cache)), cache, nil
}

// Link defines the host functions that the module imports. Calls into the module need a context made by a Box, or by Unlimited.
func Link(ctx context.Context, r wazero.Runtime, compiled wazero.CompiledModule) error {
	if err := wasi.Instantiate(ctx, r, compiled); err != nil {
		return fmt.Errorf("sandbox: link the operating system: %w", err)
	}
	_, err := r.NewHostModuleBuilder(HostModule).
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, _ []uint64) {
		meterOf(ctx).refill()
	}), nil, nil).Export(refillName).
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(context.Context, api.Module, []uint64) {
		panic(wasi.ErrBlocked)
	}), nil, nil).Export(blockName).
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
		wasi.Sleep(ctx, stack[0])
	}), []api.ValueType{api.ValueTypeI64}, nil).Export(sleepName).
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, m api.Module, stack []uint64) {
		stack[0] = uint64(meterOf(ctx).ask(m.Memory(), uint32(stack[0]), uint32(stack[1]), uint32(stack[2])))
	}), []api.ValueType{api.ValueTypeI32, api.ValueTypeI32, api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}).Export(callName).
		Instantiate(ctx)
	if err != nil {
		return fmt.Errorf("sandbox: link the host: %w", err)
	}
	return nil
}

// linear lends a Memory to the module as its linear memory.
type linear struct{ m Memory }

func (l linear) Reallocate(size uint64) []byte {
	b := l.m.Bytes()
	if size > uint64(len(b)) {
		return nil
	}
	return b[:size]
}

func (l linear) Free() {}

// NewBox makes a box in the state of the snapshot.
func (e *Engine) NewBox(ctx context.Context) (_ *Box, err error) {
	b := &Box{engine: e}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close(ctx))
		}
	}()
	if b.memory, err = e.snapshot.NewMemory(); err != nil {
		return nil, err
	}
	b.host = wasi.NewHost(e.files, wasi.Limits{}, b.meter.charge, b.meter.work)
	b.ctx = withMeter(wasi.With(context.WithoutCancel(ctx), b.host), &b.meter)
	with := experimental.WithMemoryAllocator(b.ctx, experimental.MemoryAllocatorFunc(func(uint64, uint64) experimental.LinearMemory {
		return linear{b.memory}
	}))
	b.module, err = e.runtime.InstantiateModule(with, e.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions()) //nolint:contextcheck // the module outlives the call that makes it
	if err != nil {
		return nil, fmt.Errorf("sandbox: instantiate the module: %w", err)
	}
	for i := range maxGlobals {
		if g, ok := b.module.ExportedGlobal(wasm.GlobalExport(i)).(api.MutableGlobal); ok {
			b.globals = append(b.globals, savedGlobal{g, g.Get()})
		}
	}
	fuel, ok := b.module.ExportedGlobal(wasm.FuelGlobal).(api.MutableGlobal)
	if !ok || len(b.globals) == 0 {
		return nil, errors.New("sandbox: the module is not metered: it exports no fuel or no stack pointer")
	}
	b.meter.global = fuel
	b.functions = map[string]api.Function{}
	return b, nil
}

// Unlimited returns a context for calls that need no limits and no box: the making of a snapshot.
func Unlimited(ctx context.Context, host func(charge func(int64), work func() uint64) *wasi.Host) context.Context {
	m := &meter{left: 1 << 62}
	return withMeter(wasi.With(ctx, host(func(int64) {}, func() uint64 { return 0 })), m)
}

// maxGlobals bounds the globals that a module may define; a C program has a handful.
const maxGlobals = 64

// never is a deadline that does not come.
var never = time.Time{}
