package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/plugins"
)

// Outcome is how a demand was met.
type Outcome string

// The outcomes of a demand.
const (
	Pass    Outcome = "pass"
	Fail    Outcome = "fail"
	Skipped Outcome = "skipped" // by Options.Skip, or because an earlier failure left nothing to ask
	Note    Outcome = "note"    // no demand of the contract, but worth knowing
)

// Result is what became of one demand.
type Result struct {
	Name    string        `json:"name"`
	Outcome Outcome       `json:"outcome"`
	Detail  string        `json:"detail,omitempty"`
	Took    time.Duration `json:"took_ns"`
}

// Report is the result of a suite.
type Report struct {
	Plugin  plugins.Info `json:"plugin"`
	Results []Result     `json:"results"`
}

// OK says that nothing failed.
func (r Report) OK() bool {
	return !slices.ContainsFunc(r.Results, func(x Result) bool { return x.Outcome == Fail })
}

// Options say how a suite is run.
type Options struct {
	// Kind is the plugin's kind; "" takes it from the file's name.
	Kind plugins.Kind
	// Settings and Set are given to the plugin, as in plugins.Options.
	Settings json.RawMessage
	Set      map[string]string
	Host     plugins.Host
	// Env is added to the plugin's environment.
	Env []string
	// Skip names demands that are left out. A loss with a stop-gradient, as CISPO's, leaves out "derivative": its
	// derivative is by design not that of its value.
	Skip []string
	// Timeout bounds each call; 0 means 30 seconds.
	Timeout time.Duration
}

// demand is one thing that the contract asks for.
type demand struct {
	name string
	ask  func(ctx context.Context) error
}

// noted is an error that is told and does not fail the suite.
type noted struct{ error }

func notef(format string, a ...any) error { return noted{fmt.Errorf(format, a...)} }

// Run runs the suite on the plugin at path as subtests of t.
func Run(t *testing.T, path string, o Options) {
	t.Helper()
	r := Check(t.Context(), path, o)
	for _, x := range r.Results {
		t.Run(strings.ReplaceAll(x.Name, " ", "-"), func(t *testing.T) {
			switch x.Outcome {
			case Fail:
				t.Error(x.Detail)
			case Skipped:
				t.Skip(x.Detail)
			case Pass, Note:
				if x.Detail != "" {
					t.Log(x.Detail)
				}
			}
		})
	}
}

// Check runs the suite on the plugin at path.
func Check(ctx context.Context, path string, o Options) Report {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	s := &suite{path: path, o: o}
	if s.o.Kind == "" {
		s.o.Kind = kindOf(path)
	}
	s.run(ctx)
	return s.report
}

func kindOf(path string) plugins.Kind {
	for _, k := range plugins.Kinds() {
		if strings.HasPrefix(filepath.Base(path), plugins.FileName(k, "")) {
			return k
		}
	}
	return ""
}

// suite is one run over one plugin.
type suite struct {
	path   string
	o      Options
	report Report
}

func (s *suite) options() plugins.Options {
	return plugins.Options{
		Name: s.path, Settings: s.o.Settings, Set: s.o.Set, Env: s.o.Env, Timeout: s.o.Timeout, Host: s.o.Host,
	}
}

func (s *suite) run(ctx context.Context) {
	if _, err := os.Stat(s.path); err != nil {
		s.add("file", Fail, err.Error(), 0)
		return
	}
	if s.o.Kind == "" {
		s.add("file name", Fail, fmt.Sprintf("%s is not named harness-reward-NAME, harness-optimizer-NAME or harness-policy-NAME", filepath.Base(s.path)), 0)
		return
	}
	if !s.ask(ctx, demand{"handshake", func(ctx context.Context) error {
		info, err := plugins.Inspect(ctx, s.o.Kind, s.path, s.o.Env...)
		s.report.Plugin = info
		return err
	}}) {
		return
	}
	for _, d := range s.settings() {
		s.ask(ctx, d)
	}
	switch s.o.Kind {
	case plugins.KindReward:
		s.reward(ctx)
	case plugins.KindOptimizer:
		s.optimizer(ctx)
	case plugins.KindPolicy:
		s.add("calls", Skipped, "a policy's calls need its model: this suite asks for its handshake and its settings", 0)
	}
}

