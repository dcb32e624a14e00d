package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
)

// build compiles the command in dir to a file.
func build(t *testing.T, dir, to string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", to, dir).CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", dir, err, out)
	}
}

// stopGradient names the rules whose derivative is by design not that of their value.
var stopGradient = map[string]bool{"cispo": true}

// TestInTree holds every reward and optimizer of the repository to the suite, as real processes.
func TestInTree(t *testing.T) {
	for folder, kind := range map[string]plugins.Kind{"rewards": plugins.KindReward, "optimizers": plugins.KindOptimizer} {
		mains, err := filepath.Glob(filepath.Join("..", folder, "*", "main.go"))
		if err != nil || len(mains) == 0 {
			t.Fatalf("no plugins in ../%s: %v", folder, err)
		}
		for _, m := range mains {
			dir := filepath.Dir(m)
			name := filepath.Base(dir)
			t.Run(folder+"/"+name, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), plugins.FileName(kind, name))
				build(t, "./"+dir, path)
				var o Options
				if stopGradient[name] {
					o.Skip = []string{"derivative"}
				}
				Run(t, path, o)
				if kind == plugins.KindOptimizer {
					presets(t, path)
				}
			})
		}
	}
}

// presets opens an optimizer under each of its presets.
func presets(t *testing.T, path string) {
	t.Helper()
	info, err := plugins.Inspect(t.Context(), plugins.KindOptimizer, path)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties struct{ Preset struct{ Enum []string } }
	}
	if err := json.Unmarshal(info.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	names := schema.Properties.Preset.Enum
	if !slices.Contains(names, "paper") {
		t.Errorf("presets %q: paper is missing", names)
	}
	for _, name := range names {
		o, err := plugins.OpenOptimizer(t.Context(), plugins.Options{Name: path, Set: map[string]string{"preset": name}})
		if err != nil {
			t.Errorf("preset %q: %v", name, err)
			continue
		}
		if name != "" && !strings.Contains(string(o.Plugin().Settings), `"preset":"`+name+`"`) {
			t.Errorf("preset %q resolved to %s", name, o.Plugin().Settings)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}

// host stands for the harness's sandbox and linter: every program passes.
type host struct{}

func (host) Verify(_ context.Context, task core.Task, _ string) (core.Verdict, error) {
	v := core.Verdict{Class: core.Passed}
	for range task.Tests {
		v.Tests = append(v.Tests, core.TestResult{Class: core.Passed})
	}
	return v, nil
}

func (host) Lint(context.Context, string) (core.Lint, error) { return core.Lint{}, nil }

// TestExamples holds the example plugins to the suite: modules of their own, built where they lie, and one in Python.
func TestExamples(t *testing.T) {
	examples := filepath.Join("..", "..", "examples", "rewards")
	for _, name := range []string{"complexity", "stateless"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), plugins.FileName(plugins.KindReward, name))
			cmd := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-ldflags=-s -w", "-o", path, ".")
			cmd.Dir = filepath.Join(examples, name)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("go build in %s: %v\n%s", cmd.Dir, err, out)
			}
			Run(t, path, Options{Host: host{}})
		})
	}
	t.Run("type_hints", func(t *testing.T) {
		if testing.Short() {
			t.Skip("it installs grpcio into a virtual environment; run without -short")
		}
		dir := filepath.Join(examples, "type_hints")
		if out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "setup.sh")).CombinedOutput(); err != nil {
			t.Skipf("setup.sh needs python3 with venv and a package index: %v\n%s", err, out)
		}
		Run(t, filepath.Join(dir, plugins.FileName(plugins.KindReward, "type-hints")), Options{})
	})
}

// TestWorst: a failure among calls at the same time is none that a note hides.
func TestWorst(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		errs []error
		want Outcome
	}{
		{[]error{nil, nil}, Pass},
		{[]error{nil, notef("odd"), notef("odder")}, Note},
		{[]error{notef("odd"), broken, nil}, Fail},
	} {
		s := &suite{}
		s.ask(context.Background(), demand{"d", func(context.Context) error { return worst(c.errs) }})
		if got := s.report.Results[0]; got.Outcome != c.want || c.want == Note && got.Detail != "odd" {
			t.Errorf("%v: %+v, want %s", c.errs, got, c.want)
		}
	}
}

// TestSuiteFinds holds plugins to the suite that do one thing wrong each, and asks that it is found.
func TestSuiteFinds(t *testing.T) {
	dir := t.TempDir()
	odd := filepath.Join(dir, "odd")
	build(t, "../testdata/misbehave", odd)
	path := map[plugins.Kind]string{}
	for _, k := range plugins.Kinds() {
		path[k] = filepath.Join(dir, plugins.FileName(k, "odd"))
		if err := os.Link(odd, path[k]); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		kind   plugins.Kind
		set    map[string]string
		env    string
		demand string
		says   string
	}{
		{"garbage on standard output", plugins.KindReward, nil, "MISBEHAVE_START=garbage", "handshake", "printed"},
		{"another protocol", plugins.KindOptimizer, nil, "MISBEHAVE_START=protocol", "handshake", "protocol 7"},
		{"no version", plugins.KindPolicy, nil, "MISBEHAVE_START=version", "handshake", "no version"},
		{"settings that do not fit", plugins.KindReward, map[string]string{"do": "configure-error"}, "", "settings accepted", "asks for too much"},
		{"too few scores", plugins.KindReward, map[string]string{"do": "few"}, "", "a score for each sample", "0 scores for 1 samples"},
		{"NaN", plugins.KindReward, map[string]string{"do": "nan"}, "", "deterministic", "NaN"},
		{"infrastructure scored as 0", plugins.KindReward, nil, "", "infrastructure abstains", "abstain where"},
		{"death", plugins.KindReward, map[string]string{"do": "die"}, "", "empty group", "died"},
		{"NaN advantages", plugins.KindOptimizer, map[string]string{"do": "nan"}, "", "an advantage for each score", "NaN"},
		{"a derivative where the mask is off", plugins.KindOptimizer, map[string]string{"do": "masked"}, "", "masked tokens", "mask leaves out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := Options{Set: c.set}
			if c.env != "" {
				o.Env = []string{c.env}
			}
			r := Check(context.Background(), path[c.kind], o)
			if r.OK() {
				t.Fatalf("nothing was found: %+v", r.Results)
			}
			i := slices.IndexFunc(r.Results, func(x Result) bool { return x.Name == c.demand })
			if i < 0 {
				t.Fatalf("%q was not asked for: %+v", c.demand, r.Results)
			}
			if x := r.Results[i]; x.Outcome != Fail || !strings.Contains(x.Detail, c.says) || strings.Contains(x.Detail, "plugin check") {
				t.Errorf("%+v, want a failure with %q", x, c.says)
			}
		})
	}
	t.Run("a policy's handshake", func(t *testing.T) {
		if r := Check(context.Background(), path[plugins.KindPolicy], Options{}); !r.OK() {
			t.Errorf("%+v", r.Results)
		}
	})
	t.Run("no file", func(t *testing.T) {
		if r := Check(context.Background(), filepath.Join(dir, "absent"), Options{}); r.OK() || !strings.Contains(r.Results[0].Detail, "no such file") {
			t.Errorf("%+v", r.Results)
		}
	})
	t.Run("a name of no kind", func(t *testing.T) {
		if r := Check(context.Background(), odd, Options{}); r.OK() || !strings.Contains(r.Results[0].Detail, "harness-reward-NAME") {
			t.Errorf("%+v", r.Results)
		}
	})
}
