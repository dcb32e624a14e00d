package policy

import (
	"fmt"
	"math"

	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/policies/torch/lora"
)

// Settings configure a policy. The tags are the plugin SDK's.
type Settings struct {
	Model       string   `json:"model" required:"true" doc:"a Hugging Face folder or a .gguf file"`
	Adapter     string   `json:"adapter" doc:"folder of a PEFT adapter to start from; its rank, alpha and targets win"`
	Device      string   `json:"device" enum:"auto,cpu,cuda" doc:"where to compute; auto takes cuda where there is one"`
	DType       string   `json:"dtype" enum:"float32,bfloat16" doc:"type of the base weights and of products with them; adapter, optimizer and log-softmax are float32"`
	Threads     int      `json:"threads" min:"0" max:"1024" doc:"compute threads; 0 is one per physical core"`
	Seed        uint64   `json:"seed" doc:"seed of the adapter's first values"`
	LoRARank    int      `json:"lora_rank" min:"0" max:"4096" doc:"rank of a new adapter"`
	LoRAAlpha   float64  `json:"lora_alpha" min:"0" doc:"what a new adapter adds is multiplied by alpha / rank; 0 is twice the rank"`
	LoRATargets []string `json:"lora_targets" doc:"projections that get a new adapter; none means all seven"`
	MemoryMiB   int      `json:"memory_mib" min:"0" doc:"for activations kept between Forward and Backward, and for keys and values while sampling; 0 is half of the machine's memory"`
	MaxBatch    int      `json:"max_batch" min:"1" max:"4096" doc:"completions that are sampled side by side"`
	Context     int      `json:"context" min:"0" doc:"longest prompt and completion together, in tokens; 0 is the model's own limit"`
}

// Defaults are the settings' values where none is given.
func Defaults() Settings {
	return Settings{Device: "auto", DType: "float32", LoRARank: 16, MaxBatch: 64}
}

// badSetting is an error that is the user's to mend.
func badSetting(name, format string, args ...any) error {
	return &plugins.BadSetting{Name: name, Err: fmt.Errorf(format, args...)}
}

// check refuses what the plugin SDK's bounds do not. It names the field.
func (s Settings) check() error {
	switch {
	case s.Model == "":
		return badSetting("model", "expected a Hugging Face folder or a .gguf file, found nothing")
	case s.DType != "float32" && s.DType != "bfloat16":
		return badSetting("dtype", "expected float32 or bfloat16, found %q", s.DType)
	case s.Threads < 0:
		return badSetting("threads", "expected 0 or more, found %d", s.Threads)
	case s.LoRARank < 1 && s.Adapter == "":
		return badSetting("lora_rank", "expected at least 1, found %d", s.LoRARank)
	case s.LoRAAlpha < 0 || math.IsInf(s.LoRAAlpha, 0) || math.IsNaN(s.LoRAAlpha):
		return badSetting("lora_alpha", "expected a positive number, found %g", s.LoRAAlpha)
	case s.MemoryMiB < 0:
		return badSetting("memory_mib", "expected 0 or more, found %d", s.MemoryMiB)
	case s.MaxBatch < 1:
		return badSetting("max_batch", "expected at least 1, found %d", s.MaxBatch)
	case s.Context < 0:
		return badSetting("context", "expected 0 or more, found %d", s.Context)
	}
	if _, err := lora.Targets(s.LoRATargets); err != nil {
		return badSetting("lora_targets", "%w", err)
	}
	return nil
}

// alpha is LoRAAlpha with its default.
func (s Settings) alpha() float64 {
	if s.LoRAAlpha == 0 {
		return 2 * float64(s.LoRARank)
	}
	return s.LoRAAlpha
}
