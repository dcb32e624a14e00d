package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/plugins/policies/torch/safetensors"
)

// tiny is a config.json of each architecture: 2 layers, 4 heads of 4 over 2 key-value heads, a vocabulary of 300.
func tiny(architecture string) map[string]any {
	return map[string]any{
		"model_type": architecture, "num_hidden_layers": 2, "hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 4,
		"num_key_value_heads": 2, "head_dim": 4, "vocab_size": 300, "max_position_embeddings": 128, "rms_norm_eps": 1e-5,
		"rope_theta": 1e4, "tie_word_embeddings": true, "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": nil,
	}
}

// with changes entries of a configuration; a nil value removes one.
func with(config map[string]any, pairs ...any) map[string]any {
	out := maps.Clone(config)
	for i := 0; i < len(pairs); i += 2 {
		if key, _ := pairs[i].(string); pairs[i+1] == nil {
			delete(out, key)
		} else {
			out[key] = pairs[i+1]
		}
	}
	return out
}

// configOf parses a configuration without looking at tensors.
func configOf(t *testing.T, config map[string]any) Config {
	t.Helper()
	dir := t.TempDir()
	writeJSON(t, dir, "config.json", config)
	c, err := readHFConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func writeJSON(t *testing.T, dir, name string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, name, string(text))
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tensorsOf makes the tensors of a configuration; every element has a value of its own.
func tensorsOf(c Config) []safetensors.Tensor {
	var out []safetensors.Tensor
	next := float32(0)
	for _, info := range c.expected() {
		n := int64(1)
		for _, d := range info.Shape {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = next
			next++
		}
		out = append(out, safetensors.Float32(info.Name, info.Shape, values))
	}
	return out
}

// folder writes a model folder of a configuration.
func folder(t *testing.T, config map[string]any, tensors []safetensors.Tensor) string {
	t.Helper()
	dir := t.TempDir()
	writeJSON(t, dir, "config.json", config)
	if err := safetensors.Write(filepath.Join(dir, safetensors.SingleFile), tensors, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ggufPair is a key of a GGUF file; its value is a uint32, float32, bool, string, []string or []int32.
type ggufPair struct {
	key   string
	value any
}

// ggufTensor is a float32 tensor of a GGUF file; Shape is PyTorch's.
type ggufTensor struct {
	name   string
	shape  []int64
	values []float32
}

// writeGGUF writes a file of version 3.
func writeGGUF(t *testing.T, pairs []ggufPair, tensors []ggufTensor) string {
	t.Helper()
	le := binary.LittleEndian
	str := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	b := []byte("GGUF\x03\x00\x00\x00")
	b = le.AppendUint64(b, uint64(len(tensors)))
	b = le.AppendUint64(b, uint64(len(pairs)))
	for _, p := range pairs {
		b = str(b, p.key)
		switch v := p.value.(type) {
		case uint32:
			b = le.AppendUint32(le.AppendUint32(b, 4), v)
		case float32:
			b = le.AppendUint32(le.AppendUint32(b, 6), math.Float32bits(v))
		case bool:
			b = append(le.AppendUint32(b, 7), map[bool]byte{true: 1}[v])
		case string:
			b = str(le.AppendUint32(b, 8), v)
		case []string:
			b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 9), 8), uint64(len(v)))
			for _, s := range v {
				b = str(b, s)
			}
		case []int32:
			b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 9), 5), uint64(len(v)))
			for _, n := range v {
				b = le.AppendUint32(b, uint32(n))
			}
		default:
			t.Fatalf("%s: no GGUF value of type %T", p.key, v)
		}
	}
	at := uint64(0)
	for _, w := range tensors {
		b = le.AppendUint32(str(b, w.name), uint32(len(w.shape)))
		for i := range w.shape {
			b = le.AppendUint64(b, uint64(w.shape[len(w.shape)-1-i]))
		}
		b = le.AppendUint64(le.AppendUint32(b, 0), at)
		at += (uint64(len(w.values))*4 + 31) / 32 * 32
	}
	for _, w := range tensors {
		for len(b)%32 != 0 {
			b = append(b, 0)
		}
		for _, v := range w.values {
			b = le.AppendUint32(b, math.Float32bits(v))
		}
	}
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// byteVocabulary is a tokenizer's vocabulary: three special tokens, then a token for each byte.
func byteVocabulary() []string {
	tokens := []string{"<unk>", "<s>", "</s>"}
	next := rune(256)
	for b := rune(0); b < 256; b++ {
		r := b
		if b < '!' || b > '~' && b < '¡' || b == 0xad {
			r = next
			next++
		}
		tokens = append(tokens, string(r))
	}
	return tokens
}

// ggufPairs is the metadata of a tiny GGUF file of an architecture.
func ggufPairs(architecture string) []ggufPair {
	tokens := byteVocabulary()
	types := make([]int32, len(tokens))
	for i := range types {
		types[i] = 1
		if i < 3 {
			types[i] = 3
		}
	}
	a := architecture + "."
	return []ggufPair{
		{"general.architecture", architecture},
		{a + "block_count", uint32(2)},
		{a + "embedding_length", uint32(16)},
		{a + "feed_forward_length", uint32(24)},
		{a + "attention.head_count", uint32(4)},
		{a + "attention.head_count_kv", uint32(2)},
		{a + "attention.key_length", uint32(4)},
		{a + "context_length", uint32(128)},
		{a + "attention.layer_norm_rms_epsilon", float32(1e-5)},
		{a + "rope.freq_base", float32(1e4)},
		{"tokenizer.ggml.model", "gpt2"},
		{"tokenizer.ggml.pre", "gpt-2"},
		{"tokenizer.ggml.tokens", tokens},
		{"tokenizer.ggml.token_type", types},
		{"tokenizer.ggml.merges", []string{}},
		{"tokenizer.ggml.bos_token_id", uint32(1)},
		{"tokenizer.ggml.eos_token_id", uint32(2)},
	}
}

// ggufName translates a name into GGUF's.
func ggufName(name string) string {
	for from, to := range map[string]string{embedding: "token_embd.weight", finalNorm: "output_norm.weight", head: "output.weight"} {
		if name == from {
			return to
		}
	}
	parts := strings.SplitN(strings.TrimPrefix(name, "model.layers."), ".", 2)
	at := strings.LastIndex(parts[1], ".")
	for short, long := range ggufNames {
		if long == parts[1][:at] {
			return "blk." + parts[0] + "." + short + parts[1][at:]
		}
	}
	return ""
}
