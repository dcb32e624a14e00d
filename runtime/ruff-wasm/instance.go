package ruffwasm

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// instance is one running Ruff with its settings. It serves one call at a time.
type instance struct {
	module *module

	ruff, shim, host   api.Module
	memory             api.Memory
	check, tokens      api.Function
	malloc, free, drop api.Function
	table              struct{ get, set, grow api.Function }

	workspace uint64 // address of Ruff's object that holds the settings
	heap      heap
	literals  map[uint64]ref // the literals of Ruff's program that it has asked for, by address and length
	panicked  string         // the message of a panic in Rust, "" where a trap had another reason
}

// instanceKey is the context key under which host functions find the instance that calls them.
type instanceKey struct{}

// trap is the error of an instance that can no longer be used: a panic or a full stack leaves Ruff's memory as it was in
// the middle of its work.
type trap struct{ err error }

func (t *trap) Error() string { return "ruff trapped: " + t.err.Error() }
func (t *trap) Unwrap() error { return t.err }

// newInstance makes an instance that asks the rules of selection; it takes about 4 ms.
func (m *module) newInstance(ctx context.Context, selection []string) (_ *instance, err error) {
	in := &instance{module: m, heap: newHeap(), literals: map[uint64]ref{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make an instance of ruff: %w", err), in.close(ctx))
		}
	}()
	ctx = in.bind(ctx)
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	if in.host, err = m.runtime.InstantiateModule(ctx, m.host, config); err != nil {
		return nil, err
	}
	// Instances have no names, since there are many of them: imports are resolved among the modules of this one.
	ctx = experimental.WithImportResolver(ctx, func(name string) api.Module {
		switch name {
		case hostModule:
			return in.host
		case "ruff":
			return in.ruff
		}
		return nil
	})
	if in.ruff, err = m.runtime.InstantiateModule(ctx, m.ruff, config); err != nil {
		return nil, err
	}
	if in.shim, err = m.runtime.InstantiateModule(ctx, m.shim, config); err != nil {
		return nil, err
	}
	in.memory = in.ruff.Memory()
	for name, f := range map[string]*api.Function{
		"workspace_check": &in.check, "workspace_tokens": &in.tokens, "__wbindgen_malloc": &in.malloc,
		"__wbindgen_free": &in.free, "__externref_table_dealloc": &in.drop,
	} {
		if *f = in.ruff.ExportedFunction(name); *f == nil {
			return nil, fmt.Errorf("the module exports no %s", name)
		}
	}
	in.table.get, in.table.set, in.table.grow =
		in.shim.ExportedFunction("get"), in.shim.ExportedFunction("set"), in.shim.ExportedFunction("grow")

	if _, err = in.ruff.ExportedFunction("__wbindgen_start").Call(ctx); err != nil {
		return nil, err
	}
	options := in.heap.options([]setting{
		{"target-version", Target},
		{"lint", []setting{{"select", selection}}},
	})
	const utf32 = 2 // PositionEncoding: columns count characters
	results, err := in.ruff.ExportedFunction("workspace_new").Call(ctx, uint64(options), utf32)
	if err != nil {
		return nil, in.trapped(err)
	}
	if results[2] != 0 {
		return nil, in.thrown(ctx, results[1])
	}
	in.workspace = results[0]
	in.heap.clear()
	return in, nil
}

// bind returns the context of calls into the instance.
func (in *instance) bind(ctx context.Context) context.Context {
	return context.WithValue(ctx, instanceKey{}, in)
}

func (in *instance) close(ctx context.Context) error {
	var errs []error
	for _, m := range []api.Module{in.shim, in.ruff, in.host} {
		if m != nil {
			errs = append(errs, m.Close(ctx))
		}
	}
	return errors.Join(errs...)
}

// version is what the module says of itself.
func (in *instance) version(ctx context.Context) (string, error) {
	ctx = in.bind(ctx)
	results, err := in.ruff.ExportedFunction("workspace_version").Call(ctx)
	if err != nil {
		return "", in.trapped(err)
	}
	return in.takeText(ctx, results[0], results[1])
}

// lint returns the findings in src, which is UTF-8, in Ruff's order.
func (in *instance) lint(ctx context.Context, src string) (found []Diagnostic, err error) {
	ctx = in.bind(ctx)
	defer in.heap.clear()
	defer in.recoverTrap(&err)
	results, err := in.check.Call(ctx, in.workspace, in.give(ctx, src), uint64(len(src)))
	if err != nil {
		return nil, in.trapped(err)
	}
	if results[2] != 0 {
		return nil, in.thrown(ctx, results[1])
	}
	items := in.heap.at(in.take(ctx, results[0])).items
	found = make([]Diagnostic, len(items))
	for i, r := range items {
		v := in.heap.at(r)
		d := &found[i]
		d.Code, d.Message = in.textField(v, "code"), in.textField(v, "message")
		d.Row, d.Column = in.place(v, "start_location")
		d.EndRow, d.EndColumn = in.place(v, "end_location")
		d.Severity = SeverityOf(d.Code)
	}
	return found, nil
}

