package policy

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
)

// places are the engine's names of what Hugging Face's files call so.
var places = map[string]engine.Kind{
	"input_layernorm.weight":          engine.Norm1,
	"self_attn.q_proj.weight":         engine.Query,
	"self_attn.k_proj.weight":         engine.Key,
	"self_attn.v_proj.weight":         engine.Value,
	"self_attn.o_proj.weight":         engine.Output,
	"self_attn.q_proj.bias":           engine.QueryBias,
	"self_attn.k_proj.bias":           engine.KeyBias,
	"self_attn.v_proj.bias":           engine.ValueBias,
	"self_attn.q_norm.weight":         engine.QueryNorm,
	"self_attn.k_norm.weight":         engine.KeyNorm,
	"post_attention_layernorm.weight": engine.Norm2,
	"mlp.gate_proj.weight":            engine.Gate,
	"mlp.up_proj.weight":              engine.Up,
	"mlp.down_proj.weight":            engine.Down,
	"model.embed_tokens.weight":       engine.Embedding,
	"model.norm.weight":               engine.FinalNorm,
	"lm_head.weight":                  engine.Head,
}

// place says where a tensor belongs; layer is 0 for those outside the layers.
func place(name string) (k engine.Kind, layer int, err error) {
	short := name
	if rest, ok := strings.CutPrefix(name, "model.layers."); ok {
		number, tensor, _ := strings.Cut(rest, ".")
		if layer, err = strconv.Atoi(number); err != nil {
			return 0, 0, fmt.Errorf("tensor %q: %w", name, err)
		}
		short = tensor
	}
	k, ok := places[short]
	if !ok {
		return 0, 0, fmt.Errorf("tensor %q has no place in the engine", name)
	}
	return k, layer, nil
}

func (p *Policy) loadWeights(ctx context.Context) error {
	for _, t := range p.model.Tensors() {
		if err := ctx.Err(); err != nil {
			return err
		}
		k, layer, err := place(t.Name)
		if err != nil {
			return err
		}
		if err := p.engine.SetWeight(k, layer, t.Shape, func(dst []float32) error { return p.model.Read(t.Name, dst) }); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	return nil
}
