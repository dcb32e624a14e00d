package main

import (
	"context"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		set          func(*settings)
		problem      string
	}{
		{"one block", "```python\nx = 1\n```", nil, ""},
		{"py", "```py\nx = 1\n```\n", nil, ""},
		{"tildes", "~~~python\nx = 1\n~~~", nil, ""},
		{"a longer fence holds a shorter one", "````python\ns = '''\n```\n'''\n````", nil, ""},
		{"prose around", "Here:\n```python\nx = 1\n```\nDone.", nil, ""},
		{"no block", "x = 1", nil, "no code block"},
		{"nothing", "", nil, "no code block"},
		{"not closed", "```python\nx = 1\n", nil, "not closed"},
		{"two", "```python\nx = 1\n```\n```python\ny = 1\n```", nil, "more than one"},
		{"no language", "```\nx = 1\n```", nil, "does not say python"},
		{"any language", "```\nx = 1\n```", func(s *settings) { s.Language = "any" }, ""},
		{"text after", "```python\nx = 1\n```\nDone.", func(s *settings) { s.Prose = "before" }, "after"},
		{"text before", "Here:\n```python\nx = 1\n```", func(s *settings) { s.Prose = "forbid" }, "before"},
		{"text before is allowed", "Here:\n```python\nx = 1\n```", func(s *settings) { s.Prose = "before" }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := defaults()
			if c.set != nil {
				c.set(&s)
			}
			got := reward{s}.problem(c.answer)
			if (got == "") != (c.problem == "") || !strings.Contains(got, c.problem) {
				t.Errorf("got %q, want %q", got, c.problem)
			}
		})
	}
}

// TestPrefill: a prompt that opens the fence itself leaves the closing to the answer.
func TestPrefill(t *testing.T) {
	g := core.Group{Prompt: core.Prompt{Prefill: "```python\n"}, Samples: []core.Sample{{Completion: core.Completion{Text: "x = 1\n```"}}}}
	got, err := reward{defaults()}.Score(context.Background(), g)
	if err != nil || got[0].Value != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	// A closing fence that is the stop text is cut from the completion's text.
	g.Prompt.Stop = []string{"\n```"}
	g.Samples[0].Completion = core.Completion{Text: "x = 1", Finish: core.FinishStop}
	got, err = reward{defaults()}.Score(context.Background(), g)
	if err != nil || got[0].Value != 1 {
		t.Errorf("with a stop text: got %+v, %v", got, err)
	}
}

func FuzzProblem(f *testing.F) {
	f.Add("```python\nx\n```")
	f.Add("~~~~\n```")
	f.Fuzz(func(_ *testing.T, answer string) { reward{defaults()}.problem(answer) })
}
