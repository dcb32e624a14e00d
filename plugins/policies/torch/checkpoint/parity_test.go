package checkpoint

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/rlvr-harness/harness/plugins/policies/torch/safetensors"
)

// Every model of the parity folder opens, and reads the same with the keys of transformers 5 and with the older ones.
func TestParityModelsOpen(t *testing.T) {
	_, folders := parityFolders(t)
	for _, dir := range folders {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = m.Close() }()
			file, err := safetensors.OpenFolder(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			for _, info := range m.Tensors() {
				got, want := make([]float32, size(info.Shape)), make([]float32, size(info.Shape))
				if err = m.Read(info.Name, got); err != nil {
					t.Fatal(err)
				}
				if err = file.ReadFloat32(info.Name, want); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s: differs, %v", info.Name, err)
				}
			}
			legacy, err := os.ReadFile(filepath.Join(dir, "config.legacy.json"))
			if os.IsNotExist(err) {
				return
			}
			old := t.TempDir()
			writeFile(t, old, "config.json", string(legacy))
			if generation, err := os.ReadFile(filepath.Join(dir, "generation_config.json")); err == nil {
				writeFile(t, old, "generation_config.json", string(generation))
			}
			c, err := readHFConfig(old)
			if err != nil || !reflect.DeepEqual(c, m.Config) {
				t.Errorf("with the older keys: expected %+v, found %+v, %v", m.Config, c, err)
			}
		})
	}
}

// The tables were made by transformers in float32 from the published configurations.
func TestParityRopeTables(t *testing.T) {
	root, _ := parityFolders(t)
	path := filepath.Join(root, "rope_tables.safetensors")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("this parity folder has no rope_tables.safetensors")
	}
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	configs := map[string]Config{
		"llama-3.2-1b": {HeadDim: 64, RopeTheta: 500000, RopeScaling: &Llama3Scaling{32, 1, 4, 8192}},
		"qwen3-0.6b":   {HeadDim: 128, RopeTheta: 1e6},
		"smollm2-135m": {HeadDim: 64, RopeTheta: 100000},
	}
	for name, c := range configs {
		inv := c.RopeInvFreq()
		want := make([]float32, len(inv))
		if err := f.ReadFloat32(name+".inv_freq", want); err != nil {
			t.Fatal(err)
		}
		for i := range inv {
			if math.Abs(inv[i]-float64(want[i])) > 3e-7*inv[i] { // a few roundings to float32
				t.Errorf("%s: frequency %d: expected %g, found %g", name, i, want[i], inv[i])
			}
		}
		info, _ := f.Lookup(name + ".positions")
		positions := make([]int64, info.Elements())
		if err := f.ReadInt64(info.Name, positions); err != nil {
			t.Fatal(err)
		}
		cos, sin := make([]float32, len(positions)*c.HeadDim), make([]float32, len(positions)*c.HeadDim)
		if err := f.ReadFloat32(name+".cos", cos); err != nil {
			t.Fatal(err)
		}
		if err := f.ReadFloat32(name+".sin", sin); err != nil {
			t.Fatal(err)
		}
		for p, position := range positions {
			for i := range c.HeadDim {
				angle := float64(position) * inv[i%len(inv)]
				// The reference's angle is a float32 product: its error grows with the angle.
				tolerance := 2e-7 + angle*2.4e-7
				k := p*c.HeadDim + i
				if math.Abs(math.Cos(angle)-float64(cos[k])) > tolerance || math.Abs(math.Sin(angle)-float64(sin[k])) > tolerance {
					t.Errorf("%s: position %d, dimension %d: expected cos %g and sin %g, found %g and %g", name, position, i, cos[k], sin[k], math.Cos(angle), math.Sin(angle))
				}
			}
		}
	}
}
