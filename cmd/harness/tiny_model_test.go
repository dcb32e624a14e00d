package main

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// tinyModel writes a Hugging Face folder with a Llama of 29,000 random weights that reads and writes bytes: everything
// of a real run but its cost.
func tinyModel(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const hidden, inner, layers, heads, vocabulary = 32, 64, 2, 4, 257
	write := func(name string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("config.json", map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "vocab_size": vocabulary, "hidden_size": hidden,
		"intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": heads,
		"max_position_embeddings": 4096, "tie_word_embeddings": true, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
		"bos_token_id": 256, "eos_token_id": 256, "hidden_act": "silu",
	})
	type object = map[string]any
	pieces := object{}
	for b, letter := range byteLetters() {
		pieces[string(letter)] = b
	}
	write("tokenizer.json", object{
		"version": "1.0", "normalizer": nil, "post_processor": nil,
		"added_tokens": []object{{
			"id": 256, "content": "<|end|>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
		}},
		"pre_tokenizer": object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
		"decoder":       object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
		"model":         object{"type": "BPE", "vocab": pieces, "merges": []string{}},
	})
	write("tokenizer_config.json", object{
		"eos_token": "<|end|>", "chat_template": "{% for m in messages %}{{ m['content'] }}\n{% endfor %}",
	})

	r := rand.New(rand.NewPCG(1, 2))
	header := object{}
	var data []byte
	add := func(name string, shape ...int) {
		n := 1
		for _, s := range shape {
			n *= s
		}
		from := len(data)
		for range n {
			x := float32(r.NormFloat64() * 0.1)
			if len(shape) == 1 { // a norm's scale
				x = 1
			}
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
		}
		header[name] = object{"dtype": "F32", "shape": shape, "data_offsets": []int{from, len(data)}}
	}
	add("model.embed_tokens.weight", vocabulary, hidden)
	add("model.norm.weight", hidden)
	for _, layer := range []string{"model.layers.0.", "model.layers.1."} {
		for _, name := range []string{"q", "k", "v", "o"} {
			add(layer+"self_attn."+name+"_proj.weight", hidden, hidden)
		}
		add(layer+"mlp.gate_proj.weight", inner, hidden)
		add(layer+"mlp.up_proj.weight", inner, hidden)
		add(layer+"mlp.down_proj.weight", hidden, inner)
		add(layer+"input_layernorm.weight", hidden)
		add(layer+"post_attention_layernorm.weight", hidden)
	}
	head, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
	file = append(append(file, head...), data...)
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// byteLetters returns the letter that stands for each byte in the vocabulary of a byte-level BPE: itself where it prints,
// and else one from U+0100 on.
func byteLetters() [256]rune {
	var letters [256]rune
	next := rune(256)
	for b := range letters {
		if r := rune(b); r > ' ' && r < 0x7f || r > 0xa0 && r != 0xad {
			letters[b] = r
			continue
		}
		letters[b] = next
		next++
	}
	return letters
}
