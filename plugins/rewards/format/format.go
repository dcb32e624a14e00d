package main

import (
	"context"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/core"
)

// settings say which form is wanted.
type settings struct {
	Language string `json:"language" enum:"python,any" doc:"python: the fence must say python or py; any: whatever it says"`
	Prose    string `json:"prose" enum:"allow,before,forbid" doc:"text outside the block: allowed, allowed before it, or not allowed"`
}

func defaults() settings { return settings{Language: "python", Prose: "allow"} }

// reward asks for one closed code block.
type reward struct{ settings }

// Score implements core.Reward.
func (r reward) Score(_ context.Context, g core.Group) ([]core.Score, error) {
	scores := make([]core.Score, len(g.Samples))
	for i, s := range g.Samples {
		// The prefill is the beginning of the answer; a prompt that opens the fence itself must not cost the sample its form.
		answer := g.Prompt.Prefill + s.Completion.Text
		if s.Completion.Finish == core.FinishStop && slices.ContainsFunc(g.Prompt.Stop, func(stop string) bool { return strings.Contains(stop, "```") }) {
			answer += "\n```" // the closing fence was the stop text, which is cut from the text
		}
		problem := r.problem(answer)
		scores[i] = core.Score{Note: problem}
		if problem == "" {
			scores[i].Value = 1
		}
	}
	return scores, nil
}

// problem says what is wrong with an answer's form, or "".
func (r reward) problem(answer string) string {
	blocks, open, fence := 0, false, ""
	before, after := false, false
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		mark := leadingFence(line)
		switch {
		case open && mark != "" && len(mark) >= len(fence) && mark[0] == fence[0] && len(mark) == len(line):
			open = false
		case open:
		case mark != "":
			open, fence = true, mark
			blocks++
			language := strings.ToLower(strings.TrimSpace(line[len(mark):]))
			if r.Language == "python" && language != "python" && language != "py" {
				return "the fence does not say python"
			}
		case line != "" && blocks == 0:
			before = true
		case line != "":
			after = true
		}
	}
	switch {
	case blocks == 0:
		return "no code block"
	case open:
		return "the code block is not closed"
	case blocks > 1:
		return "more than one code block"
	case after && r.Prose != "allow":
		return "text after the code block"
	case before && r.Prose == "forbid":
		return "text before the code block"
	}
	return ""
}

// leadingFence returns the run of three or more backticks or tildes that a line begins with, or "".
func leadingFence(line string) string {
	for _, c := range []string{"`", "~"} {
		n := len(line) - len(strings.TrimLeft(line, c))
		if n >= 3 {
			return line[:n]
		}
	}
	return ""
}
