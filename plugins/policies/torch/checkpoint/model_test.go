package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/safetensors"
)

func size(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	return n
}

func floats(t *testing.T, x safetensors.Tensor) []float32 {
	t.Helper()
	out := make([]float32, len(x.Data)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(x.Data[4*i:]))
	}
	return out
}

func TestOpenFolder(t *testing.T) {
	for _, arch := range Architectures() {
		for _, tied := range []bool{true, false} {
			config := with(tiny(arch), "tie_word_embeddings", tied)
			c := configOf(t, config)
			tensors := tensorsOf(c)
			m, err := Open(folder(t, config, tensors))
			if err != nil {
				t.Fatalf("%s, tied %t: %v", arch, tied, err)
			}
			n := int64(0)
			for i, info := range m.Tensors() {
				n += size(info.Shape)
				got := make([]float32, size(info.Shape))
				if err := m.Read(info.Name, got); err != nil || !reflect.DeepEqual(got, floats(t, tensors[i])) || info.DType != "F32" {
					t.Errorf("%s %s: differs, %v", arch, info.Name, err)
				}
			}
			if n != c.Parameters() {
				t.Errorf("%s, tied %t: expected %d parameters, found %d", arch, tied, c.Parameters(), n)
			}
			if m.Tokenizer != nil || m.Template != nil {
				t.Errorf("%s: found a tokenizer in a folder without one", arch)
			}
			if _, err := m.EncodePrompt(core.Prompt{Prefill: "x"}); err == nil || !strings.Contains(err.Error(), "no tokenizer.json") {
				t.Errorf("%s: encode without a tokenizer: found %v", arch, err)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Biases and norms are where the architectures differ.
func TestExpectedTensors(t *testing.T) {
	rows := []struct {
		arch   string
		has    []string
		hasNot []string
	}{
		{Llama, nil, []string{"self_attn.q_proj.bias", "self_attn.q_norm.weight"}},
		{Qwen2, []string{"self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"}, []string{"self_attn.o_proj.bias", "self_attn.q_norm.weight"}},
		{Qwen3, []string{"self_attn.q_norm.weight", "self_attn.k_norm.weight"}, []string{"self_attn.q_proj.bias"}},
	}
	for _, r := range rows {
		var names []string
		for _, info := range configOf(t, tiny(r.arch)).expected() {
			names = append(names, info.Name)
		}
		for _, n := range r.has {
			if !slices.Contains(names, "model.layers.1."+n) {
				t.Errorf("%s: expected %s", r.arch, n)
			}
		}
		for _, n := range r.hasNot {
			if slices.Contains(names, "model.layers.1."+n) {
				t.Errorf("%s: did not expect %s", r.arch, n)
			}
		}
	}
}

func TestTensorErrors(t *testing.T) {
	config := tiny(Llama)
	edit := func(name string, change func(*safetensors.Tensor)) []safetensors.Tensor {
		all := tensorsOf(configOf(t, config))
		for i := range all {
			if all[i].Name == name {
				change(&all[i])
			}
		}
		return all
	}
	extra := func(name string) []safetensors.Tensor {
		return append(edit("", nil), safetensors.Float32(name, []int64{1}, []float32{0}))
	}
	rows := []struct {
		name    string
		tensors []safetensors.Tensor
		want    string // "" opens
	}{
		{
			"wrong shape", edit("model.layers.1.self_attn.k_proj.weight", func(x *safetensors.Tensor) { x.Shape = []int64{16, 8} }),
			"layer 1 self_attn.k_proj.weight: expected [8 16], found [16 8]",
		},
		{
			"missing", edit("model.layers.0.mlp.up_proj.weight", func(x *safetensors.Tensor) { x.Name = "model.layers.0.mlp.other.weight" }),
			"layer 0 mlp.up_proj.weight: expected [24 16], found no such tensor",
		},
		{
			"integers", edit("model.norm.weight", func(x *safetensors.Tensor) { x.DType = safetensors.I32 }),
			"model.norm.weight: expected floating-point numbers, found I32",
		},
		{
			"bias that would be ignored", extra("model.layers.1.self_attn.o_proj.bias"),
			"layer 1 self_attn.o_proj.bias [1]: not a tensor of architecture llama",
		},
		{"layer too many", extra("model.layers.2.input_layernorm.weight"), "layer 2 input_layernorm.weight"},
		{"frequencies are harmless", extra("model.layers.0.self_attn.rotary_emb.inv_freq"), ""},
		{"tied head stored again is harmless", extra("lm_head.weight"), ""},
	}
	for _, r := range rows {
		_, err := Open(folder(t, config, r.tensors))
		if r.want == "" && err != nil || r.want != "" && (err == nil || !strings.Contains(err.Error(), r.want)) {
			t.Errorf("%s: expected %q, found %v", r.name, r.want, err)
		}
	}
	_, err := Open(folder(t, with(config, "num_hidden_layers", 4000), tensorsOf(configOf(t, config))))
	if err == nil || !strings.Contains(err.Error(), "4000 layers, but there are only 20 tensors") {
		t.Errorf("layers that are not there: found %v", err)
	}
}

func TestReadErrors(t *testing.T) {
	m, err := Open(folder(t, tiny(Llama), tensorsOf(configOf(t, tiny(Llama)))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if err := m.Read("absent", nil); err == nil || !strings.Contains(err.Error(), `no tensor "absent"`) {
		t.Errorf("absent: found %v", err)
	}
	if err := m.Read(finalNorm, make([]float32, 3)); err == nil || !strings.Contains(err.Error(), "expected room for 16 elements, found 3") {
		t.Errorf("little room: found %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "absent")); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("absent path: found %v", err)
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("folder without a model: found %v", err)
	}
	file := filepath.Join(t.TempDir(), "x")
	writeFile(t, filepath.Dir(file), "x", "hello")
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), "start with GGUF") {
		t.Errorf("file of another format: found %v", err)
	}
}

func TestSHA256(t *testing.T) {
	dir := folder(t, tiny(Llama), tensorsOf(configOf(t, tiny(Llama))))
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	path := filepath.Join(dir, safetensors.SingleFile)
	check := func(when string) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := sha256.Sum256(data)
		for range 2 {
			if got, err := m.SHA256(); err != nil || got != hex.EncodeToString(want[:]) {
				t.Errorf("%s: expected %x, found %s, %v", when, want, got, err)
			}
		}
	}
	check("first")
	data, _ := os.ReadFile(path)
	data[len(data)-1] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	check("after a change")
}

// The sum of shards is that of their contents one after the other.
func TestSHA256OfShards(t *testing.T) {
	config := tiny(Llama)
	all := tensorsOf(configOf(t, config))
	dir := t.TempDir()
	writeJSON(t, dir, "config.json", config)
	index := map[string]string{}
	for i, shard := range [][]safetensors.Tensor{all[:5], all[5:]} {
		name := []string{"a.safetensors", "b.safetensors"}[i]
		if err := safetensors.Write(filepath.Join(dir, name), shard, nil); err != nil {
			t.Fatal(err)
		}
		for _, x := range shard {
			index[x.Name] = name
		}
	}
	writeJSON(t, dir, safetensors.IndexFile, map[string]any{"weight_map": index})
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	a, _ := os.ReadFile(filepath.Join(dir, "a.safetensors"))
	b, _ := os.ReadFile(filepath.Join(dir, "b.safetensors"))
	want := sha256.Sum256(append(a, b...))
	if got, err := m.SHA256(); err != nil || got != hex.EncodeToString(want[:]) {
		t.Errorf("expected %x, found %s, %v", want, got, err)
	}
}
