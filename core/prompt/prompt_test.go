package prompt

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var (
	mbppTask = core.Task{
		ID: "11", Text: "Write a function to double a number. ", Code: "def twice(x):\r\n\treturn 2 * x  \r\n", Entry: "twice",
		Tests: []string{"assert twice(2) == 4", "assert twice(0) == 0", "assert twice(-1) == -2"},
	}
	plusTask = core.Task{
		ID: "Mbpp/11", Text: "\"\"\"\nWrite a function to double a number.\nassert twice(2) == 4\n\"\"\"\n", Entry: "twice",
		Tests: []string{"assert _same(twice(*[2]), _want(*[2]))"},
	}
	codeTask = core.Task{
		ID: "HumanEval/0", Text: "import math\n\ndef twice(x: int) -> int:\n    \"\"\" Double x.\n    >>> twice(2)\n    4\n    \"\"\"\n", Entry: "twice",
		Tests: []string{"assert twice(2) == 4"},
	}
)

// TestGolden compares each protocol's prompt, byte for byte: a changed wording is another protocol and needs a new version.
func TestGolden(t *testing.T) {
	var b strings.Builder
	for _, p := range Protocols() {
		for _, task := range []core.Task{mbppTask, plusTask, codeTask} {
			q, err := p.Prompt(task, []core.Task{mbppTask, mbppTask, mbppTask})
			fmt.Fprintf(&b, "==== %s, task %s, shows %d\n", p.Name, task.ID, p.Visible(task))
			if err != nil {
				fmt.Fprintf(&b, "error: %v\n", err)
				continue
			}
			if q.TaskID != task.ID || q.Protocol != p.Name || (len(q.Messages) > 0) != p.Chat {
				t.Errorf("%s: %+v", p.Name, q)
			}
			for _, m := range q.Messages {
				fmt.Fprintf(&b, "---- %s\n%s\n", m.Role, m.Content)
			}
			fmt.Fprintf(&b, "---- the answer begins\n%s<\n---- it stops at %q\n", q.Prefill, q.Stop)
		}
	}
	path := filepath.Join("testdata", "prompts.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the prompts changed; a new wording needs a new version. Got:\n%s", b.String())
	}
}

// TestNoMachineMadeTestIsShown holds that a test that the loader made, which names the reference, reaches no prompt.
func TestNoMachineMadeTestIsShown(t *testing.T) {
	for _, p := range Protocols() {
		q, err := p.Prompt(plusTask, []core.Task{mbppTask, mbppTask, mbppTask})
		if err == nil && strings.Contains(q.Prefill+fmt.Sprint(q.Messages), "_want") {
			t.Errorf("%s shows it: %+v", p.Name, q)
		}
	}
}

// TestShown checks what the protocols say about the tests that they show against the prompts themselves.
func TestShown(t *testing.T) {
	form := regexp.MustCompile(`^[a-z0-9-]+/[1-9]$`)
	for _, p := range Protocols() {
		if !form.MatchString(p.Name) || p.Doc == "" {
			t.Errorf("%+v", p)
		}
		if p.Continues {
			continue
		}
		q, err := p.Prompt(mbppTask, []core.Task{plusTask, plusTask, plusTask})
		if err != nil {
			t.Fatal(err)
		}
		text := q.Prefill
		for _, m := range q.Messages {
			text += m.Content
		}
		for i, test := range mbppTask.Tests {
			if shown := strings.Contains(text, example(test)); shown != (i < p.Visible(mbppTask)) {
				t.Errorf("%s: test %d shown is %v, and Visible is %d", p.Name, i, shown, p.Visible(mbppTask))
			}
		}
	}
}

func TestLookup(t *testing.T) {
	for _, name := range []string{Default, "chat-first", "paper-3shot/1"} {
		if p, err := Lookup(name); err != nil || !strings.HasPrefix(p.Name, name) {
			t.Errorf("%s: %s, %v", name, p.Name, err)
		}
	}
	for _, name := range []string{"", "chat", "chat-first/2"} {
		if _, err := Lookup(name); err == nil || !strings.Contains(err.Error(), "there are chat-first/1, ") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestPromptErrors(t *testing.T) {
	for _, c := range []struct {
		name, protocol string
		task           core.Task
		shots          int
		want           string
	}{
		{"no text", Default, core.Task{ID: "7", Tests: []string{"assert f()"}}, 0, "task 7 has no text"},
		{"no tests to show", Default, core.Task{ID: "7", Text: "x"}, 0, "task 7 has no tests, which chat-first/1 shows"},
		{"too few examples", "paper-3shot", mbppTask, 2, "paper-3shot/1 needs 3 solved examples and got 2"},
		{"prose to be continued", "continue", mbppTask, 0, "task 11 does not begin a program"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Lookup(c.protocol)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Prompt(c.task, make([]core.Task, c.shots)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
	if p, _ := Lookup("chat-none"); p.Name == "" {
		t.Fatal("no chat-none")
	} else if _, err := p.Prompt(core.Task{ID: "7", Text: "x"}, nil); err != nil {
		t.Errorf("a protocol that shows no test wants tests: %v", err)
	}
}

func TestLead(t *testing.T) {
	if got := Lead(codeTask); got != codeTask.Text {
		t.Errorf("%q", got)
	}
	for _, task := range []core.Task{mbppTask, plusTask, {Text: codeTask.Text}, {Text: "Define def f(x) so.", Entry: "f"}} {
		if got := Lead(task); got != "" {
			t.Errorf("%q", got)
		}
	}
}
