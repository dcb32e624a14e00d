package run

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/core"
)

// The numbers of completions that the report shows in full; each stands for what cannot be seen in a mean.
const (
	shownFirst   = 16 // of the first step
	shownLast    = 48 // of the last step
	shownOfClass = 8  // the latest of each verdict class
	// shownText is the length in characters at which a shown text is cut.
	shownText = 6000
	// tableRows is the number of rows of a table of counts.
	tableRows = 14
)

// counter goes once over the completions and keeps what the report shows of them.
type counter struct {
	quarter, steps      int // steps in a quarter and in the run; 0 in an evaluation
	total               int
	passed, weakPassed  int
	suppressed          int
	exceptions, codes   tally
	groups              map[int]int // by step
	task                string
	first, last         []Row
	byClass             map[core.Class][]Row
	firstStep, lastStep int
}

// tally counts names in the whole, in the first and in the last quarter.
type tally struct {
	all, first, last  map[string]int
	nAll, nFirst, nOf int // completions in each
}

func newTally() tally {
	return tally{all: map[string]int{}, first: map[string]int{}, last: map[string]int{}}
}

func newCounter(steps []Step) *counter {
	c := &counter{exceptions: newTally(), codes: newTally(), groups: map[int]int{}, byClass: map[core.Class][]Row{}, firstStep: -1, lastStep: -1}
	if len(steps) > 0 {
		c.quarter, c.steps = quarter(len(steps)), len(steps)
	}
	return c
}

func (t *tally) add(name string, n int, early, late bool) {
	t.all[name] += n
	if early {
		t.first[name] += n
	}
	if late {
		t.last[name] += n
	}
}

func (t *tally) completion(early, late bool) {
	t.nAll++
	if early {
		t.nFirst++
	}
	if late {
		t.nOf++
	}
}

func (c *counter) add(r Row) {
	if c.steps > 0 && r.Step > c.steps {
		return // its step was not recorded: the run was killed in the middle of it
	}
	early, late := c.steps > 0 && r.Step <= c.quarter, c.steps > 0 && r.Step > c.steps-c.quarter
	c.total++
	if r.Verdict == core.Passed {
		c.passed++
		if r.Weak {
			c.weakPassed++
		}
	}
	if r.Lint.Suppressions > 0 {
		c.suppressed++
	}
	c.exceptions.completion(early, late)
	c.codes.completion(early, late)
	if r.Exception != "" {
		c.exceptions.add(r.Exception, 1, early, late)
	}
	for code, n := range r.Lint.Codes {
		c.codes.add(code, n, early, late)
	}
	if r.Step != c.lastStep {
		c.lastStep, c.last, c.task = r.Step, nil, ""
		if c.firstStep < 0 {
			c.firstStep = r.Step
		}
	}
	if r.Sample == 0 || r.TaskID != c.task {
		c.groups[r.Step]++
	}
	c.task = r.TaskID
	if r.Step == c.firstStep && len(c.first) < shownFirst {
		c.first = append(c.first, r)
	}
	if len(c.last) < shownLast {
		c.last = append(c.last, r)
	}
	list := append(c.byClass[r.Verdict], r)
	if len(list) > shownOfClass {
		list = slices.Clone(list[1:])
	}
	c.byClass[r.Verdict] = list
}

// groupsIn counts the groups of the steps after one.
func (c *counter) groupsIn(after int) int {
	n := 0
	for step, groups := range c.groups {
		if step > after {
			n += groups
		}
	}
	return n
}

// table is a table of counts.
type table struct {
	Title, Note string
	Head        []string
	Rows        []tableLine
}

type tableLine struct {
	Name  string
	Cells []string
	// Share is the width of the line's bar, in 0..100.
	Share int
}

func (c *counter) tables() []table {
	var list []table
	if t := c.exceptions.table(c.steps > 0); len(t.Rows) > 0 {
		t.Title, t.Note = "Exceptions", "Of the first test that did not pass, or of the program itself, per 100 completions."
		t.Head[0] = "Exception"
		list = append(list, t)
	}
	if t := c.codes.table(c.steps > 0); len(t.Rows) > 0 {
		t.Title, t.Note = "Lint findings by rule", "Per 100 completions."
		t.Head[0] = "Rule"
		list = append(list, t)
	}
	return list
}

// table shows the most frequent names.
func (t tally) table(training bool) table {
	names := slices.SortedFunc(maps.Keys(t.all), func(a, b string) int {
		if t.all[a] != t.all[b] {
			return t.all[b] - t.all[a]
		}
		return strings.Compare(a, b)
	})
	out := table{Head: []string{"", "Count", "Per 100"}}
	if training {
		out.Head = append(out.Head, "First quarter", "Last quarter")
	}
	for _, name := range names[:min(len(names), tableRows)] {
		l := tableLine{Name: name, Cells: []string{fmt.Sprint(t.all[name]), per100(t.all[name], t.nAll)}, Share: 100 * t.all[name] / max(1, t.all[names[0]])}
		if training {
			l.Cells = append(l.Cells, per100(t.first[name], t.nFirst), per100(t.last[name], t.nOf))
		}
		out.Rows = append(out.Rows, l)
	}
	if more := len(names) - tableRows; more > 0 {
		sum := 0
		for _, name := range names[tableRows:] {
			sum += t.all[name]
		}
		l := tableLine{Name: fmt.Sprintf("%d others", more), Cells: []string{fmt.Sprint(sum), per100(sum, t.nAll)}}
		if training {
			l.Cells = append(l.Cells, "", "")
		}
		out.Rows = append(out.Rows, l)
	}
	return out
}

