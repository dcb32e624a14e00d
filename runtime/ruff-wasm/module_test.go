package ruffwasm

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
)

func TestDataAddresses(t *testing.T) {
	module := func(sections ...[]byte) []byte { return assemble(sections...) }
	for _, row := range []struct {
		name string
		wasm []byte
		want addresses
		ok   bool
	}{
		{"one segment", module(section(1, 0), section(11, 1, 0, 0x41, 0x80, 0x08, end, 3, 'a', 'b', 'c')), addresses{1024, 1027}, true},
		{"segments in any order", module(section(11, 2, 0, 0x41, 40, end, 2, 1, 2, 0, 0x41, 16, end, 4, 1, 2, 3, 4)), addresses{16, 42}, true},
		{"no data", module(section(1, 0)), addresses{}, false},
		{"a passive segment", module(section(11, 1, 1, 1, 9)), addresses{}, false},
		{"a computed address", module(section(11, 1, 0, 0x23, 0, end, 1, 9)), addresses{}, false},
		{"cut in a segment", module(section(11, 1, 0)), addresses{}, false},
		{"nothing", nil, addresses{}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := dataAddresses(row.wasm)
			if (err == nil) != row.ok || row.ok && got != row.want {
				t.Errorf("%+v, %v; want %+v, ok %v", got, err, row.want, row.ok)
			}
		})
	}
}

func FuzzDataAddresses(f *testing.F) {
	f.Add(assemble(section(1, 0), section(11, 1, 0, 0x41, 0x80, 0x08, end, 3, 'a', 'b', 'c')))
	f.Add(slices.Clone(shim))
	f.Fuzz(func(t *testing.T, wasm []byte) {
		if a, err := dataAddresses(wasm); err == nil && a.from > a.to {
			t.Fatalf("%+v", a)
		}
	})
}

// The literals of Ruff's program are where its data segments are: no more, no less.
func TestLiteralsOfTheModule(t *testing.T) {
	wasm, err := os.ReadFile(asset(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := dataAddresses(wasm)
	if err != nil {
		t.Fatal(err)
	}
	// The module's stack is the first MiB, below the data: a full one runs into address 0 and traps, and overwrites nothing.
	if got.from < 1<<20 || got.from > 1<<20+64 || got.to < 2<<20 {
		t.Errorf("%+v, want them to begin at 1 MiB and to have more than one", got)
	}
}

func TestShimIsValid(t *testing.T) {
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	m, err := r.CompileModule(ctx, shim)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"get", "set", "grow"} {
		if m.ExportedFunctions()[name] == nil {
			t.Errorf("the shim exports no %s", name)
		}
	}
}

// Every function of the table is one that the module imports: a name that a new release changed would be dead code.
func TestImportsAreTheModules(t *testing.T) {
	l := sharedLinter(t, Default)
	var names []string
	for _, d := range l.module.ruff.ImportedFunctions() {
		_, name, _ := d.Import()
		names = append(names, name)
	}
	for name := range imports {
		if !slices.Contains(names, name) {
			t.Errorf("the module does not import %s", name)
		}
	}
}