// listTokens returns Ruff's own listing of the tokens of src, one a line, also where src does not parse.
func (in *instance) listTokens(ctx context.Context, src string) (listing string, err error) {
	ctx = in.bind(ctx)
	defer in.heap.clear()
	defer in.recoverTrap(&err)
	results, err := in.tokens.Call(ctx, in.workspace, in.give(ctx, src), uint64(len(src)))
	if err != nil {
		return "", in.trapped(err)
	}
	if results[3] != 0 {
		return "", in.thrown(ctx, results[2])
	}
	return in.takeText(ctx, results[0], results[1])
}

func (in *instance) field(v *value, name string) *value {
	r, _ := v.get(name)
	return in.heap.at(r)
}

func (in *instance) textField(v *value, name string) string { return in.field(v, name).text }

func (in *instance) place(v *value, name string) (row, column int) {
	p := in.field(v, name)
	return int(in.field(p, "row").number), int(in.field(p, "column").number)
}

// trapped makes the error of a call that did not return.
func (in *instance) trapped(err error) error {
	if in.panicked != "" {
		err = fmt.Errorf("%s (%w)", in.panicked, err)
	}
	return &trap{err}
}

// recoverTrap turns the panic of a failed call into *err. Panics of another kind are ours and go on.
func (in *instance) recoverTrap(err *error) {
	switch p := recover().(type) {
	case nil:
	case *trap:
		*err = p
	default:
		panic(p)
	}
}

// call calls a small service function of the module; its failure is a *trap that recoverTrap catches.
func (in *instance) call(ctx context.Context, f api.Function, args ...uint64) uint64 {
	results, err := f.Call(ctx, args...)
	if err != nil {
		panic(in.trapped(err))
	}
	if len(results) == 0 {
		return 0
	}
	return results[0]
}

// thrown is the error that Ruff returned in place of a result.
func (in *instance) thrown(ctx context.Context, index uint64) error {
	if s := in.heap.at(in.take(ctx, index)).text; s != "" {
		return errors.New(s)
	}
	return errors.New("ruff returned an error without a message")
}

// take returns the reference at an index of the table and frees the index.
func (in *instance) take(ctx context.Context, index uint64) ref {
	r := ref(in.call(ctx, in.table.get, index))
	in.call(ctx, in.drop, index)
	return r
}

// give copies s into the memory of the module, which frees it, and returns its address.
func (in *instance) give(ctx context.Context, s string) uint64 {
	at := in.call(ctx, in.malloc, uint64(len(s)), 1)
	if !in.memory.WriteString(uint32(at), s) {
		panic(&trap{fmt.Errorf("malloc returned %#x for %d bytes, outside the memory", at, len(s))})
	}
	return at
}

// takeText reads a string that the module returned and frees it.
func (in *instance) takeText(ctx context.Context, at, length uint64) (string, error) {
	s := in.read(uint32(at), uint32(length))
	if _, err := in.free.Call(ctx, at, length, 1); err != nil {
		return "", in.trapped(err)
	}
	return s, nil
}

// returnText leaves a copy of s in the module's memory and writes its address and length at out.
func (in *instance) returnText(ctx context.Context, out uint32, s string) {
	at := in.give(ctx, s)
	in.write64(out, at&0xffffffff|uint64(len(s))<<32)
}

func (in *instance) write64(at uint32, v uint64) {
	if !in.memory.WriteUint64Le(at, v) {
		panic(&trap{fmt.Errorf("write at %#x, outside the memory", at)})
	}
}

func (in *instance) read(at, length uint32) string {
	b, ok := in.memory.Read(at, length)
	if !ok {
		panic(&trap{fmt.Errorf("read of %d bytes at %#x, outside the memory", length, at)})
	}
	return string(b)
}

// str makes the value of a string of the module. Ruff caches the values of its literals, so these last.
func (in *instance) str(at, length uint32) ref {
	if !in.module.literals.contain(at) {
		return in.heap.addText(in.read(at, length))
	}
	k := uint64(at)<<32 | uint64(length)
	r, ok := in.literals[k]
	if !ok {
		r = in.heap.keep(value{kind: text, text: in.read(at, length)})
		in.literals[k] = r
	}
	return r
}
