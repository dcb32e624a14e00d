// Package prompt puts tasks to a model by named, versioned protocols.
//
// A score belongs to its protocol: the same model gets other numbers with three tests in the prompt than with one, with a
// chat template than without. So each wording has a name and a version, which the run records, and its comment says whose
// wording it is. How the program is taken out of the answer is the affair of core/extract.
package prompt

import (
	"fmt"
	"strings"

	"github.com/rlvr-harness/harness/core"
)

// Shown says which of a task's tests a prompt shows. What is not shown may be used to see whether a program only knows the
// shown ones.
type Shown string

// The parts of the tests that are shown.
const (
	ShowNone  Shown = "none"
	ShowFirst Shown = "first"
	ShowAll   Shown = "all"
)

// Protocol is one way to ask.
type Protocol struct {
	// Name has the version behind a slash, as "chat-first/1".
	Name string
	// Doc is a line for a person.
	Doc   string
	Shown Shown
	// Chat says that the prompt goes through the model's chat template; the others continue a text.
	Chat bool
	// Shots is the number of solved examples that Prompt needs.
	Shots int
	// Continues says that the answer continues Python that the task's text begins: see Lead.
	Continues bool

	build func(t core.Task, shots []core.Task) core.Prompt
}

// Default is the protocol for models that follow instructions.
const Default = "chat-first/1"

// Protocols lists every protocol.
func Protocols() []Protocol { return append([]Protocol(nil), protocols...) }

// Names lists the names of the protocols.
func Names() []string {
	names := make([]string, len(protocols))
	for i, p := range protocols {
		names[i] = p.Name
	}
	return names
}

// Lookup finds a protocol by its name; without a version it is the newest.
func Lookup(name string) (Protocol, error) {
	for _, p := range protocols {
		if base, _, _ := strings.Cut(p.Name, "/"); name == p.Name || name == base {
			return p, nil
		}
	}
	return Protocol{}, fmt.Errorf("prompt: no protocol is called %q; there are %s", name, strings.Join(Names(), ", "))
}

// Prompt puts the task to a model. shots are solved examples; as many as p.Shots are used, the others are ignored.
func (p Protocol) Prompt(t core.Task, shots []core.Task) (core.Prompt, error) {
	switch {
	case t.Text == "":
		return core.Prompt{}, fmt.Errorf("prompt: task %s has no text; it can be graded and not asked", t.ID)
	case p.Continues && Lead(t) == "":
		return core.Prompt{}, fmt.Errorf("prompt: task %s does not begin a program, which %s continues; use %s", t.ID, p.Name, Default)
	case p.Shown != ShowNone && formOf(t) == plain && len(t.Tests) == 0:
		return core.Prompt{}, fmt.Errorf("prompt: task %s has no tests, which %s shows", t.ID, p.Name)
	case len(shots) < p.Shots:
		return core.Prompt{}, fmt.Errorf("prompt: %s needs %d solved examples and got %d; they are tasks of the prompt split", p.Name, p.Shots, len(shots))
	}
	q := p.build(t, shots[:p.Shots])
	q.TaskID, q.Protocol, q.Visible = t.ID, p.Name, p.Visible(t)
	return q, nil
}

// Visible returns how many of t.Tests, from the first, the prompt shows. Examples within the task's own text do not count.
func (p Protocol) Visible(t core.Task) int {
	switch {
	case p.Shown == ShowNone || formOf(t) != plain:
		return 0
	case p.Shown == ShowFirst:
		return min(1, len(t.Tests))
	}
	return len(t.Tests)
}

// Lead returns the Python that a task's text is, as HumanEval's signature and docstring, or "" where it is prose.
func Lead(t core.Task) string {
	if formOf(t) == code {
		return t.Text
	}
	return ""
}

// form is what a task's text is.
type form int

const (
	plain     form = iota // prose, as MBPP's
	docstring             // prose and a test in triple quotes, as MBPP+'s
	code                  // a signature and a docstring to be continued, as HumanEval's
)

func formOf(t core.Task) form {
	switch {
	case t.Entry != "" && strings.Contains("\n"+t.Text, "\ndef "+t.Entry+"("):
		return code
	case strings.HasPrefix(t.Text, `"""`):
		return docstring
	}
	return plain
}
