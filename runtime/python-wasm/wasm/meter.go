package wasm

import (
	"errors"
	"fmt"
)

// FuelGlobal is the export name of the i64 global that Meter adds: the fuel that is left until the next call of the slow path.
const FuelGlobal = "__fuel"

// bulkShift sets the price of memory.copy and memory.fill: one unit of fuel for 1<<bulkShift bytes.
const bulkShift = 6

// Meter inserts a fuel check at every function entry and every loop header, each of which costs one unit, and charges bulk memory
// operations by their length. Functions that neither call nor loop are left out: whoever calls them is charged. When the global
// FuelGlobal drops below zero the function exported as slow is called, which must refill it or not return. It returns the number of
// checks.
//
// Straight-line code between two checks is bounded by the size of the function, so fuel bounds time from above on every machine.
func (m *Module) Meter(slow string) (int, error) {
	imported, err := m.imports()
	if err != nil {
		return 0, fmt.Errorf("meter: %w", err)
	}
	if imported.globals > 0 {
		return 0, errors.New("meter: the module imports globals")
	}
	slowIndex, err := m.exportedFunction(slow)
	if err != nil {
		return 0, fmt.Errorf("meter: %w", err)
	}
	gs, err := m.Globals()
	if err != nil {
		return 0, fmt.Errorf("meter: %w", err)
	}
	params, err := m.paramCounts()
	if err != nil {
		return 0, fmt.Errorf("meter: %w", err)
	}
	w := &meterer{fuel: uint32(len(gs)), slow: slowIndex}
	for i := range m.Sections {
		s := &m.Sections[i]
		switch s.ID {
		case sectionGlobal:
			s.Body, err = addFuelGlobal(s.Body)
		case sectionCode:
			s.Body, err = w.code(s.Body, uint32(imported.functions), params)
		}
		if err != nil {
			return 0, fmt.Errorf("meter: %w", err)
		}
	}
	if len(gs) == 0 {
		return 0, errors.New("meter: the module has no global section")
	}
	return w.points, m.addExports(1, appendExport(nil, FuelGlobal, kindGlobal, w.fuel))
}

// paramCounts returns the number of parameters of each function that the module defines.
func (m *Module) paramCounts() ([]uint32, error) {
	r := &reader{b: m.section(sectionType)}
	n := r.u32()
	var byType []uint32
	for i := uint32(0); i < n && r.err == nil; i++ {
		if r.byte() != 0x60 {
			r.fail(fmt.Errorf("type %d is no function type", i))
		}
		p := r.u32()
		r.bytes(p)
		r.bytes(r.u32())
		byType = append(byType, p)
	}
	r.end()
	if r.err != nil {
		return nil, fmt.Errorf("read types: %w", r.err)
	}
	r = &reader{b: m.section(sectionFunction)}
	n = r.u32()
	var out []uint32
	for i := uint32(0); i < n && r.err == nil; i++ {
		t := r.u32()
		if uint64(t) >= uint64(len(byType)) {
			r.fail(fmt.Errorf("function %d has type %d of %d", i, t, len(byType)))
			break
		}
		out = append(out, byType[t])
	}
	r.end()
	if r.err != nil {
		return nil, fmt.Errorf("read functions: %w", r.err)
	}
	return out, nil
}

func addFuelGlobal(body []byte) ([]byte, error) {
	r := &reader{b: body}
	n := r.u32()
	if r.err != nil {
		return nil, fmt.Errorf("read globals: %w", r.err)
	}
	b := append(appendU32(nil, n+1), body[r.at:]...)
	b = appendS64(append(b, typeI64, 1, 0x42), 1<<62)
	return append(b, 0x0b), nil
}

// meterer rewrites function bodies.
type meterer struct {
	fuel, slow uint32
	points     int
}

func (w *meterer) code(body []byte, firstIndex uint32, params []uint32) ([]byte, error) {
	r := &reader{b: body}
	n := r.u32()
	if r.err == nil && uint64(n) != uint64(len(params)) {
		r.fail(fmt.Errorf("%d bodies for %d functions", n, len(params)))
	}
	out := appendU32(nil, n)
	for i := uint32(0); i < n && r.err == nil; i++ {
		f := r.bytes(r.u32())
		if r.err != nil {
			break
		}
		if firstIndex+i != w.slow {
			var err error
			if f, err = w.function(f, params[i]); err != nil {
				return nil, fmt.Errorf("function %d: %w", firstIndex+i, err)
			}
		}
		out = appendU32(out, uint32(len(f)))
		out = append(out, f...)
	}
	r.end()
	if r.err != nil {
		return nil, fmt.Errorf("read code: %w", r.err)
	}
	return out, nil
}

