// Package wasm edits WebAssembly binaries for snapshots: it reads a module into sections, exports its mutable globals, inserts
// fuel checks (Meter), and bakes the state of an initialised instance into it (Freeze).
//
// It knows the binary format and nothing of Python, of wazero or of files. What it cannot read it refuses with an error: the
// input may be any bytes.
package wasm

import (
	"bytes"
	"errors"
	"fmt"
)

// Section ids of the binary format, WebAssembly Core Specification 2.0, section 5.5.2.
const (
	sectionCustom    = 0
	sectionType      = 1
	sectionImport    = 2
	sectionFunction  = 3
	sectionMemory    = 5
	sectionGlobal    = 6
	sectionExport    = 7
	sectionStart     = 8
	sectionCode      = 10
	sectionData      = 11
	sectionDataCount = 12
)

// Value types and external kinds that the package has to tell apart.
const (
	typeI32 = 0x7f
	typeI64 = 0x7e

	kindFunction = 0
	kindGlobal   = 3
)

var magic = []byte("\x00asm\x01\x00\x00\x00")

// Section is one section of a module, its body without id and length.
type Section struct {
	ID   byte
	Body []byte
}

// Module is a binary split into sections, in the order of the file.
type Module struct {
	Sections []Section
}

// Parse splits a binary into sections. The bodies share memory with b.
func Parse(b []byte) (*Module, error) {
	if !bytes.HasPrefix(b, magic) {
		return nil, errors.New("parse wasm: not a WebAssembly 1.0 binary")
	}
	r := &reader{b: b, at: len(magic)}
	m := &Module{}
	for r.more() {
		id := r.byte()
		body := r.bytes(r.u32())
		if r.err != nil {
			return nil, fmt.Errorf("parse wasm: section %d: %w", len(m.Sections), r.err)
		}
		m.Sections = append(m.Sections, Section{ID: id, Body: body})
	}
	return m, nil
}

// Bytes returns the binary.
func (m *Module) Bytes() []byte {
	out := bytes.Clone(magic)
	for _, s := range m.Sections {
		out = append(out, s.ID)
		out = appendU32(out, uint32(len(s.Body)))
		out = append(out, s.Body...)
	}
	return out
}

// section returns the body of the first section with the id, or nil.
func (m *Module) section(id byte) []byte {
	for _, s := range m.Sections {
		if s.ID == id {
			return s.Body
		}
	}
	return nil
}

// Global is a global that the module defines.
type Global struct {
	Type    byte
	Mutable bool
	Init    []byte // constant expression with its end
}

// Globals returns the globals that the module defines.
func (m *Module) Globals() ([]Global, error) {
	body := m.section(sectionGlobal)
	if body == nil {
		return nil, nil
	}
	r := &reader{b: body}
	n := r.u32()
	var out []Global
	for i := uint32(0); i < n && r.err == nil; i++ {
		g := Global{Type: r.byte(), Mutable: r.byte() == 1}
		from := r.at
		switch op := r.byte(); op {
		case 0x41, 0x42, 0x23: // i32.const, i64.const, global.get
			r.skipLEB()
		case 0x43: // f32.const
			r.bytes(4)
		case 0x44: // f64.const
			r.bytes(8)
		default:
			r.fail(fmt.Errorf("initialiser of global %d begins with opcode %#x", i, op))
		}
		if r.byte() != 0x0b {
			r.fail(fmt.Errorf("initialiser of global %d is not one constant", i))
		}
		if r.err == nil {
			g.Init = r.b[from:r.at]
			out = append(out, g)
		}
	}
	r.end()
	if r.err != nil {
		return nil, fmt.Errorf("read globals: %w", r.err)
	}
	return out, nil
}

// GlobalExport is the name under which ExportGlobals exports the i-th global.
func GlobalExport(i int) string { return fmt.Sprintf("__g%d", i) }

// ExportGlobals exports every mutable global of the module, so that a snapshot can read and a reset can write it.
func (m *Module) ExportGlobals() error {
	gs, err := m.Globals()
	if err != nil {
		return err
	}
	imported, err := m.imports()
	if err != nil {
		return err
	}
	if imported.globals > 0 {
		return errors.New("export globals: the module imports globals")
	}
	var entries []byte
	n := 0
	for i, g := range gs {
		if !g.Mutable {
			continue
		}
		entries = appendExport(entries, GlobalExport(i), kindGlobal, uint32(i))
		n++
	}
	return m.addExports(n, entries)
}

func appendExport(b []byte, name string, kind byte, index uint32) []byte {
	b = appendU32(b, uint32(len(name)))
	b = append(b, name...)
	b = append(b, kind)
	return appendU32(b, index)
}

// addExports appends n encoded entries to the export section.
func (m *Module) addExports(n int, entries []byte) error {
	for i, s := range m.Sections {
		if s.ID != sectionExport {
			continue
		}
		r := &reader{b: s.Body}
		old := r.u32()
		first := r.at
		for i := uint32(0); i < old && r.err == nil; i++ {
			r.bytes(r.u32())
			r.byte()
			r.u32()
		}
		r.end()
		if r.err != nil {
			return fmt.Errorf("read exports: %w", r.err)
		}
		body := appendU32(nil, old+uint32(n))
		body = append(body, s.Body[first:]...)
		m.Sections[i].Body = append(body, entries...)
		return nil
	}
	return errors.New("read exports: the module exports nothing")
}

// importCounts are how many functions and globals a module imports.
type importCounts struct{ functions, globals int }

func (m *Module) imports() (importCounts, error) {
	var c importCounts
	body := m.section(sectionImport)
	if body == nil {
		return c, nil
	}
	r := &reader{b: body}
	n := r.u32()
	for i := uint32(0); i < n && r.err == nil; i++ {
		r.bytes(r.u32())
		r.bytes(r.u32())
		switch kind := r.byte(); kind {
		case kindFunction:
			r.u32()
			c.functions++
		case kindGlobal:
			r.bytes(2)
			c.globals++
		default:
			r.fail(fmt.Errorf("import %d is of kind %d; only functions and globals are expected", i, kind))
		}
	}
	r.end()
	if r.err != nil {
		return c, fmt.Errorf("read imports: %w", r.err)
	}
	return c, nil
}

// exportedFunction returns the index of the function that is exported under name.
func (m *Module) exportedFunction(name string) (uint32, error) {
	r := &reader{b: m.section(sectionExport)}
	if len(r.b) > 0 {
		n := r.u32()
		for i := uint32(0); i < n && r.err == nil; i++ {
			found := string(r.bytes(r.u32()))
			kind, index := r.byte(), r.u32()
			if r.err == nil && kind == kindFunction && found == name {
				return index, nil
			}
		}
	}
	if r.err != nil {
		return 0, fmt.Errorf("read exports: %w", r.err)
	}
	return 0, fmt.Errorf("the module exports no function %q", name)
}
