package checkpoint

import (
	"errors"
	"fmt"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/chat"
)

// RenderPrompt returns the text that the model continues: the messages in its chat template, the beginning of the
// assistant's turn, the prefill. A prompt without messages is its prefill alone.
func (m *Model) RenderPrompt(p core.Prompt) (string, error) {
	if len(p.Messages) == 0 {
		return p.Prefill, nil
	}
	if m.Template == nil {
		return "", fmt.Errorf("render prompt of task %q: model %s has no chat template; use a prompt without messages, or a model made for chat", p.TaskID, m.Path)
	}
	in := chat.Input{GenerationPrompt: true, BOS: m.bos, EOS: m.eos, Variables: m.ChatVariables}
	for _, msg := range p.Messages {
		in.Messages = append(in.Messages, chat.Message{Role: msg.Role, Content: msg.Content})
	}
	text, err := m.Template.Render(in)
	if err != nil {
		return "", fmt.Errorf("render prompt of task %q: %w", p.TaskID, err)
	}
	return text + p.Prefill, nil
}

// EncodePrompt returns the ids of RenderPrompt. A chat template writes the special tokens itself; to a prompt without messages the
// tokenizer adds what the model expects before a text.
func (m *Model) EncodePrompt(p core.Prompt) ([]int32, error) {
	if m.Tokenizer == nil {
		return nil, fmt.Errorf("encode prompt of task %q: model %s has no tokenizer.json", p.TaskID, m.Path)
	}
	text, err := m.RenderPrompt(p)
	if err != nil {
		return nil, err
	}
	ids := m.Tokenizer.Encode(text)
	if len(p.Messages) == 0 {
		ids = m.Tokenizer.EncodeWithSpecial(text)
	}
	if len(ids) == 0 {
		return nil, errors.New("encode prompt: it is empty; give messages or a prefill")
	}
	return ids, nil
}
