package checkpoint

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestConfigErrors(t *testing.T) {
	llama, qwen3 := tiny(Llama), tiny(Qwen3)
	rows := []struct {
		name   string
		config map[string]any
		want   string
	}{
		{"unknown architecture", with(llama, "model_type", "gemma3"), `unknown architecture "gemma3" []; known: llama, qwen2, qwen3`},
		{"no architecture", with(llama, "model_type", nil), `unknown architecture ""`},
		{"no layers", with(llama, "num_hidden_layers", nil), "num_hidden_layers is missing"},
		{"no epsilon", with(llama, "rms_norm_eps", nil), "rms_norm_eps is missing"},
		{"epsilon zero", with(llama, "rms_norm_eps", 0), "epsilon of the norms: expected a number between 0 and 1, found 0"},
		{"layers negative", with(llama, "num_hidden_layers", -1), "number of layers: expected 1 to 4096, found -1"},
		{"vocabulary absurd", with(llama, "vocab_size", 1<<40), "vocabulary size: expected 1 to"},
		{"text for a number", with(llama, "hidden_size", "16"), "hidden_size"},
		{"heads no multiple", with(llama, "num_key_value_heads", 3), "number of attention heads: expected a multiple of the 3 key-value heads, found 4"},
		{"no key-value heads in qwen", with(qwen3, "num_key_value_heads", nil), "num_key_value_heads is missing"},
		{"no head dimension in qwen3", with(qwen3, "head_dim", nil), "head_dim is missing"},
		{"odd head dimension", with(llama, "head_dim", 5), "head dimension: expected an even number, found 5"},
		{"width no multiple of heads", with(llama, "head_dim", nil, "hidden_size", 18), "hidden_size: expected a multiple of the 4 attention heads, found 18"},
		{"heads zero", with(llama, "head_dim", nil, "num_attention_heads", 0), "hidden_size: expected a multiple of the 0 attention heads"},
		{"activation", with(llama, "hidden_act", "gelu"), `hidden_act: expected silu, found "gelu"`},
		{"attention bias in llama", with(llama, "attention_bias", true), "attention_bias is not supported for llama"},
		{"bias of the MLP", with(llama, "mlp_bias", true), "mlp_bias is not supported"},
		{"sliding window", with(qwen3, "use_sliding_window", true), "use_sliding_window is not supported"},
		{"layer types", with(qwen3, "layer_types", []string{"sliding_attention"}), "layer_types: expected full_attention only"},
		{"quantised", with(llama, "quantization_config", map[string]any{"bits": 4}), "quantised safetensors are not supported"},
		{"partial rotary positions", with(llama, "partial_rotary_factor", 0.5), "partial_rotary_factor 0.5"},
		{"yarn, old keys", with(llama, "rope_scaling", map[string]any{"type": "yarn"}), `rope_scaling: rope_type "yarn" is not supported; known: default, llama3`},
		{"yarn, new keys", with(llama, "rope_parameters", map[string]any{"rope_type": "yarn"}), `rope_parameters: rope_type "yarn"`},
		{"scaling without numbers", with(llama, "rope_scaling", map[string]any{"rope_type": "llama3"}), "rope scaling: expected a factor of at least 1"},
		{"theta zero", with(llama, "rope_theta", 0), "rope theta: expected a number between 1 and 1e12, found 0"},
		{"no end of sequence", with(llama, "eos_token_id", nil), "no end-of-sequence token"},
		{"end of sequence out of range", with(llama, "eos_token_id", []int{2, 300}), "expected an id below 300, found 300"},
		{"end of sequence negative", with(llama, "eos_token_id", -1), "expected an id below 300, found -1"},
		{"end of sequence as text", with(llama, "eos_token_id", "</s>"), "expected a token id or a list of them"},
	}
	for _, r := range rows {
		dir := t.TempDir()
		writeJSON(t, dir, "config.json", r.config)
		_, err := readHFConfig(dir)
		if err == nil || !strings.Contains(err.Error(), r.want) || !strings.Contains(err.Error(), "config.json") {
			t.Errorf("%s: expected %q, found %v", r.name, r.want, err)
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	c := configOf(t, with(tiny(Llama), "num_key_value_heads", nil, "head_dim", nil, "rope_theta", nil, "tie_word_embeddings", nil, "bos_token_id", nil))
	if c.KVHeads != 4 || c.HeadDim != 4 || c.RopeTheta != 10000 || c.TieEmbeddings || c.BOS != -1 || c.Pad != -1 {
		t.Errorf("found %+v", c)
	}
}

func TestRopeKeys(t *testing.T) {
	numbers := map[string]any{"factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
	want := &Llama3Scaling{32, 1, 4, 8192}
	rows := []struct {
		name   string
		config map[string]any
	}{
		{"transformers 5", with(tiny(Llama), "rope_theta", nil, "rope_parameters", with(numbers, "rope_type", "llama3", "rope_theta", 5e5))},
		{"before", with(tiny(Llama), "rope_theta", 5e5, "rope_scaling", with(numbers, "rope_type", "llama3"))},
		{"long before", with(tiny(Llama), "rope_theta", 5e5, "rope_scaling", with(numbers, "type", "llama3"))},
	}
	for _, r := range rows {
		c := configOf(t, r.config)
		if c.RopeTheta != 5e5 || !reflect.DeepEqual(c.RopeScaling, want) {
			t.Errorf("%s: found theta %g and %+v", r.name, c.RopeTheta, c.RopeScaling)
		}
	}
}

func TestEndOfSequence(t *testing.T) {
	rows := []struct {
		name, generation string
		want             []int
	}{
		{"no generation_config.json", "", []int{2}},
		{"one", `{"eos_token_id": 5}`, []int{5}},
		{"several", `{"eos_token_id": [5, 7]}`, []int{5, 7}},
		{"none", `{"eos_token_id": null}`, []int{2}},
	}
	for _, r := range rows {
		dir := t.TempDir()
		writeJSON(t, dir, "config.json", tiny(Llama))
		if r.generation != "" {
			writeFile(t, dir, "generation_config.json", r.generation)
		}
		c, err := readHFConfig(dir)
		if err != nil || !reflect.DeepEqual(c.EOS, r.want) {
			t.Errorf("%s: expected %v, found %v, %v", r.name, r.want, c.EOS, err)
		}
	}
	dir := t.TempDir()
	writeJSON(t, dir, "config.json", tiny(Llama))
	writeFile(t, dir, "generation_config.json", "{")
	if _, err := readHFConfig(dir); err == nil || !strings.Contains(err.Error(), "generation_config.json") {
		t.Errorf("broken file: found %v", err)
	}
}

func FuzzConfig(f *testing.F) {
	for _, arch := range Architectures() {
		text, err := json.Marshal(tiny(arch))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`{"model_type":"llama","rope_parameters":{"rope_type":"llama3","factor":1e308},"eos_token_id":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var raw hfConfig
		if json.Unmarshal([]byte(text), &raw) != nil {
			return
		}
		c, err := raw.config()
		if err != nil || c.validate() != nil {
			return
		}
		if len(c.EOS) == 0 || c.Heads%c.KVHeads != 0 || c.HeadDim < 2 {
			t.Fatalf("accepted %+v", c)
		}
		if c.Layers*c.HeadDim < 1<<12 {
			for i, v := range c.RopeInvFreq() {
				if !(v >= 0 && v <= 1) {
					t.Fatalf("frequency %d of %+v is %g", i, c, v)
				}
			}
			if c.Parameters() <= 0 {
				t.Fatalf("%+v has %d parameters", c, c.Parameters())
			}
		}
	})
}

// parityFolders lists the folders of $HARNESS_PARITY that hold a model.
func parityFolders(t *testing.T) (root string, folders []string) {
	root, named := os.LookupEnv("HARNESS_PARITY")
	if !named {
		root = "../../../../../shared/parity/models"
	}
	files, err := filepath.Glob(filepath.Join(root, "*", "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		if named {
			t.Fatalf("HARNESS_PARITY=%s has no */config.json", root)
		}
		t.Skipf("no parity folder at %s; set HARNESS_PARITY", root)
	}
	for _, f := range files {
		folders = append(folders, filepath.Dir(f))
	}
	return root, folders
}
