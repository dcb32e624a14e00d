package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/adapter"
	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
	"github.com/rlvr-harness/harness/plugins/policies/torch/lora"
	"github.com/rlvr-harness/harness/plugins/policies/torch/safetensors"
)

// TestOracleSteps repeats four training steps of TRL's GRPOTrainer on a small Qwen 3: losses, gradients, final adapter.
func TestOracleSteps(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(fixtures(t, "HARNESS_ORACLE", "../shared/oracle"), "e2e_*.safetensors"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no e2e_*.safetensors among the fixtures: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".safetensors"), func(t *testing.T) { repeat(t, read(t, f)) })
	}
}

// trained is the arguments that the trainer ran with.
type trained struct {
	Beta     string `json:"beta"`
	Low      string `json:"epsilon"`
	High     string `json:"epsilon_high"`
	LR       string `json:"learning_rate"`
	Decay    string `json:"weight_decay"`
	Beta1    string `json:"adam_beta1"`
	Beta2    string `json:"adam_beta2"`
	Eps      string `json:"adam_epsilon"`
	MaxNorm  string `json:"max_grad_norm"`
	Level    string `json:"importance_sampling_level"`
	LossType string `json:"loss_type"`
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// peftName is a PEFT file's name of what a trainer in memory calls with its adapter's name in it.
func peftName(name string) string { return strings.Replace(name, ".default.weight", ".weight", 1) }

func repeat(t *testing.T, x tensors) {
	var args trained
	if err := json.Unmarshal([]byte(x.f.Metadata()["args"]), &args); err != nil {
		t.Fatal(err)
	}
	if args.LossType != "grpo" {
		t.Fatalf("loss type %q: the test knows only grpo's aggregation", args.LossType)
	}
	o := objective{low: number(t, args.Low), high: number(t, args.Low), beta: number(t, args.Beta), sequence: args.Level == "sequence"}
	if args.High != "None" {
		o.high = number(t, args.High)
	}
	a := core.AdamW{
		LR: number(t, args.LR), Beta1: number(t, args.Beta1), Beta2: number(t, args.Beta2), Eps: number(t, args.Eps),
		WeightDecay: number(t, args.Decay), MaxGradNorm: number(t, args.MaxNorm),
	}
	p := open(t, func(s *Settings) { s.Model, s.Adapter = writeOracleModel(t, x) })
	for step := 0; ; step++ {
		in := fmt.Sprintf("step%d.in.", step)
		if _, ok := x.f.Lookup(in + "advantages"); !ok {
			if step == 0 {
				t.Fatal("the fixture has no step")
			}
			break
		}
		seqs := o.batch(x, in)
		s, err := p.Forward(t.Context(), seqs, 1)
		if err != nil {
			t.Fatal(err)
		}
		loss, grad := o.loss(s.LogProbs)
		within(t, fmt.Sprintf("step %d: loss", step), 2e-6, math.Abs(loss-float64(x.flat(fmt.Sprintf("step%d.loss", step))[0])))
		if err := p.Backward(t.Context(), grad); err != nil {
			t.Fatal(err)
		}
		var flat []float32
		if err := p.thread.Do(func() (err error) {
			flat, err = p.engine.Read(engine.Gradient)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		within(t, fmt.Sprintf("step %d: gradient", step), gradientTolerance, apartFrom(x, fmt.Sprintf("step%d.grad.", step), p, flat))
		if _, err := p.Step(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	var flat []float32
	if err := p.thread.Do(func() (err error) {
		flat, err = p.engine.Read(engine.Parameters)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	within(t, "final adapter", 2e-4, apartFrom(x, "final.", p, flat))
}

func apartFrom(x tensors, prefix string, p *Policy, flat []float32) float64 {
	most := 0.0
	for _, m := range p.layout.Matrices {
		want := x.flat(prefix + strings.TrimSuffix(m.Name, ".weight") + ".default.weight")
		most = math.Max(most, apart(flat[m.Offset:m.Offset+m.Len()], want))
	}
	return most
}

// batch takes a step's sequences out of their padding, and the objective's inputs with them.
func (o *objective) batch(x tensors, in string) []core.Sequence {
	o.advantage, o.old, o.ref = nil, nil, nil
	prompts, promptMask := x.ints(in+"prompt_ids"), x.ints(in+"prompt_mask")
	completions, mask := x.ints(in+"completion_ids"), x.ints(in+"completion_mask")
	old, ref := x.rows(in+"old_per_token_logps"), x.rows(in+"ref_per_token_logps")
	advantage := x.flat(in + "advantages")
	var seqs []core.Sequence
	for i := range prompts {
		var s core.Sequence
		for j, id := range prompts[i] {
			if promptMask[i][j] == 1 {
				s.Prompt = append(s.Prompt, int32(id))
			}
		}
		for j, id := range completions[i] {
			if mask[i][j] == 1 {
				s.Completion = append(s.Completion, int32(id))
			}
		}
		n := len(s.Completion)
		seqs = append(seqs, s)
		o.advantage = append(o.advantage, float64(advantage[i]))
		o.old, o.ref = append(o.old, old[i][:n]), append(o.ref, ref[i][:n])
	}
	return seqs
}

// writeOracleModel writes the fixture's base weights and first adapter as folders.
func writeOracleModel(t *testing.T, x tensors) (model, start string) {
	t.Helper()
	model, start = t.TempDir(), t.TempDir()
	var base, first []safetensors.Tensor
	layers, rank := 0, 0
	for _, info := range x.f.Tensors() {
		if name, ok := strings.CutPrefix(info.Name, "base."); ok {
			base = append(base, safetensors.Float32(name, info.Shape, x.flat(info.Name)))
			if strings.HasSuffix(name, ".input_layernorm.weight") {
				layers++
			}
		}
		if name, ok := strings.CutPrefix(info.Name, "lora0."); ok {
			first = append(first, safetensors.Float32(peftName(name), info.Shape, x.flat(info.Name)))
			if strings.Contains(name, "lora_A") {
				rank = int(info.Shape[0])
			}
		}
	}
	if err := safetensors.Write(filepath.Join(model, "model.safetensors"), base, nil); err != nil {
		t.Fatal(err)
	}
	// the shape that e2e.py gives its model
	writeJSON(t, filepath.Join(model, "config.json"), map[string]any{
		"architectures": []string{"Qwen3ForCausalLM"}, "model_type": "qwen3", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64,
		"num_hidden_layers": layers, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128,
		"tie_word_embeddings": true, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "eos_token_id": 1, "pad_token_id": 0, "hidden_act": "silu",
	})
	if err := safetensors.Write(filepath.Join(start, adapter.WeightsFile), first, nil); err != nil {
		t.Fatal(err)
	}
	writeJSON(t, filepath.Join(start, adapter.ConfigFile), map[string]any{"peft_type": "LORA", "r": rank, "lora_alpha": 8, "target_modules": lora.Projections()})
	return model, start
}
