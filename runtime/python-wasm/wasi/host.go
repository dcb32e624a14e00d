package wasi

import (
	"context"
	"errors"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// Ends of a guest's run that the operating system decides. They are panicked in host functions and come back from the call.
var (
	// ErrBlocked means that the guest waits for what can never come, or slept longer than Limits.Sleep.
	ErrBlocked = errors.New("the program waits for what never comes")
	// ErrOutput means that the guest wrote more than Limits.Output.
	ErrOutput = errors.New("the program wrote more output than allowed")
)

// Limits bound what the operating system spends on one guest; the zero value allows nothing.
type Limits struct {
	// Sleep is how far sleeping may move the virtual clock, in nanoseconds.
	Sleep uint64
	// Output is the number of bytes that may be written to the standard streams together.
	Output int64
}

// Prices of host work in units of fuel (a unit is a function entry or a loop turn of the guest).
const (
	callPrice      = 64
	bytesPerFuel   = 64
	entropyPerFuel = 8
)

// kept is how many bytes of each standard stream are kept for messages.
const kept = 64 << 10

// Host is the operating system of one sandbox. It is used by one goroutine at a time.
type Host struct {
	files  *Files
	limits Limits
	charge func(units int64)
	work   func() uint64

	stdout, stderr         []byte
	stdoutBytes, errBytes  int64
	fds                    [64]descriptor
	slept, ticks, randomAt uint64
}

type descriptorKind byte

const (
	closed descriptorKind = iota
	standardInput
	standardOutput
	standardError
	folder
	file
)

type descriptor struct {
	kind descriptorKind
	path string
	data []byte
	pos  int
}

// NewHost makes a host over files. charge is told what each call costs, in units of fuel, and may panic to end the guest; work
// returns the fuel used so far, which is what moves the clock besides sleep.
func NewHost(files *Files, limits Limits, charge func(units int64), work func() uint64) *Host {
	h := &Host{files: files, limits: limits, charge: charge, work: work}
	h.Reset()
	return h
}

// Reset makes the host as new.
func (h *Host) Reset() {
	h.stdout, h.stderr = h.stdout[:0], h.stderr[:0]
	h.stdoutBytes, h.errBytes = 0, 0
	for i := range h.fds {
		if h.fds[i].kind != closed {
			h.fds[i] = descriptor{}
		}
	}
	h.fds[0].kind = standardInput
	h.fds[1].kind = standardOutput
	h.fds[2].kind = standardError
	h.fds[3] = descriptor{kind: folder, path: "/"}
	h.slept, h.ticks = 0, 0
	h.randomAt = 0x9E3779B97F4A7C15
}

// SetLimits changes the limits until they are set again.
func (h *Host) SetLimits(l Limits) { h.limits = l }

// Stdout returns the first bytes of what the guest wrote to its standard output; they are valid until the next Reset.
func (h *Host) Stdout() []byte { return h.stdout }

// Stderr returns the first bytes of what the guest wrote to its standard error; they are valid until the next Reset.
func (h *Host) Stderr() []byte { return h.stderr }

// StdoutBytes is the number of bytes that the guest wrote to its standard output.
func (h *Host) StdoutBytes() int64 { return h.stdoutBytes }

// OpenFiles is the number of descriptors that the guest has open beside the standard streams and the root folder.
func (h *Host) OpenFiles() int {
	n := 0
	for _, f := range h.fds[4:] {
		if f.kind != closed {
			n++
		}
	}
	return n
}

type hostKey struct{}

// With returns a context whose calls into a module are served by h.
func With(ctx context.Context, h *Host) context.Context { return context.WithValue(ctx, hostKey{}, h) }

// moduleName is the import module of the functions.
const moduleName = "wasi_snapshot_preview1"

// Instantiate defines every function of wasi_snapshot_preview1 that the module imports; those that the host does not have answer
// ENOSYS. The host of a call is taken from its context (With).
func Instantiate(ctx context.Context, r wazero.Runtime, compiled wazero.CompiledModule) error {
	b := r.NewHostModuleBuilder(moduleName)
	for _, d := range compiled.ImportedFunctions() {
		module, name, _ := d.Import()
		if module != moduleName {
			continue
		}
		b.NewFunctionBuilder().WithGoModuleFunction(bind(name, d.ParamTypes()), d.ParamTypes(), d.ResultTypes()).Export(name)
	}
	_, err := b.Instantiate(ctx)
	return err
}

func bind(name string, params []api.ValueType) api.GoModuleFunc {
	if name == "proc_exit" {
		return func(_ context.Context, _ api.Module, stack []uint64) { panic(sys.NewExitError(uint32(stack[0]))) }
	}
	impl, ok := functions[name]
	if !ok || impl.params != signature(params) {
		impl.call = func(*Host, memory, []uint64) errno { return errNosys }
	}
	return func(ctx context.Context, m api.Module, stack []uint64) {
		h := ctx.Value(hostKey{}).(*Host)
		h.charge(callPrice)
		for i, t := range params { // the upper half of a 32-bit parameter's slot holds anything
			if t == api.ValueTypeI32 {
				stack[i] = uint64(uint32(stack[i]))
			}
		}
		stack[0] = uint64(impl.call(h, memory{m.Memory()}, stack))
	}
}

func signature(params []api.ValueType) string {
	b := make([]byte, len(params))
	for i, t := range params {
		b[i] = 'I'
		if t == api.ValueTypeI32 {
			b[i] = 'i'
		}
	}
	return string(b)
}
