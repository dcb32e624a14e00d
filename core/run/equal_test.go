package run

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRunsOfOneSeedAreEqual(t *testing.T) {
	a, b := small(1), small(1)
	b.seconds = func() float64 { return 123.456 }
	left, right := a.create(t), b.create(t)
	if err := Equal(left, right); err != nil {
		t.Error(err)
	}
	// What is left out of the comparison does differ; otherwise the test would show nothing.
	for _, name := range []string{metricsName, evalsName, eventsName, reportName, timesName} {
		x, err := os.ReadFile(filepath.Join(left, name))
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(filepath.Join(right, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(x, y) {
			t.Errorf("%s has no time in it", name)
		}
	}
	// And what two runs share to the byte needs no leaving out.
	for _, name := range []string{manifestName, completionsName, parquetName, "checkpoint/step-7/index.json", "adapters/step-6/adapter_model.safetensors"} {
		x, err := os.ReadFile(filepath.Join(left, name))
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(filepath.Join(right, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestRunsOfTwoSeedsAreNot(t *testing.T) {
	err := Equal(small(1).create(t), small(2).create(t))
	if err == nil {
		t.Fatal("they are equal")
	}
	for _, name := range []string{metricsName, completionsName, parquetName, manifestName, eventsName, reportName, "checkpoint/step-7/policy.state"} {
		if !strings.Contains(err.Error(), name+": differs") {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

func TestEqualSeesEveryChange(t *testing.T) {
	want := small(1).create(t)
	for _, change := range []struct{ name, old, new string }{
		{metricsName, `"pass_rate":`, `"pass_rate":1`},
		{metricsName, `"step":7`, `"step":8`},
		{completionsName, `"tokens":`, `"tokens":1`},
		{evalsName, `"tasks":40`, `"tasks":41`},
		{reportName, "Trained on", "Trained at"},
		{manifestName, `"gspo"`, `"grpo"`},
		{eventsName, "", ""},
		{"adapters/step-2/adapter_config.json", "{}", "[]"},
	} {
		got := small(1).create(t)
		path := filepath.Join(got, change.name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if change.old == "" { // one event less
			data = data[:0]
		} else {
			changed := bytes.Replace(data, []byte(change.old), []byte(change.new), 1)
			if bytes.Equal(changed, data) {
				t.Fatalf("%s holds no %q", change.name, change.old)
			}
			data = changed
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Equal(want, got); err == nil || !strings.Contains(err.Error(), change.name+": differs") {
			t.Errorf("%s, %q for %q: %v", change.name, change.new, change.old, err)
		}
	}
	got := small(1).create(t)
	if err := os.RemoveAll(filepath.Join(got, adaptersName, "step-2")); err != nil {
		t.Fatal(err)
	}
	if err := Equal(want, got); err == nil || !strings.Contains(err.Error(), "adapters/step-2/adapter_config.json: only in "+want) {
		t.Errorf("a missing adapter: %v", err)
	}
}
