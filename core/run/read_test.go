package run

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core/jsonlines"
)

func TestStepsThatAreWrong(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a wrong type", "{\"step\":1}\n{\"step\":2,\"loss\":\"low\"}\n", `metrics.jsonl:2:18: field "loss": string where a number belongs`},
		{"a wrong type inside", "{\"step\":1,\"verdicts\":{\"passed\":1.5}}\n", `metrics.jsonl:1:32: field "verdicts.passed": number 1.5 where a whole number belongs`},
		{"no JSON", "{\"step\":1}\n\n{\"step\":2,,}\n", `metrics.jsonl:3:11: not JSON: invalid character ','`},
		{"a step twice", "{\"step\":1}\n{\"step\":1}\n", `metrics.jsonl:2:9: field "step": is 1; step 2 belongs here`},
		{"no step", "{}\n", `metrics.jsonl:1:1: field "step": is 0; step 1 belongs here`},
		{"two values", "{\"step\":1} {\"step\":2}\n", `metrics.jsonl:1:12: not JSON: invalid character '{' after top-level value`},
		{"no object", "7\n", `metrics.jsonl:1:1: number where an object belongs`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := checkSteps(decodeLines[Step](strings.NewReader(c.text), "metrics.jsonl"))
			var place *jsonlines.Error
			if !errors.As(err, &place) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestUnfinishedLineIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, metricsName), []byte("{\"step\":1}\n{\"step\":2}\n{\"step\":3,\"lo"), 0o600); err != nil {
		t.Fatal(err)
	}
	steps, err := ReadSteps(dir)
	if err != nil || len(steps) != 2 {
		t.Errorf("%d steps, %v", len(steps), err)
	}
	if steps, err := ReadSteps(t.TempDir()); err != nil || steps != nil {
		t.Errorf("without a file: %v, %v", steps, err)
	}
}

func TestEvaluationsKeepWhatTheReaderDoesNotKnow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(dir, small(1).manifest())
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		Evaluation
		Mood string `json:"mood"`
	}
	if err := f.AppendEvaluation(0, result{small(1).evaluation(0), "bright"}); err != nil {
		t.Fatal(err)
	}
	if err := f.AppendEvaluation(3, map[string]any{"benchmark": "b", "tasks": "many"}); err == nil || !strings.Contains(err.Error(), `"tasks"`) {
		t.Errorf("tasks that are no number: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, evalsName))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), `{"step":0,"benchmark":"starter"`) || !strings.Contains(string(text), `"mood":"bright"`) {
		t.Errorf("%s", text)
	}
	list, err := ReadEvaluations(dir)
	if err != nil || len(list) != 1 || list[0].PassAtK["1"].Value == 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func FuzzReadSteps(f *testing.F) {
	text, err := line(fullStep())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("{\"step\":1}\n{\"step\":2,\"verdicts\":[]}\n"))
	f.Add([]byte("\xef\xbb\xbf{\"step\":1}\r\n\r\n"))
	f.Add([]byte("{\"step\":1e400}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		steps, err := checkSteps(decodeLines[Step](strings.NewReader(string(data)), "f"))
		var place *jsonlines.Error
		if err != nil && (!errors.As(err, &place) || place.Line < 1 || place.Column < 1) {
			t.Fatalf("an error without its place: %v", err)
		}
		for i, s := range steps {
			if s.Step != i+1 {
				t.Fatalf("step %d at place %d", s.Step, i)
			}
		}
	})
}

func FuzzReadManifest(f *testing.F) {
	text, err := small(1).manifest().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":1,"kind":"eval","plugins":[{"settings":7}],"policy":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, manifestName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := ReadManifest(dir)
		if err != nil {
			return
		}
		if _, err := m.encode(); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if d := m.Diff(m); len(d) > 0 {
			t.Fatalf("a manifest differs from itself: %q", d)
		}
		if err := WriteReport(dir); err != nil {
			t.Fatalf("a manifest that can be read has no report: %v", err)
		}
	})
}

func FuzzReadIndex(f *testing.F) {
	f.Add([]byte(`{"step":4,"state":{"position":8},"files":[{"name":"policy.state","bytes":3,"sha256":"00"}],"records":[{"file":"metrics.jsonl","records":4,"sha256":"00"}]}`))
	f.Add([]byte(`{"step":-1}`))
	f.Add([]byte(`{"records":[{"file":"../x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := decodeIndex(data, "index.json")
		if err != nil {
			return
		}
		for _, m := range x.Records {
			if strings.ContainsAny(m.File, "/\\") || m.Records < 0 {
				t.Fatalf("%+v was let through", m)
			}
		}
	})
}
