package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/policies/torch/internal/testmodel"
)

// TestMain is the plugin where a test starts this binary as one, so that the tests meet the real process and the real wire.
func TestMain(m *testing.M) {
	if os.Getenv("HARNESS_TORCH_PLUGIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// plugin opens this test's own binary as a plugin.
func plugin(t *testing.T, settings map[string]any) (*plugins.Policy, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "harness-policy-torch")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	return plugins.OpenPolicy(t.Context(), plugins.Options{Name: path, Settings: raw, Env: []string{"HARNESS_TORCH_PLUGIN=1"}})
}

// One generation and one update of the real model through the real process.
func TestPluginTrains(t *testing.T) {
	p, err := plugin(t, map[string]any{"model": testmodel.SmolLM2(t), "device": "cpu", "lora_rank": 4, "context": 256})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	info, err := p.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.ContextLength != 256 || info.Architecture != "llama" {
		t.Errorf("%+v", info)
	}
	prompt := core.Prompt{
		Messages: []core.Message{{Role: "user", Content: "Write a function double(x). Answer only with the code."}},
		Prefill:  "```python\n", Stop: []string{"```"},
	}
	var seqs []core.Sequence
	if err := p.Generate(t.Context(), []core.Prompt{prompt}, core.Sampling{N: 2, MaxTokens: 20, Seeds: []uint64{1, 2}}, func(g core.Generated) error {
		if !strings.Contains(g.Completion.Text, "def double") {
			t.Errorf("completion %d: %q", g.Sample, g.Completion.Text)
		}
		seqs = append(seqs, core.Sequence{Prompt: g.Completion.PromptTokens, Completion: g.Completion.Tokens})
		return nil
	}, nil); err != nil {
		t.Fatal(err)
	}
	s, err := p.Forward(t.Context(), seqs, 1)
	if err != nil {
		t.Fatal(err)
	}
	grad := make([][]float64, len(seqs))
	for i, row := range s.LogProbs {
		grad[i] = make([]float64, len(row))
		for j := range row {
			grad[i][j] = -0.01
		}
	}
	if err := p.Backward(t.Context(), grad); err != nil {
		t.Fatal(err)
	}
	stats, err := p.Step(t.Context(), core.AdamW{LR: 1e-4, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8})
	if err != nil || !(stats.GradNorm > 0) {
		t.Errorf("step: %+v, %v", stats, err)
	}
	if err := p.SaveAdapter(t.Context(), filepath.Join(t.TempDir(), "adapter")); err != nil {
		t.Error(err)
	}
}

func TestPluginRefusesBadSettings(t *testing.T) {
	for _, row := range []struct {
		message  string
		settings map[string]any
	}{
		{"model", map[string]any{}},
		{"lora_rang", map[string]any{"model": "m", "lora_rang": 4}},
		{"device", map[string]any{"model": "m", "device": "gpu"}},
		{"no such file", map[string]any{"model": "/nowhere/model.gguf"}},
	} {
		p, err := plugin(t, row.settings)
		if err == nil {
			p.Close()
			t.Errorf("%v was taken", row.settings)
		} else if !strings.Contains(err.Error(), row.message) {
			t.Errorf("%v: %v", row.settings, err)
		}
	}
}
