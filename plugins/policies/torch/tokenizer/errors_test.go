package tokenizer

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/plugins/policies/torch/gguf"
)

// change sets one part of a tokenizer.json, given by its path.
func change(t *testing.T, text json.RawMessage, path string, value string) []byte {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	keys := strings.Split(path, ".")
	at := root
	for _, k := range keys[:len(keys)-1] {
		at, _ = at[k].(map[string]any)
	}
	at[keys[len(keys)-1]] = v
	out, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestJSONErrors(t *testing.T) {
	base := tinyCases(t)[0].Tokenizer
	split := func(pattern, behavior string) string {
		p, _ := json.Marshal(pattern)
		return `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":` + string(p) + `},"behavior":"` + behavior + `"},{"type":"ByteLevel","use_regex":false}]}`
	}
	rows := []struct{ name, path, value, want string }{
		{"another model", "model.type", `"Unigram"`, `expected type BPE, found "Unigram"`},
		{"dropout", "model.dropout", `0.1`, "expected no dropout, found 0.1"},
		{"suffix", "model.end_of_word_suffix", `"</w>"`, "no byte-level BPE"},
		{"byte fallback", "model.byte_fallback", `true`, "byte_fallback"},
		{"fused unknown", "model.fuse_unk", `true`, "fuse_unk"},
		{"unknown token that is not there", "model.unk_token", `"<unk>"`, `"<unk>", is not in the vocabulary`},
		{"empty vocabulary", "model.vocab", `{}`, "the vocabulary is empty"},
		{"id out of range", "model.vocab", `{"a":2000000000}`, `token "a": expected an id of 0 to`},
		{"id negative", "model.vocab", `{"a":-1}`, "found -1"},
		{"id twice", "model.vocab", `{"a":1,"b":1}`, "is that of another token"},
		{"merge of three", "model.merges", `["a b c"]`, "expected two parts"},
		{"merge of one", "model.merges", `[["a"]]`, "expected two parts, found 1"},
		{"merge of nothing known", "model.merges", `["a zz"]`, "not in the vocabulary"},
		{"added token empty", "added_tokens", `[{"id":3,"content":""}]`, "added token 3 is empty"},
		{"another normalizer", "normalizer", `{"type":"NFKC"}`, `expected NFC or none, found "NFKC"`},
		{"no pre-tokenizer", "pre_tokenizer", `null`, "pre_tokenizer: expected ByteLevel"},
		{"another pre-tokenizer", "pre_tokenizer", `{"type":"Metaspace"}`, `"Metaspace" in place 1 of 1 is not supported`},
		{"prefix space", "pre_tokenizer", `{"type":"ByteLevel","add_prefix_space":true}`, "add_prefix_space"},
		{"digits in groups", "pre_tokenizer", `{"type":"Sequence","pretokenizers":[{"type":"Digits"},{"type":"ByteLevel"}]}`, "individual_digits"},
		{"unknown pattern", "pre_tokenizer", split(`\w+`, "Isolated"), `Split by "\\w+" is not supported; known patterns`},
		{"another behavior", "pre_tokenizer", split(patternCL1, "Removed"), "expected behavior Isolated"},
		{"nothing splits", "pre_tokenizer", `{"type":"ByteLevel","use_regex":false}`, "expected a Sequence that splits"},
		{"splits twice", "pre_tokenizer", strings.Replace(split(patternCL1, "Isolated"), `"use_regex":false`, `"use_regex":true`, 1), "Split before a ByteLevel with use_regex"},
		{"another post-processor", "post_processor", `{"type":"BertProcessing"}`, "expected ByteLevel or TemplateProcessing"},
		{"template without a text", "post_processor", `{"type":"TemplateProcessing","single":[]}`, "expected one text in the template, found 0"},
		{"template with an unknown token", "post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}]}`, `special token "x" is not described`},
		{"template with an unknown id", "post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}},{"Sequence":{"id":"A"}}],"special_tokens":{"x":{"ids":[99999]}}}`, "no token has the id 99999"},
		{"no decoder", "decoder", `null`, "decoder: expected ByteLevel, found none"},
		{"another decoder", "decoder", `{"type":"WordPiece"}`, `decoder: expected ByteLevel, found "WordPiece"`},
	}
	for _, r := range rows {
		_, err := FromJSON(change(t, base, r.path, r.value))
		if err == nil || !strings.Contains(err.Error(), r.want) || !strings.HasPrefix(err.Error(), "tokenizer.json: ") {
			t.Errorf("%s: expected %q, found %v", r.name, r.want, err)
		}
	}
	if _, err := FromJSON([]byte("{")); err == nil {
		t.Error("broken JSON: expected an error")
	}
}

func TestGGUFErrors(t *testing.T) {
	base := func() gguf.Metadata {
		return gguf.Metadata{
			"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": []string{"a", "b", "ab", "<s>"},
			"tokenizer.ggml.token_type": []int64{1, 1, 1, 3}, "tokenizer.ggml.merges": []string{"a b"}, "tokenizer.ggml.bos_token_id": uint64(3),
		}
	}
	rows := []struct {
		name, key string
		value     any
		want      string
	}{
		{"no model", "model", nil, "no tokenizer.ggml.model"},
		{"another model", "model", "llama", `expected gpt2 (byte-level BPE), found "llama"`},
		{"no pre-tokenizer", "pre", nil, "no tokenizer.ggml.pre"},
		{"another pre-tokenizer", "pre", "deepseek-llm", `"deepseek-llm" is not supported; known: ["gpt-2" "llama-bpe" "llama-v3" "llama3" "qwen2" "smollm"]`},
		{"no tokens", "tokens", nil, "no tokenizer.ggml.tokens"},
		{"token twice", "tokens", []string{"a", "a", "ab", "b"}, `"a" has the ids 0 and 1`},
		{"types too few", "token_type", []int64{1}, "expected 4 entries, found 1"},
		{"types as text", "token_type", "x", "expected a list of integers"},
		{"no merges", "merges", nil, "no tokenizer.ggml.merges"},
		{"merge of one part", "merges", []string{"ab"}, `merges[0]: expected two parts with a space between, found "ab"`},
		{"merge of unknown parts", "merges", []string{"a c"}, "not in the vocabulary"},
		{"begin of text as text", "add_bos_token", "yes", "expected a bool"},
	}
	for _, r := range rows {
		m := base()
		m["tokenizer.ggml."+r.key] = r.value
		if r.value == nil {
			delete(m, "tokenizer.ggml."+r.key)
		}
		if _, err := FromGGUF(m); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: expected %q, found %v", r.name, r.want, err)
		}
	}
}

// Whether a begin of text is put before a text follows the file, and the pre-tokenizer's habit where the file is silent.
func TestGGUFBeginOfText(t *testing.T) {
	rows := []struct {
		name, pre string
		add       any
		want      int
	}{
		{"gpt-2 is silent", "gpt-2", nil, 1},
		{"gpt-2 says so", "gpt-2", true, 2},
		{"llama is silent", "llama-bpe", nil, 2},
		{"llama says no", "llama-bpe", false, 1},
	}
	for _, r := range rows {
		m := gguf.Metadata{
			"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": r.pre, "tokenizer.ggml.tokens": []string{"a", "<s>"},
			"tokenizer.ggml.token_type": []int64{1, 3}, "tokenizer.ggml.merges": []string{}, "tokenizer.ggml.bos_token_id": uint64(1),
		}
		if r.add != nil {
			m["tokenizer.ggml.add_bos_token"] = r.add
		}
		tok, err := FromGGUF(m)
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.EncodeWithSpecial("a"); len(got) != r.want {
			t.Errorf("%s: expected %d ids, found %v", r.name, r.want, got)
		}
		m["tokenizer.ggml.bos_token_id"] = uint64(9)
		if _, err := FromGGUF(m); r.want == 2 && (err == nil || !strings.Contains(err.Error(), "no token has the id 9")) {
			t.Errorf("%s: id out of range: found %v", r.name, err)
		}
	}
}

// Tokens that only fill the table have no text.
func TestGGUFUnusedTokens(t *testing.T) {
	tok, err := FromGGUF(gguf.Metadata{
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2", "tokenizer.ggml.tokens": []string{"a", "[PAD1]", "[PAD2]"},
		"tokenizer.ggml.token_type": []int64{1, 5, 5}, "tokenizer.ggml.merges": []string{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Decode([]int32{0, 1, 2}, false); got != "a" || tok.Size() != 1 {
		t.Errorf("found %q and the size %d", got, tok.Size())
	}
}
