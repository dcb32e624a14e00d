package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// hfConfig is a config.json. Pointers are fields whose absence means something.
type hfConfig struct {
	ModelType     string   `json:"model_type"`
	Architectures []string `json:"architectures"`
	Layers        *int     `json:"num_hidden_layers"`
	Hidden        *int     `json:"hidden_size"`
	Intermediate  *int     `json:"intermediate_size"`
	Heads         *int     `json:"num_attention_heads"`
	KVHeads       *int     `json:"num_key_value_heads"`
	HeadDim       *int     `json:"head_dim"`
	Vocab         *int     `json:"vocab_size"`
	Context       *int     `json:"max_position_embeddings"`
	NormEps       *float64 `json:"rms_norm_eps"`
	Tie           bool     `json:"tie_word_embeddings"` // these architectures' default is false
	Activation    *string  `json:"hidden_act"`
	BOS           idList   `json:"bos_token_id"`
	EOS           idList   `json:"eos_token_id"`
	Pad           idList   `json:"pad_token_id"`

	RopeParameters *hfRope  `json:"rope_parameters"` // transformers 5
	RopeScaling    *hfRope  `json:"rope_scaling"`    // before
	RopeTheta      *float64 `json:"rope_theta"`      // before

	// What follows changes the computation in ways that are refused.
	AttentionBias bool            `json:"attention_bias"`
	MLPBias       bool            `json:"mlp_bias"`
	PartialRotary *float64        `json:"partial_rotary_factor"`
	SlidingWindow bool            `json:"use_sliding_window"`
	LayerTypes    []string        `json:"layer_types"`
	Quantization  json.RawMessage `json:"quantization_config"`
}

// hfRope is rope_parameters or rope_scaling.
type hfRope struct {
	Type     string   `json:"rope_type"`
	OldType  string   `json:"type"`
	Theta    *float64 `json:"rope_theta"`
	Factor   float64  `json:"factor"`
	Low      float64  `json:"low_freq_factor"`
	High     float64  `json:"high_freq_factor"`
	Original int      `json:"original_max_position_embeddings"`
	Partial  *float64 `json:"partial_rotary_factor"`
}

// idList is a token id, a list of them, or null.
type idList []int

func (l *idList) UnmarshalJSON(text []byte) error {
	var one int
	if json.Unmarshal(text, &one) == nil {
		if *l = nil; string(text) != "null" {
			*l = idList{one}
		}
		return nil
	}
	var many []int
	if err := json.Unmarshal(text, &many); err != nil {
		return fmt.Errorf("expected a token id or a list of them: %w", err)
	}
	*l = many
	return nil
}

func (l idList) first() int {
	if len(l) == 0 {
		return -1
	}
	return l[0]
}

// readHFConfig reads config.json, and from generation_config.json the tokens that end a completion.
func readHFConfig(dir string) (Config, error) {
	path := filepath.Join(dir, "config.json")
	var raw hfConfig
	if err := readJSON(path, &raw); err != nil {
		return Config{}, err
	}
	c, err := raw.config()
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	var generation struct {
		EOS idList `json:"eos_token_id"`
	}
	path = filepath.Join(dir, "generation_config.json")
	if err := readJSON(path, &generation); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Config{}, err
	}
	if len(generation.EOS) > 0 { // what generates text with this model stops at these
		c.EOS = generation.EOS
	}
	if err := c.validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", filepath.Join(dir, "config.json"), err)
	}
	return c, nil
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (r hfConfig) config() (Config, error) {
	c := Config{Architecture: r.ModelType, TieEmbeddings: r.Tie, BOS: r.BOS.first(), EOS: r.EOS, Pad: r.Pad.first()}
	if !slices.Contains(Architectures(), c.Architecture) {
		return c, fmt.Errorf("unknown architecture %q %v; known: %s", c.Architecture, r.Architectures, strings.Join(Architectures(), ", "))
	}
	c.QKNorm, c.AttentionBias = c.Architecture == Qwen3, c.Architecture == Qwen2
	for _, f := range []struct {
		key string
		of  *int
		to  *int
	}{
		{"num_hidden_layers", r.Layers, &c.Layers},
		{"hidden_size", r.Hidden, &c.Hidden},
		{"intermediate_size", r.Intermediate, &c.Intermediate},
		{"num_attention_heads", r.Heads, &c.Heads},
		{"vocab_size", r.Vocab, &c.Vocab},
		{"max_position_embeddings", r.Context, &c.ContextLength},
	} {
		if f.of == nil {
			return c, fmt.Errorf("%s is missing", f.key)
		}
		*f.to = *f.of
	}
	if r.NormEps == nil {
		return c, errors.New("rms_norm_eps is missing")
	}
	c.NormEps = *r.NormEps
	if err := r.heads(&c); err != nil {
		return c, err
	}
	if err := r.rope(&c); err != nil {
		return c, err
	}
	return c, r.refuse()
}