// charge appends: fuel -= amount, where push puts the amount on the stack; if fuel < 0 call slow.
func (w *meterer) charge(b []byte, push func([]byte) []byte) []byte {
	b = appendU32(append(b, 0x23), w.fuel) // global.get
	b = push(b)
	b = appendU32(append(b, 0x7d, 0x24), w.fuel) // i64.sub, global.set
	b = appendU32(append(b, 0x23), w.fuel)
	b = append(b, 0x42, 0, 0x53, 0x04, 0x40, 0x10) // i64.const 0, i64.lt_s, if, call
	b = appendU32(b, w.slow)
	w.points++
	return append(b, 0x0b)
}

func (w *meterer) step(b []byte) []byte {
	return w.charge(b, func(b []byte) []byte { return append(b, 0x42, 1) })
}

// bulk charges for a bulk operation whose length is on top of the stack, through the i32 local scratch.
func (w *meterer) bulk(b []byte, scratch uint32) []byte {
	b = appendU32(append(b, 0x22), scratch) // local.tee
	return w.charge(b, func(b []byte) []byte {
		b = appendU32(append(b, 0x20), scratch)       // local.get
		return append(b, 0xad, 0x42, bulkShift, 0x88) // i64.extend_i32_u, i64.const, i64.shr_u
	})
}

// function rewrites one body: locals and code with its end.
func (w *meterer) function(f []byte, params uint32) ([]byte, error) {
	r := &reader{b: f}
	groups := r.u32()
	locals := uint64(params)
	groupsAt := r.at
	for i := uint32(0); i < groups && r.err == nil; i++ {
		locals += uint64(r.u32())
		r.byte()
	}
	if locals > 1<<16 {
		r.fail(fmt.Errorf("%d locals", locals))
	}
	if r.err != nil {
		return nil, r.err
	}
	scratch := uint32(locals)
	declared := f[groupsAt:r.at]
	code := make([]byte, 0, len(f)+len(f)/4+32)
	entry := w.step(nil)
	usesScratch, leaf := false, true
	last := r.at
	copyUp := func(to int) { code = append(code, f[last:to]...); last = to }
	for r.more() {
		at := r.at
		op := r.byte()
		sub, err := skipImmediates(r, op)
		if err != nil {
			return nil, err
		}
		switch {
		case op == 0x10 || op == 0x11 || op == 0x12 || op == 0x13: // calls
			leaf = false
		case op == 0x03: // loop
			leaf = false
			copyUp(r.at)
			code = w.step(code)
		case op == 0xfc && (sub == 10 || sub == 11): // memory.copy, memory.fill
			copyUp(at)
			code = w.bulk(code, scratch)
			usesScratch = true
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	copyUp(len(f))
	if leaf {
		entry = nil
		w.points--
	}
	if usesScratch {
		groups++
	}
	out := append(appendU32(make([]byte, 0, len(code)+len(declared)+8), groups), declared...)
	if usesScratch {
		out = append(out, 1, typeI32)
	}
	return append(append(out, entry...), code...), nil
}

// skipImmediates passes over the immediates of op and returns the sub-opcode of an 0xfc instruction. It knows WebAssembly 2.0
// without vectors, which is what the C compiler emits for CPython.
func skipImmediates(r *reader, op byte) (sub uint32, err error) {
	switch {
	case op == 0x02 || op == 0x03 || op == 0x04: // block, loop, if
		r.skipLEB()
	case op == 0x0c || op == 0x0d || op == 0x10 || op == 0x12 || (op >= 0x20 && op <= 0x26) || op == 0xd2 || op == 0xd0 || op == 0x3f || op == 0x40:
		r.skipLEB()
	case op == 0x0e: // br_table
		n := r.u32()
		for i := uint64(0); i <= uint64(n) && r.err == nil; i++ {
			r.skipLEB()
		}
	case op == 0x11 || op == 0x13 || (op >= 0x28 && op <= 0x3e): // call_indirect, loads and stores
		r.skipLEB()
		r.skipLEB()
	case op == 0x41 || op == 0x42:
		r.skipLEB()
	case op == 0x43:
		r.bytes(4)
	case op == 0x44:
		r.bytes(8)
	case op == 0x1c: // select with types
		r.bytes(r.u32())
	case op == 0xfc:
		sub = r.u32()
		switch {
		case sub <= 7:
		case sub == 8 || sub == 10 || sub == 12 || sub == 14:
			r.skipLEB()
			r.skipLEB()
		case sub <= 17:
			r.skipLEB()
		default:
			return 0, fmt.Errorf("unknown opcode 0xfc %d", sub)
		}
	case op == 0x00 || op == 0x01 || op == 0x05 || op == 0x0b || op == 0x0f || op == 0x1a || op == 0x1b || (op >= 0x45 && op <= 0xc4) || op == 0xd1:
	default:
		return 0, fmt.Errorf("unknown opcode %#x", op)
	}
	return sub, nil
}
