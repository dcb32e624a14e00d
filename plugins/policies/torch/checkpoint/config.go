package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The architectures that can be opened, as config.json's model_type and GGUF's general.architecture name them.
const (
	Llama = "llama"
	Qwen2 = "qwen2"
	Qwen3 = "qwen3"
)

// Architectures lists the architectures that can be opened.
func Architectures() []string { return []string{Llama, Qwen2, Qwen3} }

// Config describes a decoder-only transformer of the Llama family: RMSNorm before attention and MLP, rotary positions in the
// half-split layout, grouped-query attention, a gated MLP with SiLU.
type Config struct {
	Architecture  string
	Layers        int
	Hidden        int // width of the residual stream
	Intermediate  int // width of the MLP
	Heads         int // query heads
	KVHeads       int // key and value heads; Heads is a multiple
	HeadDim       int // even; Heads*HeadDim may differ from Hidden
	Vocab         int // rows of the embedding, which may exceed the tokenizer's size
	ContextLength int // positions that the model was made for
	NormEps       float64
	RopeTheta     float64
	RopeScaling   *Llama3Scaling // nil: none
	RopeFactors   []float64      // nil: none; otherwise HeadDim/2 divisors of the frequencies, GGUF's form of RopeScaling
	TieEmbeddings bool           // the head is the embedding; there is no lm_head.weight
	QKNorm        bool           // RMSNorm over each head of q and k
	AttentionBias bool           // biases of q, k and v
	BOS           int            // -1: none
	EOS           []int          // every id that ends a completion; not empty
	Pad           int            // -1: none
}

// Llama3Scaling is the frequency scaling of Llama 3.1 and later.
type Llama3Scaling struct {
	Factor, LowFreqFactor, HighFreqFactor float64
	OriginalContext                       int
}

// Limits that no model comes near; they keep sums and products of a hostile configuration from overflowing.
const (
	maxLayers = 1 << 12
	maxWidth  = 1 << 24
)

// validate checks everything that can be said without the tensors.
func (c Config) validate() error {
	if !slices.Contains(Architectures(), c.Architecture) {
		return fmt.Errorf("unknown architecture %q; known: %s", c.Architecture, strings.Join(Architectures(), ", "))
	}
	for _, n := range []struct {
		name       string
		value, max int
	}{
		{"number of layers", c.Layers, maxLayers},
		{"hidden size", c.Hidden, maxWidth},
		{"intermediate size", c.Intermediate, maxWidth},
		{"number of attention heads", c.Heads, maxWidth},
		{"number of key-value heads", c.KVHeads, maxWidth},
		{"head dimension", c.HeadDim, maxWidth},
		{"vocabulary size", c.Vocab, maxWidth},
		{"context length", c.ContextLength, 1 << 30},
	} {
		if n.value < 1 || n.value > n.max {
			return fmt.Errorf("%s: expected 1 to %d, found %d", n.name, n.max, n.value)
		}
	}
	switch {
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("number of attention heads: expected a multiple of the %d key-value heads, found %d", c.KVHeads, c.Heads)
	case c.HeadDim%2 != 0:
		return fmt.Errorf("head dimension: expected an even number, found %d", c.HeadDim)
	case c.Heads > maxWidth/c.HeadDim:
		return fmt.Errorf("%d heads of %d are too many", c.Heads, c.HeadDim)
	case !(c.NormEps > 0 && c.NormEps < 1):
		return fmt.Errorf("epsilon of the norms: expected a number between 0 and 1, found %g", c.NormEps)
	case !(c.RopeTheta > 1 && c.RopeTheta < 1e12):
		return fmt.Errorf("rope theta: expected a number between 1 and 1e12, found %g", c.RopeTheta)
	}
	if err := c.validateRope(); err != nil {
		return err
	}
	return c.validateTokens()
}

func (c Config) validateRope() error {
	if s := c.RopeScaling; s != nil {
		if !(s.Factor >= 1 && s.Factor < 1e6) || !(s.LowFreqFactor > 0 && s.LowFreqFactor < s.HighFreqFactor && s.HighFreqFactor < 1e6) || s.OriginalContext < 1 {
			return fmt.Errorf("rope scaling: expected a factor of at least 1, 0 < low_freq_factor < high_freq_factor and a positive original context, found %+v", *s)
		}
	}
	if c.RopeFactors == nil {
		return nil
	}
	if len(c.RopeFactors) != c.HeadDim/2 {
		return fmt.Errorf("rope factors: expected %d, found %d", c.HeadDim/2, len(c.RopeFactors))
	}
	for i, f := range c.RopeFactors {
		if !(f > 0 && f < 1e6) {
			return fmt.Errorf("rope factor %d: expected a positive number, found %g", i, f)
		}
	}
	return nil
}

func (c Config) validateTokens() error {
	if len(c.EOS) == 0 {
		return errors.New("no end-of-sequence token: expected eos_token_id")
	}
	ids := append([]int{c.BOS, c.Pad}, c.EOS...)
	for i, id := range ids {
		if id >= c.Vocab || id < -1 || i > 1 && id < 0 {
			return fmt.Errorf("special token: expected an id below %d, found %d", c.Vocab, id)
		}
	}
	return nil
}

// expected lists every tensor of the architecture, in the order in which a forward pass meets them.
func (c Config) expected() []TensorInfo {
	h, f, q, kv := int64(c.Hidden), int64(c.Intermediate), int64(c.Heads*c.HeadDim), int64(c.KVHeads*c.HeadDim)
	list := []TensorInfo{{Name: embedding, Shape: []int64{int64(c.Vocab), h}}}
	for i := range c.Layers {
		add := func(name string, shape ...int64) {
			list = append(list, TensorInfo{Name: fmt.Sprintf("model.layers.%d.%s", i, name), Shape: shape})
		}
		add("input_layernorm.weight", h)
		add("self_attn.q_proj.weight", q, h)
		add("self_attn.k_proj.weight", kv, h)
		add("self_attn.v_proj.weight", kv, h)
		if c.AttentionBias {
			add("self_attn.q_proj.bias", q)
			add("self_attn.k_proj.bias", kv)
			add("self_attn.v_proj.bias", kv)
		}
		if c.QKNorm {
			add("self_attn.q_norm.weight", int64(c.HeadDim))
			add("self_attn.k_norm.weight", int64(c.HeadDim))
		}
		add("self_attn.o_proj.weight", h, q)
		add("post_attention_layernorm.weight", h)
		add("mlp.gate_proj.weight", f, h)
		add("mlp.up_proj.weight", f, h)
		add("mlp.down_proj.weight", h, f)
	}
	list = append(list, TensorInfo{Name: finalNorm, Shape: []int64{h}})
	if !c.TieEmbeddings {
		list = append(list, TensorInfo{Name: head, Shape: []int64{int64(c.Vocab), h}})
	}
	return list
}

const (
	embedding = "model.embed_tokens.weight"
	finalNorm = "model.norm.weight"
	head      = "lm_head.weight"
)

// Parameters counts the model's parameters, a tied head once.
func (c Config) Parameters() int64 {
	n := int64(0)
	for _, t := range c.expected() {
		size := int64(1)
		for _, d := range t.Shape {
			size *= d
		}
		n += size
	}
	return n
}
