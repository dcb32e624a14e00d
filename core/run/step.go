package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/rlvr-harness/harness/core"
)

// Step is a line of metrics.jsonl: what one step of training measured. Means are over completions that did not abstain,
// where nothing else is said. A NaN means "not measured" and is written as null; infinities are refused.
type Step struct {
	// Step counts from 1.
	Step int `json:"step"`
	// RewardMean and RewardStd are over the step's scored completions.
	RewardMean float64 `json:"reward_mean"`
	RewardStd  float64 `json:"reward_std"`
	// PassRate is the share of completions whose verdict is passed.
	PassRate float64 `json:"pass_rate"`
	// Components are the means of the reward's named parts before their weights, each over the scores that have it.
	Components map[string]float64 `json:"components"`
	// CompletionTokensMean is a length in tokens; TruncatedRate the share that the token limit cut.
	CompletionTokensMean float64            `json:"completion_tokens_mean"`
	TruncatedRate        float64            `json:"truncated_rate"`
	Verdicts             map[core.Class]int `json:"verdicts"`
	Lint                 LintMeans          `json:"lint"`
	// ZeroStdGroups counts groups whose rewards are all the same, and which so teach nothing.
	ZeroStdGroups int     `json:"zero_std_groups"`
	Loss          float64 `json:"loss"`
	// KL and Entropy are in nats a token; ClipLow and ClipHigh are shares of tokens or of sequences, as the optimizer has it.
	KL       float64 `json:"kl"`
	Entropy  float64 `json:"entropy"`
	ClipLow  float64 `json:"clip_low"`
	ClipHigh float64 `json:"clip_high"`
	// GradNorm is the global L2 norm before clipping.
	GradNorm float64 `json:"grad_norm"`
	LR       float64 `json:"lr"`
	// Tokens counts the completion tokens that were sampled.
	Tokens int `json:"tokens"`
	// Seconds is the time of each phase: "generate", "verify", "score", "update". It is the one field that differs
	// between two runs of one seed.
	Seconds Seconds `json:"seconds"`
	// Abstained counts completions without a score.
	Abstained int `json:"abstained"`

	// Weighted are the means of the reward's named parts as they entered the reward, over all scores: they add up to RewardMean.
	Weighted map[string]float64 `json:"weighted,omitempty"`
	// Exceptions counts the Python exception types of verdicts that did not pass.
	Exceptions map[string]int `json:"exceptions,omitempty"`
	// Optimizer are the loss's own metrics that have no field above.
	Optimizer map[string]float64 `json:"optimizer,omitempty"`
	// Sampling says how the step's tasks were chosen and which groups were left out, as "groups_dropped" and "bound_reached";
	// where tasks come in epochs and no group is left out it is empty.
	Sampling map[string]float64 `json:"sampling,omitempty"`
	// Updates are the parameter updates one by one, where a step makes more than one; Loss, GradNorm and Optimizer are their
	// means.
	Updates []Update `json:"updates,omitempty"`
	// Diagnostics are measures against gaming of the reward. Of the step's completions: "visible_minus_hidden" and
	// "visible_only" (package gaming's Gap), "special_casing", "weak_rate" and "suppressions" (mean count), and
	// "duplicate_rate", the share of programs that another one of their group is equal to. Of a window of steps that ends
	// with this one: "length_drift", "lint_drift", "pass_rate_drift", "degenerating" (see Monitor).
	Diagnostics map[string]float64 `json:"diagnostics,omitempty"`
}

// Update is one parameter update of a step.
type Update struct {
	// Number is the update's place among those that the run can make, from 1. A mini-batch in which no sample has an
	// advantage makes none, and its number is passed over.
	Number int `json:"number"`
	// Iteration is the pass over the rollout batch and MiniBatch the part of it, both from 1.
	Iteration int `json:"iteration"`
	MiniBatch int `json:"mini_batch"`
	// Rows and Tokens are the completions and tokens that the loss divides by.
	Rows   int `json:"rows"`
	Tokens int `json:"tokens"`
	// Loss and GradNorm are as in Step; Optimizer are all of the loss's metrics by their own names, "kl" and "clip_low" too.
	Loss      float64            `json:"loss"`
	GradNorm  float64            `json:"grad_norm"`
	Optimizer map[string]float64 `json:"optimizer,omitempty"`
}

