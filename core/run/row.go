package run

import (
	"strings"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/gaming"
)

// Row is one completion with what every stage said about it: a line of completions.jsonl and a row of
// completions.parquet.
type Row struct {
	// Step is that of training, from 1; 0 in an evaluation.
	Step   int    `json:"step"`
	TaskID string `json:"task_id"`
	// Sample numbers the completions of a task within the step, from 0.
	Sample int `json:"sample"`
	// Prompt is the prompt's turns as text (PromptText).
	Prompt     string `json:"prompt"`
	Completion string `json:"completion"`
	// Program is what was extracted from the completion and executed; "" where there was none.
	Program string     `json:"program"`
	Verdict core.Class `json:"verdict"`
	// Exception and Message are those of the first test that did not pass.
	Exception string `json:"exception"`
	Message   string `json:"message"`
	// Tests counts the task's tests that were graded, TestsPassed those that passed.
	TestsPassed int  `json:"tests_passed"`
	Tests       int  `json:"tests"`
	Weak        bool `json:"weak"`
	// Fuel is the work done, in units of the metering.
	Fuel int64 `json:"fuel"`
	// Reward means nothing where Abstained is true.
	Reward     float64     `json:"reward"`
	Abstained  bool        `json:"abstained"`
	Components []Component `json:"components"`
	// Note is the reward's word for a reader.
	Note      string  `json:"note"`
	Advantage float64 `json:"advantage"`
	// Tokens is the completion's length.
	Tokens    int       `json:"tokens"`
	Truncated bool      `json:"truncated"`
	Lint      core.Lint `json:"lint"`
	// Special says how the program special-cases the task's tests (see package gaming): "branch", "table", "list",
	// "constant"; "" where it does not.
	Special string `json:"special,omitempty"`
	// Dropped says that dynamic sampling left the completion's group out of the update.
	Dropped bool `json:"dropped,omitempty"`
}

// Component is a part of a Row's reward, before and after its weight.
type Component struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Weighted float64 `json:"weighted"`
}

// NewRow returns the row of a group's sample. The score and the advantage are zero values where there are none, as in an
// evaluation. Bytes of texts that are not UTF-8 become U+FFFD.
func NewRow(step int, g core.Group, sample int, score core.Score, advantage float64) Row {
	s := g.Samples[sample]
	v := s.Evidence.Verdict
	row := Row{
		Step: step, TaskID: g.Task.ID, Sample: s.Index,
		Prompt: PromptText(g.Prompt), Completion: s.Completion.Text, Program: s.Evidence.Program,
		Verdict: v.Class, Exception: v.Exception, Message: v.Message, Tests: len(v.Tests), Weak: v.Weak, Fuel: v.Fuel,
		Reward: score.Value, Abstained: score.Abstain, Note: score.Note, Advantage: advantage,
		Tokens: s.Evidence.Tokens, Truncated: s.Evidence.Truncated, Lint: s.Evidence.Lint,
	}
	row.Special = gaming.Special(g.Task, s.Evidence.Program)
	if row.Abstained {
		row.Reward = 0
	}
	for _, t := range v.Tests {
		if t.Class == core.Passed {
			row.TestsPassed++
		}
	}
	for _, c := range score.Components {
		row.Components = append(row.Components, Component{Name: c.Name, Value: c.Value, Weighted: c.Weighted})
	}
	row.valid()
	return row
}

// valid makes every text UTF-8, as JSON and Parquet want it.
func (r *Row) valid() {
	for _, text := range []*string{&r.TaskID, &r.Prompt, &r.Completion, &r.Program, &r.Exception, &r.Message, &r.Note} {
		*text = strings.ToValidUTF8(*text, "\uFFFD")
	}
}

// PromptText renders a prompt for a person: each turn under its role, then the beginning of the answer.
func PromptText(p core.Prompt) string {
	var b strings.Builder
	for _, m := range p.Messages {
		b.WriteString("[" + m.Role + "]\n" + m.Content + "\n\n")
	}
	if len(p.Messages) > 0 && p.Prefill != "" {
		b.WriteString("[assistant]\n")
	}
	b.WriteString(p.Prefill)
	return b.String()
}
