package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/assets"
)

// permute is what the converter to GGUF does to q and k of architecture llama: rows (i, i+half) of a head become neighbours.
func permute(w []float32, heads, headDim int) []float32 {
	cols := len(w) / (heads * headDim)
	out := make([]float32, 0, len(w))
	for h := range heads {
		for i := range headDim / 2 {
			for _, row := range []int{h*headDim + i, h*headDim + i + headDim/2} {
				out = append(out, w[row*cols:(row+1)*cols]...)
			}
		}
	}
	return out
}

// ggufTensors are the tensors of a tiny model as a GGUF file has them.
func ggufTensors(t *testing.T, c Config) []ggufTensor {
	var out []ggufTensor
	for _, x := range tensorsOf(c) {
		values := floats(t, x)
		if c.Architecture == Llama && strings.HasSuffix(x.Name, "q_proj.weight") {
			values = permute(values, c.Heads, c.HeadDim)
		}
		if c.Architecture == Llama && strings.HasSuffix(x.Name, "k_proj.weight") {
			values = permute(values, c.KVHeads, c.HeadDim)
		}
		out = append(out, ggufTensor{ggufName(x.Name), x.Shape, values})
	}
	return out
}

// A GGUF file and a Hugging Face folder of one model give the same configuration and the same tensors.
func TestGGUFMatchesFolder(t *testing.T) {
	for _, arch := range Architectures() {
		for _, tied := range []bool{true, false} {
			want := configOf(t, with(tiny(arch), "tie_word_embeddings", tied))
			m, err := Open(writeGGUF(t, ggufPairs(arch), ggufTensors(t, want)))
			if err != nil {
				t.Fatalf("%s, tied %t: %v", arch, tied, err)
			}
			if !reflect.DeepEqual(m.Config, want) {
				t.Errorf("%s:\nexpected %+v\nfound    %+v", arch, want, m.Config)
			}
			for _, x := range tensorsOf(want) {
				got := make([]float32, size(x.Shape))
				if err = m.Read(x.Name, got); err != nil || !reflect.DeepEqual(got, floats(t, x)) {
					t.Errorf("%s %s: differs, %v", arch, x.Name, err)
				}
			}
			ids, err := m.EncodePrompt(core.Prompt{Prefill: "hé"})
			if want := []int32{'h' + 3, 0xc3 + 3, 0xa9 + 3}; err != nil || !slices.Equal(ids, want) {
				t.Errorf("%s: encode: expected %v, found %v, %v", arch, want, ids, err)
			}
			if m.Name != "tiny" {
				t.Errorf("name: found %q", m.Name)
			}
			_ = m.Close()
		}
	}
}

func TestGGUFRopeFactors(t *testing.T) {
	c := configOf(t, tiny(Llama))
	tensors := append(ggufTensors(t, c), ggufTensor{ropeFreqs, []int64{2}, []float32{1, 8}})
	m, err := Open(writeGGUF(t, ggufPairs(Llama), tensors))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	plain, scaled := c.RopeInvFreq(), m.Config.RopeInvFreq()
	if scaled[0] != plain[0] || scaled[1] != plain[1]/8 {
		t.Errorf("expected %v with the second divided by 8, found %v", plain, scaled)
	}
}