// LintMeans is a severity profile: the mean count of findings per completion.
type LintMeans struct {
	Fatal      float64 `json:"fatal"`
	Error      float64 `json:"error"`
	Warning    float64 `json:"warning"`
	Refactor   float64 `json:"refactor"`
	Convention float64 `json:"convention"`
}

// Mean returns the mean count of a severity.
func (l LintMeans) Mean(s core.Severity) float64 {
	switch s {
	case core.Fatal:
		return l.Fatal
	case core.Bad:
		return l.Error
	case core.Warning:
		return l.Warning
	case core.Refactor:
		return l.Refactor
	case core.Convention:
		return l.Convention
	}
	return 0
}

// Total is the mean count of findings of any severity.
func (l LintMeans) Total() float64 {
	return l.Fatal + l.Error + l.Warning + l.Refactor + l.Convention
}

// Seconds is how long each phase of a step took.
type Seconds struct {
	Generate float64 `json:"generate"`
	Verify   float64 `json:"verify"`
	Score    float64 `json:"score"`
	Update   float64 `json:"update"`
}

// Total is the time of the whole step.
func (s Seconds) Total() float64 { return s.Generate + s.Verify + s.Score + s.Update }

// UnmarshalJSON implements json.Unmarshaler: a number that is null or missing becomes NaN.
func (s *Step) UnmarshalJSON(text []byte) error {
	type plain Step
	nan := math.NaN()
	p := plain{
		RewardMean: nan, RewardStd: nan, PassRate: nan, CompletionTokensMean: nan, TruncatedRate: nan,
		Lint: LintMeans{nan, nan, nan, nan, nan},
		Loss: nan, KL: nan, Entropy: nan, ClipLow: nan, ClipHigh: nan, GradNorm: nan, LR: nan,
		Seconds: Seconds{nan, nan, nan, nan},
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	*s = Step(p)
	return nil
}

// line encodes a record as one line of JSON: struct fields in their order, maps by key, NaN as null.
func line(record any) ([]byte, error) {
	v, err := nullable(reflect.ValueOf(record), "")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// member is a field of an object whose order is kept.
type member struct {
	name  string
	value any
}

// object marshals its members in order.
type object []member

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(m.name); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1)
		b.WriteByte(':')
		if err := enc.Encode(m.value); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

var errInfinite = errors.New("is infinite; a record holds finite numbers, and NaN for what was not measured")

// nullable returns v with every NaN replaced by nil, and refuses infinities with the path of the field.
func nullable(v reflect.Value, path string) (any, error) {
	join := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		f := v.Float()
		if math.IsInf(f, 0) {
			return nil, fmt.Errorf("field %q %w", path, errInfinite)
		}
		if math.IsNaN(f) {
			return nil, nil
		}
		return v.Interface(), nil
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil, nil
		}
		return nullable(v.Elem(), path)
	case reflect.Map:
		m := make(map[string]any, v.Len())
		for _, key := range v.MapKeys() {
			value, err := nullable(v.MapIndex(key), join(key.String()))
			if err != nil {
				return nil, err
			}
			if value != nil { // a name that was not measured is left out
				m[key.String()] = value
			}
		}
		return m, nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Interface(), nil
		}
		list := make([]any, v.Len())
		for i := range list {
			var err error
			if list[i], err = nullable(v.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return nil, err
			}
		}
		return list, nil
	case reflect.Struct:
		var o object
		for i := range v.NumField() {
			name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if name == "-" || name == "" || options == "omitempty" && v.Field(i).IsZero() {
				continue
			}
			value, err := nullable(v.Field(i), join(name))
			if err != nil {
				return nil, err
			}
			o = append(o, member{name, value})
		}
		return o, nil
	default:
		return v.Interface(), nil
	}
}
