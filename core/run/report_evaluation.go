package run

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/core"
)

func evaluationTiles(e Evaluation) []tile {
	var tiles []tile
	for _, k := range slices.SortedFunc(maps.Keys(e.PassAtK), byNumber) {
		v := e.PassAtK[k]
		tiles = append(tiles, tile{
			Label: "pass@" + k, After: percent(v.Value),
			Note: fmt.Sprintf("95 %% interval %s to %s; %d tasks, %s", percent(v.Low), percent(v.High), e.Tasks, samples(e.Samples)),
		})
	}
	if l := e.CompletionTokens; l != nil {
		tiles = append(tiles, tile{
			Label: "Tokens a completion", After: fixed(l.Mean, 1),
			Note: fmt.Sprintf("median %s, 95th percentile %s; %s truncated", trim(l.P50, 4), trim(l.P95, 4), percent(e.TruncatedRate)),
		})
	}
	return append(tiles, tile{Label: "Lint findings a completion", After: fixed(e.Lint.Total(), 2), Note: severities(e.Lint)})
}

// evaluationWarnings says what in an evaluation should make its reader doubt it.
func evaluationWarnings(e Evaluation, c *counter) []string {
	var list []string
	warn := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	total, without := 0, e.Verdicts[core.NoCode]+e.Verdicts[core.Syntax]
	for _, n := range e.Verdicts {
		total += n
	}
	if e.Unanswered > 0 {
		warn("%d of %d tasks have no completion and count as not solved.", e.Unanswered, e.Tasks)
	}
	if e.Unscored > 0 {
		warn("%d of %d tasks have no completion that could be judged and are left out of pass@k.", e.Unscored, e.Tasks)
	}
	if n := e.Verdicts[core.Infrastructure]; n > 0 {
		warn("%d of %d completions could not be judged (verdict infrastructure).", n, total)
	}
	if 2*without > total {
		warn("%d of %d completions hold no program that compiles: is the prompt's protocol the model's?", without, total)
	}
	if e.TruncatedRate > 0.5 {
		warn("%s of the completions are cut by the token limit: raise --max-tokens.", percent(e.TruncatedRate))
	}
	if n := c.weakPassed; n > 0 {
		warn("%d of %d passing completions passed a weak test, whose outcome the program could have forged.", n, c.passed)
	}
	if gap := e.Diagnostics["visible_minus_hidden"]; gap > gapLimit {
		warn("Tests that the prompt shows pass more often than hidden ones, by %s: programs may answer the shown tests alone.", percent(gap))
	}
	if special := e.Diagnostics["special_casing"]; special > specialLimit {
		warn("%s of the programs hold the input of a test together with its answer. Read those that are marked.", percent(special))
	}
	return list
}

// heldOutTable lists the evaluations that were made during training.
func heldOutTable(list []Evaluation) table {
	t := table{
		Title: "Held out", Note: "Each evaluation that was made during training; intervals are 95 %.",
		Head: []string{"After step", "pass@1", "Interval", "Tokens", "Lint"},
	}
	for _, e := range list {
		v, ok := e.PassAtK["1"]
		if !ok {
			continue
		}
		tokens := "–"
		if e.CompletionTokens != nil {
			tokens = fixed(e.CompletionTokens.Mean, 1)
		}
		t.Rows = append(t.Rows, tableLine{
			Name:  fmt.Sprintf("%d, %s %s", e.Step, e.Benchmark, e.Split),
			Cells: []string{percent(v.Value), percent(v.Low) + " to " + percent(v.High), tokens, fixed(e.Lint.Total(), 2)},
		})
	}
	return t
}

func severities(l LintMeans) string {
	var parts []string
	for _, s := range core.Severities() {
		parts = append(parts, fmt.Sprintf("%s %.2f", s, l.Mean(s)))
	}
	return strings.Join(parts, ", ")
}

func evaluationTables(e Evaluation, c *counter) []table {
	verdicts := table{Title: "Verdicts", Note: "Of all completions.", Head: []string{"Verdict", "Count", "Per 100"}}
	total, most := 0, 1
	for _, n := range e.Verdicts {
		total += n
		most = max(most, n)
	}
	for _, class := range core.Classes() {
		if n := e.Verdicts[class]; n > 0 {
			verdicts.Rows = append(verdicts.Rows, tableLine{Name: string(class), Cells: []string{fmt.Sprint(n), per100(n, total)}, Share: 100 * n / most})
		}
	}
	list := []table{verdicts}
	if c.total == 0 && len(e.Exceptions) > 0 { // where the completions were kept, they are counted from them
		t := tally{all: e.Exceptions, nAll: total}.table(false)
		t.Title, t.Note, t.Head[0] = "Exceptions", "Of the first test that did not pass, or of the program itself, per 100 completions.", "Exception"
		list = append(list, t)
	}
	if d := members(e.Diagnostics); len(d) > 0 {
		list = append(list, factsTable("Diagnostics", d))
	}
	if p := members(e.Protocol); len(p) > 0 {
		list = append(list, factsTable("Protocol", p))
	}
	return list
}

func factsTable(title string, s settings) table {
	t := table{Title: title, Head: []string{"Name", "Value"}}
	for _, f := range s.facts() {
		t.Rows = append(t.Rows, tableLine{Name: f.Name, Cells: []string{f.Value}})
	}
	return t
}
