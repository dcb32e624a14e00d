package plugintest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
			})
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
			if x := r.Results[i]; x.Outcome != Fail || !strings.Contains(x.Detail, c.says) {
				t.Errorf("%+v, want a failure with %q", x, c.says)
			}
		})
	}
	t.Run("a policy's handshake", func(t *testing.T) {
		if r := Check(context.Background(), path[plugins.KindPolicy], Options{}); !r.OK() {
			t.Errorf("%+v", r.Results)
		}
	})
	t.Run("a name of no kind", func(t *testing.T) {
		if r := Check(context.Background(), odd, Options{}); r.OK() || !strings.Contains(r.Results[0].Detail, "harness-reward-NAME") {
			t.Errorf("%+v", r.Results)
		}
	})
}