func TestGGUFErrors(t *testing.T) {
	c := configOf(t, tiny(Llama))
	change := func(key string, value any) []ggufPair {
		pairs := slices.Clone(ggufPairs(Llama))
		pairs = slices.DeleteFunc(pairs, func(p ggufPair) bool { return p.key == key })
		if value != nil {
			pairs = append(pairs, ggufPair{key, value})
		}
		return pairs
	}
	tensors := ggufTensors(t, c)
	factors := append(slices.Clone(tensors), ggufTensor{ropeFreqs, []int64{3}, []float32{1, 1, 1}})
	zero := append(slices.Clone(tensors), ggufTensor{ropeFreqs, []int64{2}, []float32{1, 0}})
	rows := []struct {
		name    string
		pairs   []ggufPair
		tensors []ggufTensor
		want    string
	}{
		{"no architecture", change("general.architecture", nil), tensors, "metadata has no general.architecture"},
		{"unknown architecture", change("general.architecture", "gemma3"), tensors, `unknown architecture "gemma3"; known: llama, qwen2, qwen3`},
		{"no layers", change("llama.block_count", nil), tensors, "metadata has no llama.block_count"},
		{"layers as text", change("llama.block_count", "2"), tensors, "llama.block_count: expected an integer, found string"},
		{"heads differ by layer", change("llama.attention.head_count", []int32{4, 4}), tensors, "expected an integer, found []int64"},
		{"no heads", change("llama.attention.head_count", uint32(0)), tensors, "expected attention heads"},
		{"value heads differ", change("llama.attention.value_length", uint32(8)), tensors, "expected the head dimension 4, found 8"},
		{"partial rotary positions", change("llama.rope.dimension_count", uint32(2)), tensors, "expected the head dimension 4, found 2"},
		{"experts", change("llama.expert_count", uint32(8)), tensors, "expert_count is 8: not supported"},
		{"sliding window", change("llama.attention.sliding_window", uint32(64)), tensors, "sliding_window is 64: not supported"},
		{"yarn", change("llama.rope.scaling.type", "yarn"), tensors, `expected none, found "yarn"`},
		{"no end of sequence", change("tokenizer.ggml.eos_token_id", nil), tensors, "no end-of-sequence token"},
		{"end of sequence out of range", change("tokenizer.ggml.eos_token_id", uint32(300)), tensors, "expected an id below 300, found 300"},
		{"no embedding", ggufPairs(Llama), tensors[1:], "token_embd.weight (model.embed_tokens.weight) is missing"},
		{"wrong shape", change("llama.feed_forward_length", uint32(32)), tensors, "layer 0 mlp.gate_proj.weight: expected [32 16], found [24 16]"},
		{"unknown tensor", ggufPairs(Llama), append(slices.Clone(tensors), ggufTensor{"blk.0.attn_sinks.weight", []int64{1}, []float32{0}}), "blk.0.attn_sinks.weight [1]: not a tensor of"},
		{"rope factors of another size", ggufPairs(Llama), factors, "rope_freqs.weight: expected [2], found [3]"},
		{"rope factor zero", ggufPairs(Llama), zero, "rope factor 1: expected a positive number"},
		{"tokenizer of another kind", change("tokenizer.ggml.model", "llama"), tensors, "expected gpt2"},
		{"template that does not parse", change("tokenizer.chat_template", "{% if %}"), tensors, "chat template: line 1"},
	}
	for _, r := range rows {
		_, err := Open(writeGGUF(t, r.pairs, r.tensors))
		if err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: expected %q, found %v", r.name, r.want, err)
		}
	}
}