// heads fills in what the architectures' configurations leave out.
func (r hfConfig) heads(c *Config) error {
	switch {
	case r.KVHeads != nil:
		c.KVHeads = *r.KVHeads
	case c.Architecture == Llama:
		c.KVHeads = c.Heads
	default:
		return errors.New("num_key_value_heads is missing")
	}
	if r.HeadDim != nil {
		c.HeadDim = *r.HeadDim
		return nil
	}
	if c.Architecture == Qwen3 {
		return errors.New("head_dim is missing")
	}
	if c.Heads < 1 || c.Hidden%c.Heads != 0 {
		return fmt.Errorf("hidden_size: expected a multiple of the %d attention heads, found %d", c.Heads, c.Hidden)
	}
	c.HeadDim = c.Hidden / c.Heads
	return nil
}

// rope reads the rotary settings in either form.
func (r hfConfig) rope(c *Config) error {
	scaling, theta, key := r.RopeScaling, r.RopeTheta, "rope_scaling"
	if r.RopeParameters != nil {
		scaling, key = r.RopeParameters, "rope_parameters"
		if scaling.Theta != nil {
			theta = scaling.Theta
		}
	}
	c.RopeTheta = 10000 // the default of all these architectures
	if theta != nil {
		c.RopeTheta = *theta
	}
	if scaling == nil {
		return nil
	}
	if scaling.Partial != nil && *scaling.Partial != 1 {
		return fmt.Errorf("%s: partial_rotary_factor %g is not supported", key, *scaling.Partial)
	}
	kind := scaling.Type
	if kind == "" {
		kind = scaling.OldType
	}
	switch kind {
	case "default":
		return nil
	case "llama3":
		c.RopeScaling = &Llama3Scaling{scaling.Factor, scaling.Low, scaling.High, scaling.Original}
		return nil
	}
	return fmt.Errorf("%s: rope_type %q is not supported; known: default, llama3", key, kind)
}

// refuse names what the configuration asks for and the forward pass does not have.
func (r hfConfig) refuse() error {
	full := func(t string) bool { return t == "full_attention" }
	switch {
	case r.Activation != nil && *r.Activation != "silu":
		return fmt.Errorf("hidden_act: expected silu, found %q", *r.Activation)
	case r.AttentionBias && r.ModelType != Qwen2:
		return fmt.Errorf("attention_bias is not supported for %s", r.ModelType)
	case r.MLPBias:
		return errors.New("mlp_bias is not supported")
	case r.PartialRotary != nil && *r.PartialRotary != 1:
		return fmt.Errorf("partial_rotary_factor %g is not supported", *r.PartialRotary)
	case r.SlidingWindow:
		return errors.New("use_sliding_window is not supported")
	case slices.ContainsFunc(r.LayerTypes, func(t string) bool { return !full(t) }):
		return fmt.Errorf("layer_types: expected full_attention only, found %v", r.LayerTypes)
	case len(r.Quantization) > 0 && string(r.Quantization) != "null":
		return errors.New("quantization_config: quantised safetensors are not supported; use the original weights or a GGUF file")
	}
	return nil
}
