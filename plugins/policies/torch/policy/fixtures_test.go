package policy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rlvr-harness/harness/plugins/policies/torch/safetensors"
)

// root leads from this package to the repository's root.
const root = "../../../.."

// fixtures returns the folder that an environment variable names, or the default beside the repository. One that is named must be
// there; without the default the test is skipped.
func fixtures(t testing.TB, variable, standard string) string {
	t.Helper()
	dir, named := os.Getenv(variable), true
	if dir == "" {
		dir, named = filepath.Join(root, standard), false
	} else if !filepath.IsAbs(dir) {
		dir = filepath.Join(root, dir)
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return dir
	}
	if named {
		t.Fatalf("%s names %s, which is absent or empty: %v", variable, dir, err)
	}
	t.Skipf("no fixtures in %s; set %s to a folder that has them", dir, variable)
	return ""
}

// models lists the model folders of the parity fixtures.
func models(t testing.TB) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(fixtures(t, "HARNESS_PARITY", "../shared/parity/models"), "*", "expected.json"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no folder with an expected.json among the fixtures: %v", err)
	}
	for i, f := range found {
		found[i] = filepath.Dir(f)
	}
	return found
}

// open opens a policy on the processor with two threads, and closes it after the test.
func open(t testing.TB, change func(*Settings)) *Policy {
	t.Helper()
	s := Defaults()
	s.Device, s.Threads, s.MemoryMiB = "cpu", 2, 1024
	change(&s)
	p, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// matrix is a tensor of a fixture in rows.
type matrix [][]float64

type tensors struct {
	t testing.TB
	f *safetensors.File
}

func read(t testing.TB, path string) tensors {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return tensors{t, f}
}

func (x tensors) flat(name string) []float32 {
	x.t.Helper()
	info, ok := x.f.Lookup(name)
	if !ok {
		x.t.Fatalf("the fixture has no tensor %q", name)
	}
	v := make([]float32, info.Elements())
	if err := x.f.ReadFloat32(name, v); err != nil {
		x.t.Fatal(err)
	}
	return v
}

// rows cuts a tensor at its last dimension.
func (x tensors) rows(name string) matrix {
	x.t.Helper()
	info, _ := x.f.Lookup(name)
	flat := x.flat(name)
	if len(info.Shape) == 0 {
		x.t.Fatalf("tensor %q is a number", name)
	}
	width := int(info.Shape[len(info.Shape)-1])
	out := make(matrix, len(flat)/width)
	for i, v := range flat {
		out[i/width] = append(out[i/width], float64(v))
	}
	return out
}

func (x tensors) ints(name string) [][]int64 {
	x.t.Helper()
	info, ok := x.f.Lookup(name)
	if !ok || len(info.Shape) != 2 {
		x.t.Fatalf("the fixture has no matrix %q", name)
	}
	flat := make([]int64, info.Elements())
	if err := x.f.ReadInt64(name, flat); err != nil {
		x.t.Fatal(err)
	}
	out := make([][]int64, info.Shape[0])
	for i, v := range flat {
		out[int64(i)/info.Shape[1]] = append(out[int64(i)/info.Shape[1]], v)
	}
	return out
}
