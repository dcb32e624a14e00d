package chat

import (
	"strings"
	"testing"
	"time"
)

func TestRender(t *testing.T) {
	turns := []Message{{Role: "system", Content: "S"}, {Role: "user", Content: "U"}, {Role: "assistant", Content: "A", Reasoning: "R"}}
	day := time.Date(2024, 7, 6, 14, 5, 9, 0, time.UTC)
	rows := []struct {
		name, source string
		in           Input
		want         string
	}{
		{"messages are dicts", "{% for m in messages %}{{ m.role }}={{ m['content'] }};{% endfor %}", Input{Messages: turns}, "system=S;user=U;assistant=A;"},
		{"reasoning where there is any", "{% for m in messages %}{{ m.reasoning_content is defined }} {{ m.reasoning_content }};{% endfor %}", Input{Messages: turns}, "False ;False ;True R;"},
		{"generation prompt", "{% if add_generation_prompt %}yes{% else %}no{% endif %}", Input{GenerationPrompt: true}, "yes"},
		{"special tokens", "{{ bos_token }}{{ eos_token }}", Input{BOS: "<s>", EOS: "</s>"}, "<s></s>"},
		{"special tokens that the model lacks", "{{ bos_token is defined }}", Input{}, "False"},
		{"tools and documents are none", "{{ tools is none }}{{ documents is none }}", Input{}, "TrueTrue"},
		{"variables", "{{ enable_thinking }}{{ date_string }}", Input{Variables: map[string]any{"enable_thinking": false, "date_string": "x"}}, "Falsex"},
		{"variables come last", "{{ tools }}", Input{Variables: map[string]any{"tools": []any{"t"}}}, "['t']"},
		{"a date where there is none", "{{ strftime_now('%Y') if strftime_now is defined else 'fixed' }}", Input{}, "fixed"},
		{"a date", "{{ strftime_now('%d %b %Y') }}", Input{Now: day}, "06 Jul 2024"},
		{
			"every part of a date", "{{ strftime_now('%a %A %B %H:%M:%S %I%p %j %m %y %F %T %D %e %% %Z') }}",
			Input{Now: day},
			"Sat Saturday July 14:05:09 02PM 188 07 24 2024-07-06 14:05:09 07/06/24  6 % UTC",
		},
		{"text of a user is no template", "{{ messages[0].content }}", Input{Messages: []Message{{Role: "user", Content: "{{ x }}{% y %}"}}}, "{{ x }}{% y %}"},
		{"one newline at the end is the file's", "a\n", Input{}, "a"},
	}
	for _, r := range rows {
		template, err := Parse(r.source)
		if err != nil {
			t.Errorf("%s: %v", r.name, err)
			continue
		}
		if got, err := template.Render(r.in); err != nil || got != r.want {
			t.Errorf("%s: expected %q, found %q, %v", r.name, r.want, got, err)
		}
	}
}

func TestRenderErrors(t *testing.T) {
	day := Input{Now: time.Unix(0, 0)}
	rows := []struct {
		name, source string
		in           Input
		want         string
	}{
		{"refused messages", "\n{{ raise_exception('roles must alternate') }}", Input{}, "chat template: line 2: the template refuses the messages: [roles must alternate]"},
		{"missing message", "{{ messages[0].role }}", Input{}, "'list object' has no element 0"},
		{"unknown directive", "{{ strftime_now('%Q') }}", day, "the directive %Q is not supported"},
		{"date without a format", "{{ strftime_now() }}", day, "strftime_now takes one argument, found 0"},
		{"format that is no text", "{{ strftime_now(1) }}", day, "expected a format, found 1"},
	}
	for _, r := range rows {
		template, err := Parse(r.source)
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		if _, err := template.Render(r.in); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: expected %q, found %v", r.name, r.want, err)
		}
	}
	if _, err := Parse("{% if %}"); err == nil || !strings.HasPrefix(err.Error(), "chat template: line 1: ") {
		t.Errorf("template that does not parse: found %v", err)
	}
}

func TestFallback(t *testing.T) {
	in := Input{Messages: []Message{{Role: "system", Content: "S"}, {Role: "user", Content: "U\n"}}, GenerationPrompt: true}
	want := "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU\n<|im_end|>\n<|im_start|>assistant\n"
	if got, err := Fallback().Render(in); err != nil || got != want {
		t.Errorf("expected %q, found %q, %v", want, got, err)
	}
}
