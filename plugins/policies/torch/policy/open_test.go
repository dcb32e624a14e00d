package policy

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/plugins"
)

func TestBadSettingsNameTheField(t *testing.T) {
	dir := models(t)[0]
	for _, row := range []struct {
		field  string
		change func(*Settings)
	}{
		{"model", func(s *Settings) { s.Model = "" }},
		{"model", func(s *Settings) { s.Model = filepath.Join(dir, "nothing") }},
		{"model", func(s *Settings) { s.Model = t.TempDir() }},
		{"adapter", func(s *Settings) { s.Adapter = t.TempDir() }},
		{"device", func(s *Settings) { s.Device = "tpu" }},
		{"dtype", func(s *Settings) { s.DType = "float16" }},
		{"threads", func(s *Settings) { s.Threads = -1 }},
		{"lora_rank", func(s *Settings) { s.LoRARank = 0 }},
		{"lora_rank", func(s *Settings) { s.LoRARank = 1 << 20 }},
		{"lora_alpha", func(s *Settings) { s.LoRAAlpha = math.Inf(1) }},
		{"lora_targets", func(s *Settings) { s.LoRATargets = []string{"lm_head"} }},
		{"memory_mib", func(s *Settings) { s.MemoryMiB = -1 }},
		{"max_batch", func(s *Settings) { s.MaxBatch = 0 }},
		{"context", func(s *Settings) { s.Context = 1 << 30 }},
	} {
		s := Defaults()
		s.Model, s.Device = dir, "cpu"
		row.change(&s)
		if p, err := Open(t.Context(), s); err == nil {
			p.Close()
			t.Errorf("%s: taken: %+v", row.field, s)
		} else if bad := new(plugins.BadSetting); !errors.As(err, &bad) || !strings.Contains(bad.Name, row.field) {
			t.Errorf("%s: not named in: %v", row.field, err)
		}
	}
}

// A damaged model is an error that names the file, whatever is wrong with it.
func TestDamagedModels(t *testing.T) {
	dir := models(t)[0]
	weights, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name            string
		weights, config []byte
	}{
		{"half the weights", weights[:len(weights)/2], config},
		{"no weights", nil, config},
		{"weights that are something else", []byte("hello, this is no model"), config},
		{"another shape", weights, []byte(strings.Replace(string(config), `"hidden_size": 64`, `"hidden_size": 96`, 1))},
		{"a configuration that is cut", weights, config[:len(config)/2]},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := t.TempDir()
			if err := os.WriteFile(filepath.Join(d, "model.safetensors"), row.weights, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(d, "config.json"), row.config, 0o600); err != nil {
				t.Fatal(err)
			}
			s := Defaults()
			s.Model, s.Device = d, "cpu"
			p, err := Open(t.Context(), s)
			if err == nil {
				p.Close()
				t.Fatal("taken")
			}
			if !strings.Contains(err.Error(), d) {
				t.Errorf("the folder is not named in: %v", err)
			}
		})
	}
}

func TestOpenCanBeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := Defaults()
	s.Model, s.Device = models(t)[0], "cpu"
	if _, err := Open(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Where there is no CUDA device, asking for one says so and what to do; auto takes the processor.
func TestNoCUDA(t *testing.T) {
	s := Defaults()
	s.Model, s.Device = models(t)[0], "auto"
	p, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if strings.HasPrefix(p.info.Device, "cuda") {
		t.Skip("this machine has a CUDA device")
	}
	s.Device = "cuda"
	if _, err := Open(t.Context(), s); err == nil || !strings.Contains(err.Error(), "no CUDA device") || !strings.Contains(err.Error(), "--device cpu") {
		t.Errorf("got %v", err)
	}
}
