// Command traps prints what a compiler of WebAssembly makes of accesses at both ends of memory, and of all other ways to trap: the
// output of one compiler must be that of another. It ends with 1 where an access beyond memory's end passed, or one within it trapped.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// access is a load or store instruction; after a load, the rest of its code makes the value an i64.
type access struct {
	name  string
	op    []byte
	width uint64
	value []byte // a store's operand
	rest  []byte
}

const (
	i32Const, i64Const, f32Const, f64Const = 0x41, 0x42, 0x43, 0x44
	extendU                                = 0xad
)

func accesses() []access {
	f64 := append([]byte{f64Const}, binary.LittleEndian.AppendUint64(nil, math.Float64bits(-2.5))...)
	f32 := append([]byte{f32Const}, binary.LittleEndian.AppendUint32(nil, math.Float32bits(-2.5))...)
	v128 := append([]byte{0xfd, 0x0c}, []byte("sixteen bytes in")...)
	return []access{
		{"i32.load", []byte{0x28}, 4, nil, []byte{extendU}},
		{"i64.load", []byte{0x29}, 8, nil, nil},
		{"f32.load", []byte{0x2a}, 4, nil, []byte{0xbc, extendU}},
		{"f64.load", []byte{0x2b}, 8, nil, []byte{0xbd}},
		{"i32.load8_s", []byte{0x2c}, 1, nil, []byte{extendU}},
		{"i32.load8_u", []byte{0x2d}, 1, nil, []byte{extendU}},
		{"i32.load16_s", []byte{0x2e}, 2, nil, []byte{extendU}},
		{"i32.load16_u", []byte{0x2f}, 2, nil, []byte{extendU}},
		{"i64.load8_s", []byte{0x30}, 1, nil, nil},
		{"i64.load8_u", []byte{0x31}, 1, nil, nil},
		{"i64.load16_s", []byte{0x32}, 2, nil, nil},
		{"i64.load16_u", []byte{0x33}, 2, nil, nil},
		{"i64.load32_s", []byte{0x34}, 4, nil, nil},
		{"i64.load32_u", []byte{0x35}, 4, nil, nil},
		{"v128.load", []byte{0xfd, 0x00}, 16, nil, []byte{0xfd, 0x1d, 1}},
		{"i32.store", []byte{0x36}, 4, []byte{i32Const, 0x55}, nil},
		{"i64.store", []byte{0x37}, 8, []byte{i64Const, 0x56}, nil},
		{"f32.store", []byte{0x38}, 4, f32, nil},
		{"f64.store", []byte{0x39}, 8, f64, nil},
		{"i32.store8", []byte{0x3a}, 1, []byte{i32Const, 0x57}, nil},
		{"i32.store16", []byte{0x3b}, 2, []byte{i32Const, 0x58}, nil},
		{"i64.store8", []byte{0x3c}, 1, []byte{i64Const, 0x59}, nil},
		{"i64.store16", []byte{0x3d}, 2, []byte{i64Const, 0x5a}, nil},
		{"i64.store32", []byte{0x3e}, 4, []byte{i64Const, 0x5b}, nil},
		{"v128.store", []byte{0xfd, 0x0b}, 16, v128, nil},
	}
}

