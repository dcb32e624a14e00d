package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rlvr-harness/harness/plugins/policies/torch/chat"
	"github.com/rlvr-harness/harness/plugins/policies/torch/gguf"
	"github.com/rlvr-harness/harness/plugins/policies/torch/tokenizer"
)

// readTokenizerFiles reads the tokenizer and the chat template of a Hugging Face folder, as far as they are there.
func (m *Model) readTokenizerFiles(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "tokenizer.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if m.Tokenizer, err = tokenizer.FromJSON(text); err != nil {
		return err
	}
	var config struct {
		BOS      tokenText    `json:"bos_token"`
		EOS      tokenText    `json:"eos_token"`
		Template templateText `json:"chat_template"`
	}
	err = readJSON(filepath.Join(dir, "tokenizer_config.json"), &config)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	m.bos, m.eos = string(config.BOS), string(config.EOS)
	if err != nil { // no such file: the configuration knows the ids
		m.tokensOfConfig()
	}
	source := string(config.Template)
	file, err := os.ReadFile(filepath.Join(dir, "chat_template.jinja"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil { // newer than the key of tokenizer_config.json, and preferred by its readers
		source = string(file)
	}
	return m.setTemplate(source)
}

// readGGUFTokenizer reads the tokenizer and the chat template of a GGUF file.
func (m *Model) readGGUFTokenizer(meta gguf.Metadata) error {
	var err error
	if m.Tokenizer, err = tokenizer.FromGGUF(meta); err != nil {
		return err
	}
	m.tokensOfConfig()
	source := ""
	if meta.Has("tokenizer.chat_template") {
		if source, err = meta.String("tokenizer.chat_template"); err != nil {
			return err
		}
	}
	return m.setTemplate(source)
}

// tokensOfConfig takes the special tokens' texts from the ids in the configuration.
func (m *Model) tokensOfConfig() {
	if m.Config.BOS >= 0 {
		m.bos = m.Tokenizer.Token(int32(m.Config.BOS)) // below the vocabulary's size
	}
	m.eos = m.Tokenizer.Token(int32(m.Config.EOS[0])) // below the vocabulary's size
}

// setTemplate takes the model's own template. A model without one whose tokenizer has ChatML's special tokens was made for
// ChatML and gets that.
func (m *Model) setTemplate(source string) error {
	if source == "" {
		if m.special("<|im_start|>") && m.special("<|im_end|>") {
			m.Template = chat.Fallback()
		}
		return nil
	}
	t, err := chat.Parse(source)
	if err != nil {
		return fmt.Errorf("chat template: %w", err)
	}
	m.Template = t
	return nil
}

func (m *Model) special(text string) bool {
	id, ok := m.Tokenizer.ID(text)
	return ok && m.Tokenizer.Special(id)
}

// tokenText is a token of tokenizer_config.json: a text, an object with its content, or null.
type tokenText string

func (t *tokenText) UnmarshalJSON(text []byte) error {
	var plain *string
	if json.Unmarshal(text, &plain) == nil {
		if plain != nil {
			*t = tokenText(*plain)
		}
		return nil
	}
	var object struct {
		Content string `json:"content"`
	}
	if err := json.Unmarshal(text, &object); err != nil {
		return fmt.Errorf("expected a token's text or an object with its content: %w", err)
	}
	*t = tokenText(object.Content)
	return nil
}

// templateText is the chat_template of tokenizer_config.json: a text, or a list of named ones of which "default" is taken.
type templateText string

func (t *templateText) UnmarshalJSON(text []byte) error {
	var plain *string
	if json.Unmarshal(text, &plain) == nil {
		if plain != nil {
			*t = templateText(*plain)
		}
		return nil
	}
	var named []struct{ Name, Template string }
	if err := json.Unmarshal(text, &named); err != nil {
		return fmt.Errorf("expected a template or a list of named ones: %w", err)
	}
	for _, n := range named {
		if n.Name == "default" {
			*t = templateText(n.Template)
			return nil
		}
	}
	return errors.New(`expected a template named "default" in the list`)
}