func per100(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", 100*float64(n)/float64(of))
}

// reading is the completions that the report shows.
type reading struct {
	Entries  []entry
	Total    int
	Verdicts []string
	Steps    []int
}

// entry is one completion to read.
type entry struct {
	Step, Sample, Tokens          int
	TaskID, Verdict               string
	Reward, Advantage, Outcome    string
	Marks                         []string
	Parts                         []fact
	Program, Completion, Prompt   template.HTML
	Lint                          string
	Note                          string
	SortReward                    string
	Abstained, SameText, Training bool
}

// reading returns the chosen completions, the newest step first, in the order of the run within a step.
func (c *counter) reading() reading {
	type key struct {
		step   int
		task   string
		sample int
	}
	seen := map[key]bool{}
	var rows []Row
	take := func(list []Row) {
		for _, r := range list {
			k := key{r.Step, r.TaskID, r.Sample}
			if !seen[k] {
				seen[k] = true
				rows = append(rows, r)
			}
		}
	}
	take(c.last)
	for _, class := range core.Classes() {
		take(c.byClass[class])
	}
	take(c.first)
	slices.SortStableFunc(rows, func(a, b Row) int { return b.Step - a.Step })

	out := reading{Total: c.total}
	verdicts, steps := map[core.Class]bool{}, map[int]bool{}
	for _, r := range rows {
		out.Entries = append(out.Entries, show(r, c.steps > 0))
		verdicts[r.Verdict], steps[r.Step] = true, true
	}
	for _, class := range core.Classes() {
		if verdicts[class] {
			out.Verdicts = append(out.Verdicts, string(class))
		}
	}
	if c.steps > 0 {
		out.Steps = slices.Sorted(maps.Keys(steps))
	}
	return out
}

// show prepares a row for reading.
func show(r Row, training bool) entry {
	e := entry{
		Step: r.Step, Sample: r.Sample, Tokens: r.Tokens, TaskID: r.TaskID, Verdict: string(r.Verdict),
		Reward: fixed(r.Reward, 3), SortReward: fmt.Sprintf("%g", r.Reward), Advantage: fmt.Sprintf("%+.3f", r.Advantage),
		Abstained: r.Abstained, Note: r.Note, Training: training,
		Program: program(r.Program), Completion: shown(r.Completion), Prompt: shown(r.Prompt),
		SameText: strings.TrimSpace(r.Program) == strings.TrimSpace(r.Completion),
	}
	if r.Tests > 0 {
		e.Outcome = fmt.Sprintf("%d of %d tests passed", r.TestsPassed, r.Tests)
	}
	if r.Exception != "" || r.Message != "" {
		e.Outcome = strings.TrimPrefix(e.Outcome+". "+strings.Trim(r.Exception+": "+cut(r.Message, 600), ": "), ". ")
	}
	for _, m := range []struct {
		is   bool
		name string
	}{
		{r.Truncated, "truncated"},
		{r.Weak, "weak test"},
		{r.Abstained, "abstained"},
		{r.Lint.Suppressions > 0, "silences the linter"},
		{r.Lint.Unavailable, "not linted"},
		{r.Special != "", "holds the tests' answers (" + r.Special + ")"},
		{r.Dropped, "not trained on"},
	} {
		if m.is {
			e.Marks = append(e.Marks, m.name)
		}
	}
	for _, c := range r.Components {
		e.Parts = append(e.Parts, fact{Name: c.Name, Value: fixed(c.Weighted, 3), Detail: fixed(c.Value, 3)})
	}
	var codes []string
	for _, code := range slices.Sorted(maps.Keys(r.Lint.Codes)) {
		if n := r.Lint.Codes[code]; n > 1 {
			code = fmt.Sprintf("%s × %d", code, n)
		}
		codes = append(codes, code)
	}
	e.Lint = strings.Join(codes, ", ")
	return e
}

// program highlights, shown only escapes; both cut.
func program(text string) template.HTML {
	return template.HTML(highlight(cut(text, shownText))) //nolint:gosec // highlight escapes everything
}

func shown(text string) template.HTML {
	return template.HTML(visible(cut(text, shownText))) //nolint:gosec // visible escapes everything
}

// cut shortens a text to n characters and says so.
func cut(text string, n int) string {
	at := 0
	for i := range text {
		if at == n {
			return text[:i] + fmt.Sprintf("\n… %d more bytes", len(text)-i)
		}
		at++
	}
	return text
}
