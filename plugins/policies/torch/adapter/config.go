package adapter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/rlvr-harness/harness/plugins/policies/torch/lora"
)

// The two files of an adapter's folder.
const (
	ConfigFile  = "adapter_config.json"
	WeightsFile = "adapter_model.safetensors"
)

// Config is what adapter_config.json says.
type Config struct {
	// Base is the model that the adapter was trained on; "" where that is not known.
	Base  string
	Rank  int
	Alpha float64
	// RankStabilised divides alpha by the square root of the rank (Kalajdzievski, arXiv 2312.03732) instead of the rank.
	RankStabilised bool
	// Targets are the projections that have an adapter.
	Targets []string
}

// Scale is the factor on what the adapter adds.
func (c Config) Scale() float64 {
	if c.RankStabilised {
		return c.Alpha / math.Sqrt(float64(c.Rank))
	}
	return c.Alpha / float64(c.Rank)
}

// stored is the part of adapter_config.json that is written. Loaders fill in the rest with defaults that mean the same.
type stored struct {
	Base           *string        `json:"base_model_name_or_path"`
	Bias           string         `json:"bias"`
	FanInFanOut    bool           `json:"fan_in_fan_out"`
	InferenceMode  bool           `json:"inference_mode"`
	InitWeights    bool           `json:"init_lora_weights"`
	Alpha          float64        `json:"lora_alpha"`
	Dropout        float64        `json:"lora_dropout"`
	ModulesToSave  []string       `json:"modules_to_save"`
	PEFTType       string         `json:"peft_type"`
	Rank           int            `json:"r"`
	RankPattern    map[string]int `json:"rank_pattern"`
	AlphaPattern   map[string]any `json:"alpha_pattern"`
	Targets        []string       `json:"target_modules"`
	TaskType       string         `json:"task_type"`
	DoRA           bool           `json:"use_dora"`
	RankStabilised bool           `json:"use_rslora"`
}

func (c Config) encode() ([]byte, error) {
	s := stored{
		Bias: "none", InferenceMode: true, InitWeights: true, Alpha: c.Alpha, PEFTType: "LORA", Rank: c.Rank, RankPattern: map[string]int{},
		AlphaPattern: map[string]any{}, Targets: c.Targets, TaskType: "CAUSAL_LM", RankStabilised: c.RankStabilised,
	}
	if c.Base != "" {
		s.Base = &c.Base
	}
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// maxConfig bounds adapter_config.json, which has some two kilobytes.
const maxConfig = 1 << 20

// ParseConfig reads adapter_config.json. Fields that would change what is computed, and that this policy does not have, are errors.
func ParseConfig(r io.Reader) (Config, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil {
		return Config{}, err
	}
	if len(data) > maxConfig {
		return Config{}, fmt.Errorf("longer than %d bytes", maxConfig)
	}
	var f map[string]json.RawMessage
	if err := json.Unmarshal(data, &f); err != nil {
		return Config{}, err
	}
	var c Config
	var kind string
	if err := errors.Join(field(f, "peft_type", &kind), field(f, "r", &c.Rank), field(f, "lora_alpha", &c.Alpha),
		field(f, "base_model_name_or_path", &c.Base), field(f, "use_rslora", &c.RankStabilised)); err != nil {
		return Config{}, err
	}
	switch {
	case kind != "LORA":
		return Config{}, fmt.Errorf(`field "peft_type": expected "LORA", found %q`, kind)
	case c.Rank < 1 || c.Rank > 4096:
		return Config{}, fmt.Errorf(`field "r": expected 1 to 4096, found %d`, c.Rank)
	case !(c.Alpha > 0 && c.Alpha < 1e9):
		return Config{}, fmt.Errorf(`field "lora_alpha": expected a positive number, found %g`, c.Alpha)
	}
	for _, name := range []string{
		"use_dora", "use_qalora", "use_bdlora", "lora_bias", "fan_in_fan_out", "bias", "modules_to_save", "rank_pattern", "alpha_pattern",
		"layer_replication", "alora_invocation_tokens", "target_parameters", "trainable_token_indices", "exclude_modules", "layers_to_transform",
		"eva_config", "corda_config", "velora_config", "monteclora_config", "arrow_config", "kasa_config",
	} {
		if v, ok := f[name]; ok && !neutral(v) {
			return Config{}, fmt.Errorf("field %q: a plain LoRA has none of it, found %s", name, bytes.TrimSpace(v))
		}
	}
	// These start from other values of A and B and leave the model alone; the rest (PiSSA, OLoRA, CorDA, LoftQ, …) take the
	// adapter's start off the model's own weights, so the adapter belongs to a model that is not the one here.
	if v, ok := f["init_lora_weights"]; ok && !slices.Contains([]string{"null", "true", "false", `"gaussian"`, `"eva"`, `"orthogonal"`}, string(bytes.TrimSpace(v))) {
		return Config{}, fmt.Errorf(`field "init_lora_weights": %s changes the model's own weights; save the adapter with PEFT's path_initial_model_for_weight_conversion`, bytes.TrimSpace(v))
	}
	c.Targets, err = targets(f["target_modules"])
	return c, err
}

func field(f map[string]json.RawMessage, name string, to any) error {
	v, ok := f[name]
	if !ok || string(bytes.TrimSpace(v)) == "null" {
		return nil
	}
	if err := json.Unmarshal(v, to); err != nil {
		return fmt.Errorf("field %q: %w", name, err)
	}
	return nil
}

// neutral says that a field's value switches nothing on.
func neutral(v json.RawMessage) bool {
	var x any
	if err := json.Unmarshal(v, &x); err != nil {
		return false
	}
	switch y := x.(type) {
	case nil:
		return true
	case bool:
		return !y
	case string:
		return y == "" || y == "none"
	case []any:
		return len(y) == 0
	case map[string]any:
		return len(y) == 0
	}
	return false
}

func targets(v json.RawMessage) ([]string, error) {
	var all string
	if err := json.Unmarshal(v, &all); err == nil && all == "all-linear" {
		return lora.Projections(), nil
	}
	var list []string
	if err := json.Unmarshal(v, &list); err != nil || len(list) == 0 {
		return nil, fmt.Errorf(`field "target_modules": expected a list of projections or "all-linear", found %s`, bytes.TrimSpace(v))
	}
	if _, err := lora.Targets(list); err != nil {
		return nil, fmt.Errorf(`field "target_modules": %w`, err)
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list), nil
}
