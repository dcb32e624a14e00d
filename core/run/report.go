package run

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The report's parts that are not Go.
var (
	//go:embed report/report.html.tmpl
	reportTemplate string
	//go:embed report/report.css
	reportStyle string
	//go:embed report/report.js
	reportScript string
)

// page is everything that the template shows.
type page struct {
	Title, Lead string
	// Policy is the content security policy: this style sheet and this script and nothing else, so that a completion
	// which got past the escaping would still not run.
	Policy   string
	Style    template.CSS
	Script   template.JS
	Facts    []fact
	Times    template.HTML
	Tiles    []tile
	Warnings []string
	Sections []section
	Tables   []table
	Reading  reading
	Config   []fact
	Sums     []fact
	Manifest string
}

// fact is a name with what it stands for.
type fact struct{ Name, Value, Detail string }

// tile is a headline number, at the beginning and at the end of training.
type tile struct{ Label, Before, After, Note string }

// section is a group of figures.
type section struct {
	Title, Note string
	Figures     []template.HTML
}

// WriteReport makes report.html from the other files of a folder: of a training run, also while it goes on or after it was
// killed, or of an evaluation. The same files give the same bytes.
func WriteReport(dir string) error { return writeReport(disk{}, dir) }

func writeReport(d disk, dir string) error {
	p, err := assemblePage(dir)
	if err == nil {
		err = d.produce(filepath.Join(dir, reportName), func(f *os.File) error {
			d.announce("write", f.Name(), f, nil)
			return p.render(f)
		})
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", reportName, err)
	}
	return nil
}

func (p page) render(w io.Writer) error {
	t, err := template.New("report").Parse(reportTemplate)
	if err != nil {
		return err
	}
	p.Style, p.Script = template.CSS(reportStyle), template.JS(reportScript) //nolint:gosec // our own files
	p.Policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", source(reportStyle), source(reportScript))
	return t.Execute(w, p)
}

// source names an inline style or script in a content security policy.
func source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// assemblePage reads the folder.
func assemblePage(dir string) (page, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return page{}, err
	}
	steps, err := ReadSteps(dir)
	if err != nil {
		return page{}, err
	}
	evaluations, err := ReadEvaluations(dir)
	if err != nil {
		return page{}, err
	}
	times, err := ReadTimes(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return page{}, err
	}
	count := newCounter(steps)
	for row, err := range ReadRows(dir) {
		if err != nil {
			return page{}, err
		}
		count.add(row)
	}

	config := members(m.Config)
	p := page{
		Title: title(m, config), Lead: lead(m, config, steps, times), Facts: facts(m, config),
		Times: timesHTML(times, steps), Config: config.facts(), Sums: sums(m),
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return page{}, err
	}
	p.Manifest = string(text)
	if m.Kind == Eval {
		e, err := ReadEvaluation(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return page{}, err
		}
		if err == nil {
			p.Tiles, p.Tables, p.Warnings = evaluationTiles(e), evaluationTables(e, count), evaluationWarnings(e, count)
		}
	} else {
		p.Tiles, p.Warnings = trainingTiles(steps, evaluations), warnings(steps, count)
		if p.Sections, err = trainingSections(steps, evaluations); err != nil {
			return page{}, err
		}
		if t := heldOutTable(evaluations); len(t.Rows) > 0 {
			p.Tables = append(p.Tables, t)
		}
	}
	p.Tables = append(p.Tables, count.tables()...)
	p.Reading = count.reading()
	return p, nil
}

// settings are the members of a JSON object, flat, as text.
type settings map[string]string

// members flattens a value that marshals to a JSON object.
func members(v any) settings {
	flat := map[string]string{}
	text, err := json.Marshal(v)
	if err != nil {
		return flat
	}
	var any any
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	if dec.Decode(&any) != nil {
		return flat
	}
	flatten("", any, flat)
	for name, value := range flat {
		var s string
		if json.Unmarshal([]byte(value), &s) == nil {
			flat[name] = s
		}
	}
	return flat
}

