package sandbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/rlvr-harness/harness/runtime/python-wasm/wasi"
)

// Limits bound one call.
type Limits struct {
	// Fuel is the work that the call may do: function entries, loop turns, 64-byte steps of bulk memory work, and host calls at 64
	// units each.
	Fuel int64
	// Wall ends a call that is still running after it; 0 never does. It is a safety net for the host, not part of a verdict.
	Wall time.Duration
	// Answer answers the guest's requests; its error ends the call as Unanswered. The request is valid until it returns.
	Answer func(request []byte) ([]byte, error)
	// Sleep and Output are those of package wasi.
	Sleep  time.Duration
	Output int64
}

// Ending says how a call ended.
type Ending int

// The endings.
const (
	Returned    Ending = iota // with a value
	OutOfFuel                 // Limits.Fuel was used up
	Blocked                   // it waits for ever or slept too long
	OutputLimit               // it wrote more than Limits.Output
	Exited                    // it called proc_exit
	Aborted                   // it executed an unreachable instruction, as abort does
	StackLimit                // its stack is used up
	Crashed                   // any other trap: memory or tables accessed out of bounds
	WallLimit                 // Limits.Wall passed: says nothing about the guest
	Unanswered                // a request of the guest ended with an error of whoever answers
	Cancelled                 // the context was cancelled
	HostFailure               // the host itself failed
)

// End is how a call ended, with what there is to say about it.
type End struct {
	Ending Ending
	// Value is what the call returned, or the exit status.
	Value int32
	// Fuel is the work done, at most Limits.Fuel.
	Fuel int64
	// Message describes an end other than Returned.
	Message string
}

type savedGlobal struct {
	global api.MutableGlobal
	value  uint64
}

// Box is one instance. It is used by one goroutine at a time.
type Box struct {
	engine    *Engine
	memory    Memory
	host      *wasi.Host
	ctx       context.Context // carries host and meter into host functions; never cancelled
	module    api.Module
	globals   []savedGlobal
	functions map[string]api.Function
	meter     meter
	dirty     bool
}

// Close frees the box.
func (b *Box) Close(ctx context.Context) error {
	var err error
	if b.module != nil {
		err = b.module.Close(ctx)
	}
	if b.memory != nil {
		err = errors.Join(err, b.memory.Close())
	}
	return err
}

// Host is the box's operating system: what the guest printed.
func (b *Box) Host() *wasi.Host { return b.host }

// address calls a function that returns an address.
func (b *Box) address(name string) (uint32, error) {
	f := b.module.ExportedFunction(name)
	if f == nil {
		return 0, fmt.Errorf("sandbox: the module exports no %s", name)
	}
	b.meter.start(1<<20, never, nil)
	r, err := f.Call(b.ctx)
	if err != nil {
		return 0, fmt.Errorf("sandbox: call %s: %w", name, err)
	}
	if len(r) != 1 {
		return 0, fmt.Errorf("sandbox: %s returns %d values, not an address", name, len(r))
	}
	at := uint32(r[0])
	if uint64(at)+BufferSize > uint64(len(b.memory.Bytes())) && name != peakName {
		return 0, fmt.Errorf("sandbox: %s is outside the memory", name)
	}
	return at, nil
}

// Call calls the exported function name with the length of input, which is copied into the module's input buffer. An error means
// that the call cannot be made at all (no such function, input of BufferSize or more); everything else is an End.
func (b *Box) Call(ctx context.Context, name string, input []byte, l Limits) (End, error) {
	if len(input) >= BufferSize {
		return End{}, fmt.Errorf("sandbox: input of %d bytes; at most %d fit", len(input), BufferSize-1)
	}
	return b.call(ctx, name, input, uint64(len(input)), l)
}

