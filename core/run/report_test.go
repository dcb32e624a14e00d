package run

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/rlvr-harness/harness/core"
)

// hostile are texts that a policy could write to get into the page.
var hostile = []string{
	`</pre><script>alert(1)</script>`,
	`<img src=x onerror=alert(1)>`,
	`"><svg onload=alert(1)>`,
	`' onmouseover='alert(1)`,
	`<!--/varies--><!--varies-->`,
	`-->`, `]]>`, `</style>`, `</title>`, `</script>`, `&lt;script&gt;`, `{{.Title}}`, `&#0;`, "\x00\x1b[31m",
	"abc\u202ecba\u2066x\u200b",
	`<a href="javascript:alert(1)">x</a>`,
	"x = '''</pre><iframe src=//evil.example>",
	"# </span></pre><base href=//evil.example>",
	`r"\"</pre><b>"`,
	"\xff\xfe<\xff",
	"𝖉𝖊𝖋 ｆ(): ⟨b⟩",
}

func readReport(t *testing.T, dir string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, reportName))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// visit calls f for every node of a page.
func visit(t *testing.T, page []byte, f func(*html.Node)) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		f(n)
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func content(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// TestHostileTextStaysText puts hostile texts wherever a policy, a task or a reward can put one, and looks at the page as
// a browser would.
func TestHostileTextStaysText(t *testing.T) {
	allowed := strings.Fields(`html head meta title style body header main section h1 h2 h3 h4 p span strong div ul li i dl dt dd small form label
		input output select option figure figcaption svg path text circle rect table thead tbody tr th td details summary pre script`)
	attributes := strings.Fields(`lang charset name content http-equiv class id aria-label aria-labelledby aria-hidden hidden type min max step value for
		viewbox role d x y dy cx cy r width height preserveaspectratio scope data-verdict data-step data-task data-reward data-tokens data-curve size open`)
	harmless, err := os.ReadFile(filepath.Join(small(1).create(t), reportName))
	if err != nil {
		t.Fatal(err)
	}
	scripts := 0
	visit(t, harmless, func(n *html.Node) {
		if n.Data == "script" {
			scripts++
		}
	})

	for _, text := range hostile {
		dir := filepath.Join(t.TempDir(), "run")
		m := small(1).manifest()
		m.Config.(map[string]any)["model"] = text
		m.Plugins[0].Name = text
		f, err := Create(dir, m)
		if err != nil {
			t.Fatal(err)
		}
		for step := 1; step <= 7; step++ {
			rows := small(1).rows(step)
			s := small(1).step(step, rows)
			s.Components[text], s.Exceptions[text], s.Diagnostics = 1, 1, map[string]float64{text: 1}
			rows[0] = Row{
				Step: step, TaskID: text, Prompt: text, Completion: text, Program: text + " ", Verdict: core.Error, Exception: text, Message: text,
				Note: text, Components: []Component{{Name: text}}, Lint: core.Lint{Codes: map[string]int{text: 1}},
			}
			if err := f.AppendStep(s, rows); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range []int{0, 7} {
			e := small(1).evaluation(step)
			e.Benchmark, e.Split = text, text
			if err := f.AppendEvaluation(step, e); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Finish(); err != nil {
			t.Fatal(err)
		}
		got, found, page := 0, 0, readReport(t, dir)
		visit(t, page, func(n *html.Node) {
			switch n.Type {
			case html.ElementNode:
				if !slices.Contains(allowed, n.Data) {
					t.Errorf("%q made an element %s", text, n.Data)
				}
				for _, a := range n.Attr {
					if !slices.Contains(attributes, strings.ToLower(a.Key)) {
						t.Errorf("%q made an attribute %s of %s", text, a.Key, n.Data)
					}
				}
				if n.Data == "script" {
					got++
				}
				if n.Data == "pre" && attribute(n, "class") == "program" && strings.Contains(numbered(text+" "), content(n)) {
					found++
				}
			case html.CommentNode:
				if n.Data != "varies" && n.Data != "/varies" {
					t.Errorf("%q made a comment %q", text, n.Data)
				}
			}
		})
		if extra := got - scripts; extra > 4 { // figures for the parts, the diagnostics and the evaluations
			t.Errorf("%q made %d scripts more than a harmless run", text, extra)
		}
		if found == 0 {
			t.Errorf("%q is not shown as it is", text)
		}
		if n := bytes.Count(page, []byte(variesEnd)); n != bytes.Count(page, []byte(variesBegin)) || n != bytes.Count(harmless, []byte(variesEnd)) {
			t.Errorf("%q moved the marks of what varies", text)
		}
	}
}

// numbered is how a reader sees a text in which some characters are shown by their number.
func numbered(s string) string {
	root, err := html.Parse(strings.NewReader("<pre>" + visible(strings.ToValidUTF8(s, "\uFFFD")) + "</pre>"))
	if err != nil {
		return ""
	}
	return content(root)
}

func TestReportNeedsNothingFromOutside(t *testing.T) {
	page := readReport(t, small(1).create(t))
	policy := ""
	visit(t, page, func(n *html.Node) {
		for _, name := range []string{"src", "href", "action", "xlink:href", "srcset", "style"} {
			if v := attribute(n, name); v != "" {
				t.Errorf("%s has %s=%q", n.Data, name, v)
			}
		}
		if attribute(n, "http-equiv") == "Content-Security-Policy" {
			policy = attribute(n, "content")
		}
	})
	for _, word := range []string{"url(", "@import", "http:", "https:"} {
		if strings.Contains(strings.ReplaceAll(string(page), "http://www.w3.org/2000/svg", ""), word) {
			t.Errorf("the page holds %q", word)
		}
	}
	// The browser runs a script only where its text has the sum that the policy names.
	visit(t, page, func(n *html.Node) {
		if n.Data == "style" || n.Data == "script" && attribute(n, "type") == "" {
			if want := source(content(n)); !strings.Contains(policy, want) {
				t.Errorf("the policy %q does not allow the page's own %s (%s)", policy, n.Data, want)
			}
		}
	})
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
}

func TestReportIsDeterministic(t *testing.T) {
	dir := small(1).create(t)
	want := readReport(t, dir)
	for range 3 {
		if err := WriteReport(dir); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(readReport(t, dir), want) {
			t.Fatal("the same folder gave another page")
		}
	}
}

func TestReportShowsWhatWasAskedFor(t *testing.T) {
	s := synthetic{seed: 3, steps: 24, groups: 4, group: 8, every: 8, evaluate: 8, seconds: durations()}
	page := string(readReport(t, s.create(t)))
	for _, want := range []string{
		"smollm2-135m-instruct, gspo, combined", "beta 0, epsilon_high 0.0004, epsilon_low 0.0003", "135 million parameters", "4 prompts × 8 completions",
		"Held-out pass@1", "<h3>Reward</h3>", "<h3>Pass rate</h3>", "<h3>Parts of the reward, weighted</h3>", "<h3>Groups without a signal</h3>",
		"<h3>Verdicts</h3>", "<h3>Lint findings</h3>", "<h3>Completion length</h3>", "<h3>Drift</h3>", "<h3>Held out</h3>", "<h3>Entropy</h3>", "<h3>Clipped ratios</h3>", "<h3>Gradient norm</h3>",
		"<h3>Time of a step</h3>", "<h3>Exceptions</h3>", "NameError", "Completions to read", `<span class="key">def</span>`, "finished",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the report has no %q", want)
		}
	}
	if strings.Contains(page, "<h3>KL divergence</h3>") {
		t.Error("a curve is drawn of what was never measured")
	}
}

func TestReportOfShortRuns(t *testing.T) {
	for steps := range 4 {
		dir := filepath.Join(t.TempDir(), "run")
		s := small(1)
		s.evaluate = 100
		f, err := Create(dir, s.manifest())
		if err != nil {
			t.Fatal(err)
		}
		for step := 1; step <= steps; step++ {
			rows := s.rows(step)
			if err := f.AppendStep(s.step(step, rows), rows); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		page := string(readReport(t, dir))
		if !strings.Contains(page, "not finished") {
			t.Errorf("%d steps: the report does not say that the run is not finished", steps)
		}
		if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
			t.Errorf("%d steps: a number is missing", steps)
		}
	}
}

func TestReportOfAnEvaluation(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "eval")
	m := small(1).manifest()
	m.Kind = Eval
	f, err := Create(dir, m)
	if err != nil {
		t.Fatal(err)
	}
	rows := small(1).rows(1)
	for i := range rows {
		rows[i].Step = 0
	}
	if err := f.AppendRows(rows); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteEvaluation(small(1).evaluation(0)); err != nil {
		t.Fatal(err)
	}
	if err := f.Finish(); err != nil {
		t.Fatal(err)
	}
	page := string(readReport(t, dir))
	for _, want := range []string{"pass@1", "20.0 %", "95 % interval 8.0 % to 32.0 %; 40 tasks, one sample each", "<h3>Verdicts</h3>", "<h3>Protocol</h3>", "chat-first/1", "Completions to read"} {
		if !strings.Contains(page, want) {
			t.Errorf("the report has no %q", want)
		}
	}
	rowsRead := readTable(t, dir)
	if len(rowsRead) != len(rows) || rowsRead[0].Reward != nil {
		t.Errorf("the table has %d of %d rows, and a reward where nothing was rewarded: %v", len(rowsRead), len(rows), rowsRead[0].Reward)
	}
	if e, err := ReadEvaluation(dir); err != nil || e.Tasks != 40 {
		t.Errorf("%+v, %v", e, err)
	}
}

// A run that was killed has records of a step that its metrics do not have yet; the report leaves them out.
func TestReportOfARunThatWasKilledInAStep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(dir, small(1).manifest())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.AppendStep(Step{Step: 1}, small(1).rows(1)); err != nil {
		t.Fatal(err)
	}
	if err := f.AppendRows(small(1).rows(2)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if page := string(readReport(t, dir)); strings.Contains(page, `data-step="2"`) || !strings.Contains(page, `data-step="1"`) {
		t.Error("the report shows completions of a step that was not recorded")
	}
}

func BenchmarkWriteReport(b *testing.B) {
	s := small(1)
	s.steps, s.groups, s.group, s.every = 200, 8, 8, 50
	dir := s.create(b)
	for b.Loop() {
		if err := WriteReport(dir); err != nil {
			b.Fatal(err)
		}
	}
}