func (s settings) facts() []fact {
	var list []fact
	for name, value := range s {
		if name != "" { // a value that is no object
			list = append(list, fact{Name: name, Value: value})
		}
	}
	slices.SortFunc(list, func(a, b fact) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// line joins the settings that are there, as "beta 0, epsilon_low 0.0003".
func (s settings) line() string {
	var parts []string
	for _, f := range s.facts() {
		if f.Value != "" && f.Value != "null" {
			parts = append(parts, f.Name+" "+f.Value)
		}
	}
	return strings.Join(parts, ", ")
}

func title(m Manifest, c settings) string {
	what := c["model"]
	if what == "" && m.Policy != nil {
		what = m.Policy.Model
	}
	what = filepath.Base(what)
	if m.Kind == Eval {
		return fmt.Sprintf("%s on %s", or(what, "evaluation"), or(c["benchmark"], "a benchmark"))
	}
	return fmt.Sprintf("%s, %s, %s", or(what, "a model"), or(c["optimizer"], "an optimizer"), or(c["reward"], "a reward"))
}

func or(s, otherwise string) string {
	if s == "" || s == "." {
		return otherwise
	}
	return s
}

func lead(m Manifest, c settings, steps []Step, t Times) string {
	where := or(c["benchmark"], "a benchmark")
	if c["split"] != "" {
		where += " (" + c["split"] + ")"
	}
	if m.Kind == Eval {
		return "Evaluation on " + where + "."
	}
	planned := ""
	if c["steps"] != "" {
		planned = " of " + c["steps"]
	}
	state := "finished"
	if t.Finished == nil {
		state = "not finished"
	}
	n := 0
	if len(steps) > 0 {
		n = steps[len(steps)-1].Step
	}
	return fmt.Sprintf("Trained on %s: %d%s steps, %s.", where, n, planned, state)
}

// facts are what a reader wants to know first.
func facts(m Manifest, c settings) []fact {
	var list []fact
	add := func(name, value, detail string) {
		if value != "" {
			list = append(list, fact{name, value, detail})
		}
	}
	if p := m.Policy; p != nil {
		detail := fmt.Sprintf("%s, %s parameters, %s trained; %s on %s, %d threads", p.Architecture, count(p.Parameters), count(p.Trainable), p.DType, p.Device, p.Threads)
		add("Model", or(c["model"], p.Model), detail)
	} else {
		add("Model", c["model"], "")
	}
	for _, kind := range []string{"optimizer", "reward"} {
		for _, plugin := range m.Plugins {
			if plugin.Kind == kind {
				add(strings.ToUpper(kind[:1])+kind[1:], strings.TrimSpace(plugin.Name+" "+plugin.Version), members(plugin.Settings).line())
			}
		}
	}
	add("Benchmark", c["benchmark"], strings.Join(nonEmpty("split "+c["split"], orNone("tasks ", c["tasks"]), orNone("prompt ", or(c["prompt"], m.Versions["prompt"]))), ", "))
	if c["prompts"] != "" {
		add("Batch", fmt.Sprintf("%s prompts × %s completions", c["prompts"], c["group"]),
			strings.Join(nonEmpty(orNone("up to ", c["max_tokens"], " tokens"), orNone("temperature ", c["temperature"]), orNone("iterations ", c["iterations"])), ", "))
	}
	add("Learning rate", c["lr"], strings.Join(nonEmpty(orNone("", c["lr_schedule"]), orNone("LoRA rank ", c["lora_rank"])), ", "))
	for _, name := range []string{"run", "seed"} {
		if seed, ok := m.Seeds[name]; ok {
			add("Seed", fmt.Sprint(seed), "")
			break
		}
	}
	var versions []string
	for _, f := range members(m.Versions).facts() {
		if f.Name != "harness" {
			versions = append(versions, f.Name+" "+f.Value)
		}
	}
	if m.Policy != nil {
		for _, f := range members(m.Policy.Versions).facts() {
			if _, ok := m.Versions[f.Name]; !ok {
				versions = append(versions, f.Name+" "+f.Value)
			}
		}
	}
	add("Versions", orNone("harness ", m.Versions["harness"]), strings.Join(versions, ", "))
	add("Machine", or(m.Platform.CPU, m.Platform.Arch), fmt.Sprintf("%s/%s, %d cores", m.Platform.OS, m.Platform.Arch, m.Platform.Cores))
	return list
}

// orNone returns the parts as one text, or "" where the value (the second part) is empty or zero.
func orNone(parts ...string) string {
	if parts[1] == "" || parts[1] == "0" {
		return ""
	}
	return strings.Join(parts, "")
}

func nonEmpty(parts ...string) []string {
	return slices.DeleteFunc(parts, func(s string) bool { return strings.TrimSpace(s) == "" || strings.HasSuffix(s, " ") })
}

// count writes a number of parameters.
func count(n int64) string {
	switch {
	case n >= 1e9:
		return trim(float64(n)/1e9, 3) + " billion"
	case n >= 1e6:
		return trim(float64(n)/1e6, 3) + " million"
	}
	return fmt.Sprint(n)
}

func sums(m Manifest) []fact {
	list := settings(m.SHA256).facts()
	for _, p := range m.Plugins {
		list = append(list, fact{Name: p.Kind + " " + p.Name, Value: p.SHA256})
	}
	return list
}

// timesHTML is the line of the header that differs from run to run.
func timesHTML(t Times, steps []Step) template.HTML {
	if t.Created.IsZero() {
		return ""
	}
	const layout = "2 January 2006, 15:04 MST"
	s := "Begun " + t.Created.Format(layout)
	if n := len(t.Resumed); n == 1 {
		s += ", resumed once"
	} else if n > 1 {
		s += fmt.Sprintf(", resumed %d times", n)
	}
	if t.Finished != nil {
		s += ", finished " + t.Finished.Format(layout)
	}
	total, n := 0.0, 0.0
	for _, step := range steps {
		if seconds := step.Seconds.Total(); seconds == seconds {
			total, n = total+seconds, n+1
		}
	}
	if n > 0 {
		s += fmt.Sprintf("; %s s a step", trim(total/n, 3))
	}
	return varying(template.HTMLEscapeString(s + "."))
}

// varying marks HTML that is not reproducible.
func varying(html string) template.HTML {
	return template.HTML(variesBegin + html + variesEnd) //nolint:gosec // its callers escape
}
