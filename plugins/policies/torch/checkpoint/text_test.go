package checkpoint

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// tokenizerJSON is a tokenizer of single bytes with the special tokens given, which have the first ids.
func tokenizerJSON(special ...string) map[string]any {
	vocab, added := map[string]int{}, []map[string]any{}
	for i, text := range special {
		vocab[text] = i
		added = append(added, map[string]any{"id": i, "content": text, "special": true})
	}
	for _, text := range byteVocabulary()[3:] {
		vocab[text] = len(vocab)
	}
	level := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}
	return map[string]any{"added_tokens": added, "pre_tokenizer": level, "decoder": level, "model": map[string]any{"type": "BPE", "vocab": vocab, "merges": []string{}}}
}

func TestFolderText(t *testing.T) {
	prompt := core.Prompt{Messages: []core.Message{{Role: "user", Content: "hi"}}, Prefill: "ok"}
	rows := []struct {
		name  string
		files map[string]any // a string is written as it is, others as JSON
		want  string         // rendered prompt, or part of the error
	}{
		{"template in tokenizer_config.json", map[string]any{"tokenizer_config.json": map[string]any{
			"bos_token": map[string]any{"content": "<s>"}, "eos_token": "</s>", "chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}",
		}}, "<s>hi</s>ok"},
		{"template in a file of its own is preferred", map[string]any{
			"chat_template.jinja":   "[{{ messages[0].content }}]",
			"tokenizer_config.json": map[string]any{"chat_template": "old"},
		}, "[hi]ok"},
		{"named templates", map[string]any{"tokenizer_config.json": map[string]any{
			"chat_template": []any{map[string]any{"name": "tool_use", "template": "no"}, map[string]any{"name": "default", "template": "yes "}},
		}}, "yes ok"},
		{"named templates without a default", map[string]any{"tokenizer_config.json": map[string]any{
			"chat_template": []any{map[string]any{"name": "rag", "template": "no"}},
		}}, `expected a template named "default"`},
		{"special tokens from the configuration", map[string]any{"chat_template.jinja": "{{ bos_token }}{{ eos_token }}"}, "<s></s>ok"},
		{"no template", nil, "has no chat template; use a prompt without messages"},
		{"template that does not parse", map[string]any{"chat_template.jinja": "a\n{% for %}"}, "chat template: line 2"},
		{"template that refuses", map[string]any{"chat_template.jinja": "{{ raise_exception('no users') }}"}, "no users"},
		{"token of a wrong form", map[string]any{"tokenizer_config.json": map[string]any{"bos_token": 7}}, "expected a token's text"},
		{"tokenizer of another kind", map[string]any{"tokenizer.json": map[string]any{"model": map[string]any{"type": "Unigram"}}}, "expected type BPE"},
		{
			"ChatML's tokens",
			map[string]any{"tokenizer.json": tokenizerJSON("<|endoftext|>", "<|im_start|>", "<|im_end|>")},
			"<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nok",
		},
	}
	for _, r := range rows {
		dir := folder(t, tiny(Llama), tensorsOf(configOf(t, tiny(Llama))))
		writeJSON(t, dir, "tokenizer.json", tokenizerJSON("<unk>", "<s>", "</s>"))
		for name, content := range r.files {
			if text, ok := content.(string); ok {
				writeFile(t, dir, name, text)
			} else {
				writeJSON(t, dir, name, content)
			}
		}
		got := ""
		m, err := Open(dir)
		if err == nil {
			got, err = m.RenderPrompt(prompt)
		}
		if err != nil {
			got = err.Error()
			if !strings.Contains(got, r.want) {
				t.Errorf("%s: expected %q, found %q", r.name, r.want, got)
			}
		} else if got != r.want {
			t.Errorf("%s: expected %q, found %q", r.name, r.want, got)
		}
	}
}

func TestChatVariables(t *testing.T) {
	dir := folder(t, tiny(Llama), tensorsOf(configOf(t, tiny(Llama))))
	writeJSON(t, dir, "tokenizer.json", tokenizerJSON("<unk>", "<s>", "</s>"))
	writeFile(t, dir, "chat_template.jinja", "{{ 'think' if enable_thinking is not defined or enable_thinking else 'answer' }}")
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	p := core.Prompt{Messages: []core.Message{{Role: "user"}}}
	if text, err := m.RenderPrompt(p); err != nil || text != "think" {
		t.Errorf("found %q, %v", text, err)
	}
	m.ChatVariables = map[string]any{"enable_thinking": false}
	if text, err := m.RenderPrompt(p); err != nil || text != "answer" {
		t.Errorf("found %q, %v", text, err)
	}
}

// A prompt without messages gets what the tokenizer puts before a text; one with messages does not.
func TestBeginOfText(t *testing.T) {
	tok := tokenizerJSON("<unk>", "<s>", "</s>")
	var post any
	if err := json.Unmarshal([]byte(`{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"ids":[1]}}}`), &post); err != nil {
		t.Fatal(err)
	}
	tok["post_processor"] = post
	dir := folder(t, tiny(Llama), tensorsOf(configOf(t, tiny(Llama))))
	writeJSON(t, dir, "tokenizer.json", tok)
	writeFile(t, dir, "chat_template.jinja", "{{ bos_token }}{{ messages[0].content }}")
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	a, errA := m.EncodePrompt(core.Prompt{Prefill: "x"})
	b, errB := m.EncodePrompt(core.Prompt{Messages: []core.Message{{Role: "user", Content: "x"}}})
	if errA != nil || errB != nil || !slices.Equal(a, []int32{1, 'x' + 3}) || !slices.Equal(a, b) {
		t.Errorf("found %v and %v, %v, %v", a, b, errA, errB)
	}
}

// The embedding must have a row for every token.
func TestTokenizerLargerThanModel(t *testing.T) {
	config := with(tiny(Llama), "vocab_size", 100)
	dir := folder(t, config, tensorsOf(configOf(t, config)))
	writeJSON(t, dir, "tokenizer.json", tokenizerJSON("<unk>", "<s>", "</s>"))
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "ids up to 258, the model only 100 embeddings") {
		t.Errorf("found %v", err)
	}
}