var offsets = []uint32{0, 1, 3, 8, 4096, 65519, 65528, 65535, 65536, 131071, 1<<31 - 16, 1<<31 - 1, 1 << 31, 1<<32 - 16, 1<<32 - 1}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "traps:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	defer r.Close(ctx)
	var functions []function
	for _, a := range accesses() {
		for _, o := range offsets {
			body := []byte{0x20, 0} // the address
			body = append(append(append(body, a.value...), a.op...), 0)
			body = append(append(body, leb(o)...), a.rest...)
			if a.value != nil {
				body = append(body, i64Const, 0)
			}
			functions = append(functions, function{name: fmt.Sprintf("%s+%d", a.name, o), body: body, end: uint64(o) + a.width})
		}
	}
	functions = append(functions, others()...)
	m, err := r.InstantiateWithConfig(ctx, assemble(functions), wazero.NewModuleConfig())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	wrong := 0
	memory := m.Memory()
	for range 2 {
		size := uint64(memory.Size())
		for _, f := range functions {
			fill(memory)
			for _, at := range addresses(f.end, size) {
				got, err := m.ExportedFunction(f.name).Call(ctx, uint64(at))
				line := fmt.Sprint(got)
				if err != nil {
					line, _, _ = strings.Cut(err.Error(), "\n")
				}
				fmt.Fprintln(out, f.name, size, at, line)
				if f.end > 0 && (err != nil) != (uint64(at)+f.end > size) {
					wrong++
					fmt.Fprintln(os.Stderr, "traps: wrong:", f.name, size, at, line)
				}
			}
			b, _ := memory.Read(0, memory.Size())
			fmt.Fprintf(out, "%s %d memory %08x\n", f.name, size, crc32.ChecksumIEEE(b))
		}
		if _, ok := memory.Grow(1); !ok {
			return fmt.Errorf("memory does not grow")
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if wrong > 0 {
		return fmt.Errorf("%d accesses are wrong", wrong)
	}
	return nil
}

// addresses are those at which an access that ends end bytes from its address is at memory's ends.
func addresses(end, size uint64) []uint32 {
	out := []uint32{0, 1, 2, 3, 7, 8, 100, 1000, 30000, 1<<31 - 1, 1 << 31, 1<<32 - 17, 1<<32 - 8, 1<<32 - 1}
	for d := range uint64(3) {
		for _, x := range []uint64{size, size - end} {
			out = append(out, uint32(x+d-1))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func fill(m api.Memory) {
	b, _ := m.Read(0, m.Size())
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
}

// others are the ways out of a function that are no single access. All take an i32 and return an i64.
func others() []function {
	at := []byte{0x20, 0}
	code := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	return []function{
		// Bounds that are known from before: over branches, a join and a call that might move memory.
		{name: "joined", end: 104, body: code(
			at, []byte{0x28, 0, 16, 0x1a}, // load 16..20
			at, []byte{i32Const, 1, 0x71, 0x04, 0x40}, at, []byte{i32Const, 7, 0x36, 0, 0xe4, 0, 0x05}, // odd: store 100..104
			at, []byte{i32Const, 9, 0x3a, 0, 4, 0x0b}, // even: store 4..5
			[]byte{i32Const, 0, 0x40, 0, 0x1a}, // grow by nothing
			at, []byte{0x29, 0, 8}, at, []byte{0x29, 0, 96, 0x7c})},
		{name: "unreachable", body: code(at, []byte{i32Const, 3, 0x4b, 0x04, 0x40, 0x00, 0x0b, i64Const, 1})},
		{name: "div_s", body: code([]byte{i32Const, 0x80, 0x80, 0x80, 0x80, 0x78}, at, []byte{0x6d, extendU})},
		{name: "rem_u", body: code([]byte{i32Const, 17}, at, []byte{0x70, extendU})},
		{name: "trunc", body: code(at, []byte{0xb8, f64Const, 0, 0, 0, 0, 0, 0, 0, 0x40, 0xa2, 0xaa, extendU})}, // twice the number, signed
		{name: "indirect", body: code(at, at, []byte{0x11, 0, 0})},                                              // a table of one, and nulls
		{name: "select", body: code([]byte{i64Const, 5, i64Const, 6}, at, []byte{i32Const, 0xe4, 0, 0x49, 0x1b})},
		// A branch with a value over a split edge, on a comparison and on bits.
		{name: "branch", body: code([]byte{0x02, 0x7e, i64Const, 1}, at, []byte{i32Const, 3, 0x46, 0x0d, 0, 0x1a, i64Const, 2},
			at, []byte{i32Const, 8, 0x71, 0x0d, 0, 0x1a, i64Const, 3, 0x0b})},
		// n + recurse(n-1): the stack grows, and at last overflows.
		{name: recurse, body: code(at, []byte{0x45, 0x04, 0x7e, i64Const, 0, 0x05}, at, []byte{extendU}, at,
			[]byte{i32Const, 1, 0x6b, 0x10}, []byte{0xff}, []byte{0x7c, 0x0b})},
	}
}

const recurse = "recurse" // its 0xff stands for its own index

type function struct {
	name string
	body []byte
	end  uint64 // of the access, from the address on; 0: another kind of function
}

// assemble makes a module of one page of memory that exports functions, and a table whose first element is a function.
func assemble(functions []function) []byte {
	n := uint32(len(functions))
	types, table := []byte{1, 0x60, 1, 0x7f, 1, 0x7e}, []byte{1, 0x70, 0, 4}
	declared, exports, bodies := leb(n), leb(n), leb(n)
	for i, f := range functions {
		declared = append(declared, 0)
		exports = append(append(exports, leb(uint32(len(f.name)))...), f.name...)
		exports = append(append(exports, 0), leb(uint32(i))...)
		body := f.body
		if f.name == recurse {
			at := slices.Index(body, 0xff)
			body = slices.Concat(body[:at], leb(uint32(i)), body[at+1:])
		}
		body = slices.Concat([]byte{0}, body, []byte{0x0b})
		bodies = append(append(bodies, leb(uint32(len(body)))...), body...)
	}
	var out []byte
	out = append(out, "\x00asm\x01\x00\x00\x00"...)
	for _, s := range []struct {
		id   byte
		body []byte
	}{{1, types}, {3, declared}, {4, table}, {5, []byte{1, 1, 1, 4}}, {7, exports}, {9, []byte{1, 0, i32Const, 0, 0x0b, 1, 0}}, {10, bodies}} {
		out = append(append(append(out, s.id), leb(uint32(len(s.body)))...), s.body...)
	}
	return out
}

func leb(v uint32) (out []byte) {
	for ; v >= 0x80; v >>= 7 {
		out = append(out, byte(v)|0x80)
	}
	return append(out, byte(v))
}
