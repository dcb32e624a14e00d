package chat

import (
	"fmt"
	"maps"
	"time"

	"github.com/rlvr-harness/harness/plugins/policies/torch/chat/jinja"
)

// Message is one turn.
type Message struct {
	Role    string // "system", "user", "assistant" or what else the template knows
	Content string
	// Reasoning is the assistant's thinking, for templates that read reasoning_content; "" gives none.
	Reasoning string
}

// Input is what a template is rendered with.
type Input struct {
	Messages []Message
	// GenerationPrompt ends the text with the beginning of the assistant's turn.
	GenerationPrompt bool
	// BOS and EOS are the texts of the special tokens that a template may write; "" leaves them undefined.
	BOS, EOS string
	// Now is the date that a template may ask for with strftime_now. The zero time leaves that function undefined, which
	// makes templates take a date of their own, so that a rendering is the same on every day.
	Now time.Time
	// Variables are further ones that the template reads, as "enable_thinking" → false. Their types are those of jinja's Render.
	Variables map[string]any
}

// Template is a parsed chat template. It may be rendered from several goroutines at once.
type Template struct{ program *jinja.Template }

// Parse parses the Jinja source of a chat template.
func Parse(source string) (*Template, error) {
	p, err := jinja.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	return &Template{p}, nil
}

// Render renders messages. A template that refuses them, for example because roles do not alternate, gives its own words in the
// error.
func (t *Template) Render(in Input) (string, error) {
	messages := jinja.NewList()
	for _, m := range in.Messages {
		d := jinja.NewDict("role", m.Role, "content", m.Content)
		if m.Reasoning != "" {
			d.Set("reasoning_content", m.Reasoning)
		}
		messages.Items = append(messages.Items, d)
	}
	vars := map[string]any{
		"messages": messages, "add_generation_prompt": in.GenerationPrompt, "tools": nil, "documents": nil,
		"raise_exception": jinja.Function(raise),
	}
	if in.BOS != "" {
		vars["bos_token"] = in.BOS
	}
	if in.EOS != "" {
		vars["eos_token"] = in.EOS
	}
	if !in.Now.IsZero() {
		vars["strftime_now"] = jinja.Function(func(args []any, _ *jinja.Dict) (any, error) { return strftime(in.Now, args) })
	}
	maps.Copy(vars, in.Variables)
	text, err := t.program.Render(vars)
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	return text, nil
}

func raise(args []any, _ *jinja.Dict) (any, error) {
	return nil, fmt.Errorf("the template refuses the messages: %v", args)
}

// chatML is the format of OpenAI's chat markup language, which many models were trained on.
const chatML = `{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}` +
	`{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`

// Fallback returns the template of ChatML, for models that have none and whose special tokens are ChatML's.
func Fallback() *Template {
	t, err := Parse(chatML)
	if err != nil {
		panic("chat: the built-in template does not parse: " + err.Error())
	}
	return t
}
