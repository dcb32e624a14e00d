package wasm

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// section encodes one section.
func section(id byte, body ...[]byte) []byte {
	b := slices.Concat(body...)
	return append(appendU32([]byte{id}, uint32(len(b))), b...)
}

func text(s string) []byte { return append([]byte{byte(len(s))}, s...) }

// code encodes a function body with the given local groups.
func code(locals []byte, instructions ...byte) []byte {
	b := append(slices.Clone(locals), instructions...)
	b = append(b, 0x0b)
	return append(appendU32(nil, uint32(len(b))), b...)
}

// sample is a module with a mutable and a constant global, memory, data, and three functions:
//
//	slow()      calls the host
//	loop(n)     counts n down to 0
//	fill(n)     fills n bytes of memory
func sample() []byte {
	return slices.Concat(magic,
		section(sectionType, []byte{2, 0x60, 0, 0, 0x60, 1, typeI32, 0}),
		section(sectionImport, []byte{1}, text("host"), text("refill"), []byte{kindFunction, 0}),
		section(sectionFunction, []byte{3, 0, 1, 1}),
		section(sectionMemory, []byte{1, 0, 2}),
		section(sectionGlobal, []byte{2, typeI32, 1, 0x41, 7, 0x0b, typeI32, 0, 0x41, 9, 0x0b}),
		section(sectionExport, []byte{4}, text("slow"), []byte{kindFunction, 1}, text("loop"), []byte{kindFunction, 2}, text("fill"), []byte{kindFunction, 3}, text("m"), []byte{2, 0}),
		section(sectionCode, []byte{3},
			code([]byte{0}, 0x10, 0),
			code([]byte{0}, 0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b),
			code([]byte{1, 1, typeI64}, 0x41, 0, 0x41, 0xd5, 0x00, 0x20, 0, 0xfc, 11, 0)),
		section(sectionData, []byte{1, 0, 0x41, 0, 0x0b, 1, 42}),
	)
}

func parse(t *testing.T, b []byte) *Module {
	t.Helper()
	m, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParseAndWriteGiveTheSameBytes(t *testing.T) {
	if got := parse(t, sample()).Bytes(); !bytes.Equal(got, sample()) {
		t.Errorf("%x\n%x", got, sample())
	}
}

func TestMeterCountsEntriesTurnsAndBytes(t *testing.T) {
	m := parse(t, sample())
	if err := m.ExportGlobals(); err != nil {
		t.Fatal(err)
	}
	checks, err := m.Meter("slow")
	if err != nil {
		t.Fatal(err)
	}
	if checks != 3 { // the entry of loop, its turns, and the length of fill, which neither calls nor loops
		t.Errorf("%d checks", checks)
	}
	ctx := t.Context()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	var fuel api.MutableGlobal
	refills := 0
	if _, err := r.NewHostModuleBuilder("host").NewFunctionBuilder().WithFunc(func(context.Context) {
		refills++
		fuel.Set(fuel.Get() + 1000)
	}).Export("refill").Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	inst, err := r.Instantiate(ctx, m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	fuel = inst.ExportedGlobal(FuelGlobal).(api.MutableGlobal)
	for _, tt := range []struct {
		function   string
		n, cost    uint64
		refillings int
	}{
		{"loop", 1, 2, 0},
		{"loop", 100, 101, 0},
		{"fill", 0, 0, 0},
		{"fill", 6400, 100, 0},
		{"fill", 63, 0, 0},
		{"loop", 5000, 5001, 5},
	} {
		refills = 0
		fuel.Set(500)
		if _, err := inst.ExportedFunction(tt.function).Call(ctx, tt.n); err != nil {
			t.Fatal(err)
		}
		if cost := 500 + uint64(refills)*1000 - fuel.Get(); cost != tt.cost || refills != tt.refillings {
			t.Errorf("%s(%d) cost %d in %d refills, want %d in %d", tt.function, tt.n, cost, refills, tt.cost, tt.refillings)
		}
	}
	if b, _ := inst.Memory().Read(0, 64); b[0] != 0x55 || b[63] != 0x55 {
		t.Errorf("fill wrote %x", b)
	}
}

func TestFreezeKeepsStateAndDropsStartUp(t *testing.T) {
	m := parse(t, sample())
	if err := m.ExportGlobals(); err != nil {
		t.Fatal(err)
	}
	if err := m.Freeze(3, map[int]uint64{0: 0xfffffff0}); err != nil {
		t.Fatal(err)
	}
	if m.section(sectionData) != nil {
		t.Error("the data section is still there")
	}
	ctx := t.Context()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	if _, err := r.NewHostModuleBuilder("host").NewFunctionBuilder().WithFunc(func(context.Context) {}).Export("refill").Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	inst, err := r.Instantiate(ctx, m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if v := uint32(inst.ExportedGlobal(GlobalExport(0)).Get()); v != 0xfffffff0 {
		t.Errorf("global is %#x", v)
	}
	if inst.ExportedGlobal(GlobalExport(1)) != nil {
		t.Error("a constant global is exported")
	}
	if n := inst.Memory().Size(); n != 3*65536 {
		t.Errorf("memory of %d bytes", n)
	}
	if b, _ := inst.Memory().ReadByte(0); b != 0 {
		t.Errorf("memory begins with %d", b)
	}
}

func TestRefusals(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty":              nil,
		"other magic":        []byte("\x00asm\x02\x00\x00\x00"),
		"section too long":   append(bytes.Clone(magic), 10, 100, 1),
		"number too long":    append(bytes.Clone(magic), 10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"number over 32 bit": append(bytes.Clone(magic), 10, 0xff, 0xff, 0xff, 0xff, 0x7f),
	} {
		if _, err := Parse(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	m := parse(t, sample())
	if _, err := m.Meter("absent"); err == nil {
		t.Error("metering with an unknown slow function")
	}
	vector := parse(t, slices.Concat(magic, section(sectionType, []byte{1, 0x60, 0, 0}), section(sectionFunction, []byte{1, 0}),
		section(sectionGlobal, []byte{1, typeI32, 1, 0x41, 0, 0x0b}),
		section(sectionExport, []byte{1}, text("slow"), []byte{kindFunction, 1}), section(sectionCode, []byte{1}, code([]byte{0}, 0xfd, 12))))
	if _, err := vector.Meter("slow"); err == nil {
		t.Error("metering vector code, whose instructions are unknown")
	}
}

// FuzzRewrite rewrites any bytes: it fails or gives a module that can be read and rewritten again, and never panics.
func FuzzRewrite(f *testing.F) {
	f.Add(sample())
	f.Add(bytes.Clone(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil || m.ExportGlobals() != nil {
			return
		}
		if _, err := m.Meter("slow"); err != nil {
			return
		}
		again, err := Parse(m.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := again.Meter("slow"); err != nil {
			t.Fatalf("a metered module cannot be metered: %v", err)
		}
		if m.Freeze(1, map[int]uint64{0: 1}) == nil {
			if _, err := Parse(m.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