// ask makes one demand and says whether it was met.
func (s *suite) ask(ctx context.Context, d demand) bool {
	if slices.Contains(s.o.Skip, d.name) {
		s.add(d.name, Skipped, "left out as asked", 0)
		return true
	}
	start := time.Now()
	err := d.ask(ctx)
	took := time.Since(start)
	var n noted
	switch {
	case err == nil:
		s.add(d.name, Pass, "", took)
	case errors.As(err, &n):
		s.add(d.name, Note, n.Error(), took)
	default:
		// Where this suite is what an error advises, it is running.
		s.add(d.name, Fail, strings.ReplaceAll(err.Error(), "; try `harness plugin check "+s.path+"`", ""), took)
		return false
	}
	return true
}

func (s *suite) add(name string, o Outcome, detail string, took time.Duration) {
	s.report.Results = append(s.report.Results, Result{Name: name, Outcome: o, Detail: detail, Took: took})
}

// settings are the demands on a plugin's settings.
func (s *suite) settings() []demand {
	open := func(ctx context.Context, o plugins.Options) (plugins.Info, error) {
		switch s.o.Kind {
		case plugins.KindReward:
			p, err := plugins.OpenReward(ctx, o)
			if err != nil {
				return plugins.Info{}, err
			}
			return p.Plugin(), p.Close()
		case plugins.KindOptimizer:
			p, err := plugins.OpenOptimizer(ctx, o)
			if err != nil {
				return plugins.Info{}, err
			}
			return p.Plugin(), p.Close()
		case plugins.KindPolicy:
		}
		return s.report.Plugin, nil // a policy would load its model
	}
	demands := []demand{
		{"settings schema", func(context.Context) error { return describedSchema(s.report.Plugin.Schema) }},
	}
	if s.o.Kind == plugins.KindPolicy {
		return demands
	}
	return append(demands,
		demand{"settings accepted", func(ctx context.Context) error {
			info, err := open(ctx, s.options())
			if err != nil {
				return err
			}
			var all map[string]any
			if err := json.Unmarshal(info.Settings, &all); err != nil {
				return fmt.Errorf("the resolved settings are no JSON object: %w", err)
			}
			return nil
		}},
		demand{"settings resolved are accepted", func(ctx context.Context) error {
			info, err := open(ctx, s.options())
			if err != nil {
				return err
			}
			o := s.options()
			o.Settings, o.Set = info.Settings, nil
			again, err := open(ctx, o)
			if err != nil {
				return fmt.Errorf("the settings that it resolved, given back to it: %w", err)
			}
			return sameSettings(info.Settings, again.Settings)
		}},
		demand{"settings unknown are refused", func(ctx context.Context) error {
			o := s.options()
			o.Settings, o.Set = json.RawMessage(`{"no_such_setting_of_a_plugin": 1}`), nil
			_, err := open(ctx, o)
			if err == nil {
				return errors.New("a setting that does not exist was accepted: the schema needs \"additionalProperties\": false")
			}
			if !strings.Contains(err.Error(), "no_such_setting_of_a_plugin") {
				return fmt.Errorf("the refusal of an unknown setting does not name it: %w", err)
			}
			return nil
		}},
	)
}

func sameSettings(a, b json.RawMessage) error {
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		return err
	}
	p, _ := json.Marshal(x) // of what was just parsed: it cannot fail
	q, _ := json.Marshal(y)
	if string(p) != string(q) {
		return fmt.Errorf("resolved to %s, and from there to %s", p, q)
	}
	return nil
}

// describedSchema asks that a person can read the settings: an object whose settings have a type and a description.
func describedSchema(schema json.RawMessage) error {
	var s struct {
		Type       string
		Properties map[string]struct {
			Type        any
			Description string
			Enum        []any
		}
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return fmt.Errorf("the settings schema: %w", err)
	}
	if s.Type != "object" {
		return fmt.Errorf("the settings schema is of type %q, not object", s.Type)
	}
	var silent []string
	for name, p := range s.Properties {
		if p.Type == nil && len(p.Enum) == 0 {
			return fmt.Errorf("setting %s has no type", name)
		}
		if p.Description == "" {
			silent = append(silent, name)
		}
	}
	if len(silent) > 0 {
		slices.Sort(silent)
		return notef("without a description: %s", strings.Join(silent, ", "))
	}
	return nil
}
