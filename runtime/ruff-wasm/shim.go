package ruffwasm

// wazero gives hosts no access to tables, but wasm modules have it: shim is a module that imports Ruff's table of
// JavaScript values and exports the three operations that the host needs.
//
//	(module
//	  (import "ruff" "__wbindgen_externrefs" (table 0 externref))
//	  (func (export "get") (param i32) (result externref) (table.get 0 (local.get 0)))
//	  (func (export "set") (param i32 externref) (table.set 0 (local.get 0) (local.get 1)))
//	  (func (export "grow") (param i32) (result i32) (table.grow 0 (ref.null extern) (local.get 0))))
var shim = assemble(
	section(1, // types
		3,
		0x60, 1, i32, 1, externref, // 0: get
		0x60, 2, i32, externref, 0, // 1: set
		0x60, 1, i32, 1, i32), // 2: grow
	section(2, join([]byte{1}, name("ruff"), name("__wbindgen_externrefs"), []byte{1, externref, 0, 0})...), // imports
	section(3, 3, 0, 1, 2), // functions
	section(7, join([]byte{3}, name("get"), []byte{0, 0}, name("set"), []byte{0, 1}, name("grow"), []byte{0, 2})...), // exports
	section(10, // code
		3,
		6, 0, localGet, 0, 0x25, 0, end,
		8, 0, localGet, 0, localGet, 1, 0x26, 0, end,
		9, 0, 0xd0, externref, localGet, 0, 0xfc, 15, 0, end),
)

const (
	i32       = 0x7f
	externref = 0x6f
	localGet  = 0x20
	end       = 0x0b
)

func assemble(sections ...[]byte) []byte {
	return join(append([][]byte{[]byte("\x00asm\x01\x00\x00\x00")}, sections...)...)
}

// section frames a section of less than 128 bytes.
func section(id byte, body ...byte) []byte { return append([]byte{id, byte(len(body))}, body...) }

func name(s string) []byte { return append([]byte{byte(len(s))}, s...) }

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