func (b *Box) call(ctx context.Context, name string, input []byte, argument uint64, l Limits) (End, error) {
	f := b.functions[name]
	if f == nil {
		if f = b.module.ExportedFunction(name); f == nil {
			return End{}, fmt.Errorf("sandbox: the module exports no %s", name)
		}
		b.functions[name] = f
	}
	b.dirty = true
	deadline := never
	if l.Wall > 0 {
		deadline = time.Now().Add(l.Wall)
	}
	b.host.SetLimits(wasi.Limits{Sleep: uint64(max(0, l.Sleep)), Output: l.Output})
	b.meter.start(l.Fuel, deadline, ctx.Done())
	b.meter.answer = l.Answer
	stack := [1]uint64{argument}
	b.memory.Begin()
	copy(b.memory.Bytes()[b.engine.input:], input)
	err := f.CallWithStack(b.ctx, stack[:]) //nolint:contextcheck // the box outlives a call; deadlines reach the guest through fuel
	b.memory.End()
	end := b.classify(err)
	end.Fuel = b.meter.used()
	b.meter.before += end.Fuel
	b.meter.total, b.meter.left = 0, 0
	b.meter.global.Set(0)
	if err == nil {
		end.Value = int32(uint32(stack[0]))
	}
	return end, nil
}

// classify is the one place where errors of the wasm runtime get a meaning.
func (b *Box) classify(err error) End {
	exit := (*sys.ExitError)(nil)
	switch {
	case err == nil:
		return End{Ending: Returned}
	case errors.As(err, &exit):
		return End{Ending: Exited, Value: int32(exit.ExitCode()), Message: fmt.Sprintf("left the interpreter with status %d", exit.ExitCode())}
	case errors.As(err, new(unanswered)):
		return End{Ending: Unanswered, Message: "a request was not answered"}
	case errors.Is(err, errFuel):
		return End{Ending: OutOfFuel, Message: errFuel.Error()}
	case errors.Is(err, errWall):
		return End{Ending: WallLimit, Message: errWall.Error()}
	case errors.Is(err, context.Canceled):
		return End{Ending: Cancelled, Message: "cancelled"}
	case errors.Is(err, wasi.ErrBlocked):
		return End{Ending: Blocked, Message: wasi.ErrBlocked.Error()}
	case errors.Is(err, wasi.ErrOutput):
		return End{Ending: OutputLimit, Message: wasi.ErrOutput.Error()}
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	trap, isTrap := strings.CutPrefix(text, "wasm error: ")
	if text == "stack overflow" { // of the native stack, which the runtime reports without the prefix
		trap, isTrap = text, true
	}
	switch {
	case !isTrap:
		return End{Ending: HostFailure, Message: text}
	case trap == "stack overflow" || b.stackSpent():
		return End{Ending: StackLimit, Message: "the interpreter's stack is used up"}
	case trap == "unreachable":
		return End{Ending: Aborted, Message: "the interpreter aborted"}
	}
	return End{Ending: Crashed, Message: "the interpreter crashed: " + trap}
}

// stackSpent says that the C stack, which begins at address 0 and grows down to it, has run over its end. The stack pointer is
// the first global that the linker defines.
func (b *Box) stackSpent() bool {
	const margin = 4096
	sp := int32(uint32(b.globals[0].global.Get()))
	return sp < margin
}

// Output is the module's output buffer. What is in it is the guest's: parse it as hostile. It is valid until the next Call or Reset.
func (b *Box) Output() []byte {
	return b.memory.Bytes()[b.engine.output:][:BufferSize]
}

// Peak is the number of bytes that the guest's allocator held at most beyond what the snapshot holds.
func (b *Box) Peak() int64 {
	m := b.memory.Bytes()
	if uint64(b.engine.peak)+8 > uint64(len(m)) {
		return 0
	}
	return max(0, min(int64(binary.LittleEndian.Uint64(m[b.engine.peak:])), int64(len(m))))
}

// Reset makes the box as new after any end of a call and returns how many bytes of memory the guest had made different from the
// snapshot, in whole pages.
func (b *Box) Reset() (int64, error) {
	if !b.dirty {
		return 0, nil
	}
	pages, err := b.memory.Restore()
	if err != nil {
		return 0, err
	}
	for _, g := range b.globals {
		g.global.Set(g.value)
	}
	b.host.Reset()
	b.meter.before = 0
	b.dirty = false
	return int64(pages) * PageSize, nil
}

// Withhold makes the heap smaller, so that the guest can use limit bytes of its memory in all, its own code's data included. It
// lasts until the next Reset.
func (b *Box) Withhold(ctx context.Context, limit int64) (End, error) {
	have := int64(len(b.memory.Bytes()))
	if limit >= have {
		return End{}, nil
	}
	return b.call(ctx, withholdName, nil, uint64(uint32(have-limit)), Limits{Fuel: 1 << 30})
}