// An end of turn beside the end of sequence ends a completion, too.
func TestGGUFEndOfTurn(t *testing.T) {
	c := configOf(t, tiny(Llama))
	m, err := Open(writeGGUF(t, append(ggufPairs(Llama), ggufPair{"tokenizer.ggml.eot_token_id", uint32(0)}), ggufTensors(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if !slices.Equal(m.Config.EOS, []int{2, 0}) {
		t.Errorf("expected [2 0], found %v", m.Config.EOS)
	}
}

// realModel is SmolLM2-135M-Instruct from the cache.
func realModel(tb testing.TB) *Model {
	cache, err := assets.Open("", nil, assets.Builtin()...)
	if err != nil {
		tb.Fatal(err)
	}
	path, err := cache.Path(tb.Context(), "smollm2-135m-instruct")
	if err != nil {
		tb.Skipf("the model is not there: %v", err)
	}
	m, err := Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = m.Close() })
	return m
}

func TestSmolLM2(t *testing.T) {
	m := realModel(t)
	want := Config{
		Architecture: Llama, Layers: 30, Hidden: 576, Intermediate: 1536, Heads: 9, KVHeads: 3, HeadDim: 64, Vocab: 49152,
		ContextLength: 8192, NormEps: 1e-5, RopeTheta: 100000, TieEmbeddings: true, BOS: 1, EOS: []int{2}, Pad: 2,
	}
	if !reflect.DeepEqual(m.Config, want) {
		t.Errorf("expected %+v\nfound %+v", want, m.Config)
	}
	if m.Config.Parameters() != 134515008 || len(m.Tensors()) != 272 {
		t.Errorf("found %d parameters in %d tensors", m.Config.Parameters(), len(m.Tensors()))
	}
	// From numpy: the Python package gguf's dequantize, then reshape(heads, 32, 2, 576).swapaxes(1, 2) for q and k.
	sums := map[string]string{
		"model.embed_tokens.weight":               "3fd491c8066dd9dc1a2bf6796701526c82817d95c0ecabacdef3013c2b8bbbaa",
		"model.layers.0.self_attn.q_proj.weight":  "54b377bbfa2deab945dfdba7fb59e0ca3eb74329358bd1b53b635b3ff37c1a56",
		"model.layers.29.self_attn.k_proj.weight": "8e99b2450d5f3d53731f52790cc82f80b04341e533306bcfee6669ffa3c79921",
		"model.layers.3.mlp.down_proj.weight":     "4776fb25ee5f67b77cdd0c03f37261069c5dcc3f41d312fe1788f3ca5f825db3",
		"model.layers.7.self_attn.v_proj.weight":  "8b6862c014dfc739fbe56bfac2c726cc02ed06fb47a5d68c1fe0ffff2bfcb86b",
		"model.norm.weight":                       "3b87f8e27335e67fc08f159cabfd2d18f205d6c5b225a6f978153552bf01d559",
	}
	for _, info := range m.Tensors() {
		sum, ok := sums[info.Name]
		if !ok {
			continue
		}
		values := make([]float32, size(info.Shape))
		if err := m.Read(info.Name, values); err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		buf := make([]byte, 4)
		for _, v := range values {
			binary.LittleEndian.PutUint32(buf, math.Float32bits(v))
			h.Write(buf)
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != sum {
			t.Errorf("%s: expected %s, found %s", info.Name, sum, got)
		}
	}
}

func TestSmolLM2Prompt(t *testing.T) {
	m := realModel(t)
	p := core.Prompt{TaskID: "x", Messages: []core.Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: "add(a, b)?"}}, Prefill: "```python\n"}
	text, err := m.RenderPrompt(p)
	want := "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nadd(a, b)?<|im_end|>\n<|im_start|>assistant\n```python\n"
	if err != nil || text != want {
		t.Errorf("expected %q, found %q, %v", want, text, err)
	}
	ids, err := m.EncodePrompt(p)
	if err != nil || m.Tokenizer.Decode(ids, false) != want || ids[0] != 1 {
		t.Errorf("found %v, %v", ids, err)
	}
	if _, err := m.EncodePrompt(core.Prompt{}); err == nil || !strings.Contains(err.Error(), "it is empty") {
		t.Errorf("empty prompt: found %v", err)
	}
}

// A file that breaks off in the middle of its data says so.
func TestTruncatedSmolLM2(t *testing.T) {
	data, err := os.ReadFile(realModel(t).Path)
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/cut.gguf"
	if err := os.WriteFile(path, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "the file is truncated") {
		t.Errorf("found %v", err)
	}
}

func BenchmarkReadSmolLM2(b *testing.B) {
	m := realModel(b)
	largest := int64(0)
	for _, info := range m.Tensors() {
		largest = max(largest, size(info.Shape))
	}
	dst := make([]float32, largest)
	b.SetBytes(4 * m.Config.Parameters())
	for b.Loop() {
		for _, info := range m.Tensors() {
			if err := m.Read(info.Name, dst[:size(info.Shape)]); err != nil {
				b.Fatal(err)
			}
		}
	}
}
