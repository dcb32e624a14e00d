package run

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func fullStep() Step {
	return Step{
		Step: 3, RewardMean: 0.4375, RewardStd: 0.25, PassRate: 0.375,
		Components:           map[string]float64{"tests": 0.5, "lint": 0.875},
		CompletionTokensMean: 61.5, TruncatedRate: 0.0625,
		Verdicts: map[core.Class]int{core.Passed: 6, core.Failed: 4, core.NoCode: 2, core.Error: 4},
		Lint:     LintMeans{Fatal: 0.125, Convention: 1.5}, ZeroStdGroups: 1, Loss: -0.001, KL: math.NaN(), Entropy: 0.75,
		ClipLow: 0.01, ClipHigh: 0.02, GradNorm: 0.5, LR: 2e-5, Tokens: 984,
		Seconds: Seconds{6.25, 0.5, 0.125, 4}, Abstained: 1,
		Weighted:    map[string]float64{"tests": 0.45, "lint": 0.0375},
		Exceptions:  map[string]int{"NameError": 4, "AssertionError": 4},
		Optimizer:   map[string]float64{"ratio_mean": 1, "missing": math.NaN()},
		Diagnostics: map[string]float64{"weak_rate": 0},
	}
}

func TestStepLine(t *testing.T) {
	text, err := line(fullStep())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "metrics.jsonl", text)
}

// The fields that others rely on come first, in this order.
func TestStepLineHasTheContractsFields(t *testing.T) {
	text, err := line(fullStep())
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(text)))
	depth, key := 0, true
	var keys []string
	for {
		token, err := dec.Token()
		if err != nil {
			break
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			key = true
			continue
		case json.Delim('}'), json.Delim(']'):
			depth--
			key = true
			continue
		}
		if depth == 1 && key {
			keys = append(keys, token.(string))
		}
		key = !key
	}
	want := strings.Fields(`step reward_mean reward_std pass_rate components completion_tokens_mean truncated_rate verdicts lint
		zero_std_groups loss kl entropy clip_low clip_high grad_norm lr tokens seconds abstained`)
	if len(keys) < len(want) || !reflect.DeepEqual(keys[:len(want)], want) {
		t.Errorf("keys are %v\nwant first %v", keys, want)
	}
}

func TestStepLineRoundTrip(t *testing.T) {
	want := fullStep()
	text, err := line(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Step
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(got.KL) {
		t.Errorf("kl is %v; what was not measured reads as NaN", got.KL)
	}
	got.KL, want.KL = 0, 0
	delete(want.Optimizer, "missing")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestInfinitiesAreRefusedByName(t *testing.T) {
	for field, s := range map[string]Step{
		"loss":             {Loss: math.Inf(1)},
		"components.tests": {Components: map[string]float64{"tests": math.Inf(-1)}},
		"lint.warning":     {Lint: LintMeans{Warning: math.Inf(1)}},
	} {
		if _, err := line(s); err == nil || !strings.Contains(err.Error(), `"`+field+`"`) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestRowOfASample(t *testing.T) {
	g := core.Group{
		Task: core.Task{ID: "11"},
		Prompt: core.Prompt{
			Messages: []core.Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: "Add."}}, Prefill: "```python\n",
		},
		Samples: []core.Sample{{Index: 5, Completion: core.Completion{Text: "a\xffb"}, Evidence: core.Evidence{
			Program: "p", Tokens: 7, Truncated: true,
			Verdict: core.Verdict{Class: core.Failed, Tests: []core.TestResult{{Class: core.Passed}, {Class: core.Failed}}, Exception: "AssertionError", Message: "no", Fuel: 9, Weak: true},
			Lint:    core.Lint{Error: 2, Codes: map[string]int{"F401": 2}},
		}}},
	}
	score := core.Score{Value: 0.5, Note: "note", Components: []core.Component{{Name: "tests", Value: 0.5, Weighted: 0.45}}}
	want := Row{
		Step: 2, TaskID: "11", Sample: 5, Prompt: "[system]\nBe brief.\n\n[user]\nAdd.\n\n[assistant]\n```python\n",
		Completion: "a\uFFFDb", Program: "p", Verdict: core.Failed, Exception: "AssertionError", Message: "no",
		TestsPassed: 1, Tests: 2, Weak: true, Fuel: 9, Reward: 0.5, Components: []Component{{"tests", 0.5, 0.45}}, Note: "note",
		Advantage: -1, Tokens: 7, Truncated: true, Lint: core.Lint{Error: 2, Codes: map[string]int{"F401": 2}},
	}
	if got := NewRow(2, g, 0, score, -1); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := NewRow(2, g, 0, core.Score{Abstain: true, Value: 3}, 0); got.Reward != 0 || !got.Abstained {
		t.Errorf("a sample without a score has reward %v, abstained %v", got.Reward, got.Abstained)
	}
}
