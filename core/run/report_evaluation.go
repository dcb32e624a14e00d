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
	return append(tiles,
		tile{Label: "Tokens a completion", After: fixed(e.CompletionTokens.Mean, 1), Note: fmt.Sprintf("median %s, 95th percentile %s", trim(e.CompletionTokens.P50, 4), trim(e.CompletionTokens.P95, 4))},
		tile{Label: "Lint findings a completion", After: fixed(e.Lint.Total(), 2), Note: severities(e.Lint)},
	)
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
	if d := settings(members(e.Diagnostics)); len(d) > 0 {
		list = append(list, factsTable("Diagnostics", d))
	}
	if p := settings(members(e.Protocol)); len(p) > 0 {
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
