package chat

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/rlvr-harness/harness/plugins/policies/torch/gguf"
	"github.com/rlvr-harness/harness/runtime/assets"
)

// vectors are messages with what the reference, transformers' apply_chat_template, makes of them.
type vectors struct {
	Tokenizer string
	Special   map[string]string
	Chat      []struct {
		Messages []struct {
			Role, Content string
			Reasoning     string `json:"reasoning_content"`
		}
		GenerationPrompt bool `json:"add_generation_prompt"`
		Kwargs           map[string]any
		Rendered         string
	}
}

// fetch returns the path of an artefact, fetching it where it is not in the cache. Without it the test fails if the vectors
// were asked for by name, and is skipped otherwise.
func fetch(t *testing.T, name string) string {
	cache, err := assets.Open("", nil, assets.Builtin()...)
	if err != nil {
		t.Fatal(err)
	}
	path, err := cache.Path(t.Context(), name)
	if err != nil {
		if _, named := os.LookupEnv("HARNESS_TOKENIZER_VECTORS"); named {
			t.Fatal(err)
		}
		t.Skipf("the model's files are not there: %v", err)
	}
	return path
}

// source returns the chat template of one of the models that the vectors are about.
func source(t *testing.T, name string) string {
	switch name {
	case "smollm2":
		f, err := gguf.Open(fetch(t, "smollm2-135m-instruct"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		text, err := f.Metadata.String("tokenizer.chat_template")
		if err != nil {
			t.Fatal(err)
		}
		return text
	case "qwen3":
		text, err := os.ReadFile(filepath.Join(fetch(t, "tokenizer-qwen3"), "tokenizer_config.json"))
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			Template string `json:"chat_template"`
		}
		if err := json.Unmarshal(text, &config); err != nil {
			t.Fatal(err)
		}
		return config.Template
	case "llama3": // the template beside the tokenizer is not that of Llama 3.2
		text, err := os.ReadFile("testdata/llama32.jinja")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	t.Fatalf("vectors for the tokenizer %q: expected smollm2, qwen3 or llama3", name)
	return ""
}

func TestTokenizerVectorsChat(t *testing.T) {
	dir, named := os.LookupEnv("HARNESS_TOKENIZER_VECTORS")
	if !named {
		dir = "../../../../../shared/parity/tokenizers"
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		if named {
			t.Fatalf("HARNESS_TOKENIZER_VECTORS=%s has no *.json", dir)
		}
		t.Skipf("no vectors at %s; set HARNESS_TOKENIZER_VECTORS", dir)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var v vectors
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		t.Run(v.Tokenizer, func(t *testing.T) {
			template, err := Parse(source(t, v.Tokenizer))
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range v.Chat {
				in := Input{GenerationPrompt: c.GenerationPrompt, BOS: v.Special["bos_token"], EOS: v.Special["eos_token"], Variables: c.Kwargs}
				for _, m := range c.Messages {
					in.Messages = append(in.Messages, Message{m.Role, m.Content, m.Reasoning})
				}
				got, err := template.Render(in)
				if err != nil || got != c.Rendered {
					t.Errorf("chat %d: %v\nexpected %q\nfound    %q", i, err, c.Rendered, got)
				}
			}
			t.Logf("%d chats", len(v.Chat))
		})
	}
}
