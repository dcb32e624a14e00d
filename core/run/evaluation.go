package run

import (
	"encoding/json"
	"fmt"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/jsonlines"
)

// Evaluation is the result of measuring a policy on a split: a line of evals.jsonl, and eval.json of an evaluation's own
// folder.
type Evaluation struct {
	// Step says after how many steps of training it was made; 0 before the first, and in an evaluation of its own.
	Step int `json:"step,omitempty"`
	// Benchmark, Split: what was asked; Tasks and Samples (per task): how much of it.
	Benchmark string `json:"benchmark"`
	Split     string `json:"split"`
	Tasks     int    `json:"tasks"`
	Samples   int    `json:"samples"`
	// PassAtK maps k, as text, to the unbiased estimate and its interval.
	PassAtK map[string]Interval `json:"pass_at_k"`
	// CompletionTokens is nil where no length is known; TruncatedRate is the share that the token limit cut.
	CompletionTokens *Length            `json:"completion_tokens"`
	TruncatedRate    float64            `json:"truncated_rate"`
	Verdicts         map[core.Class]int `json:"verdicts"`
	// Unanswered tasks have no completion, Unscored ones none that could be judged; Weak counts weak verdicts.
	Unanswered int `json:"unanswered,omitempty"`
	Unscored   int `json:"unscored,omitempty"`
	Weak       int `json:"weak,omitempty"`
	// Exceptions counts Python exception types of verdicts that did not pass.
	Exceptions map[string]int `json:"exceptions"`
	// Lint are means per completion.
	Lint LintMeans `json:"lint"`
	// PerTask are the outcomes of each task, where the completions themselves are not kept: what a comparison by task needs.
	PerTask []TaskOutcome `json:"per_task,omitempty"`
	// Protocol says how it was measured: prompt, extraction, sampling, limits. Any value that marshals to a JSON object.
	Protocol any `json:"protocol"`
	// Diagnostics are further named measures, as "visible_minus_hidden".
	Diagnostics map[string]float64 `json:"diagnostics,omitempty"`
	// Seconds is the time the evaluation took, by phase; it is not reproducible.
	Seconds Seconds `json:"seconds"`
}

// TaskOutcome counts a task's completions: those that could be judged, and those of them that passed.
type TaskOutcome struct {
	Task   string `json:"task"`
	Passed int    `json:"passed"`
	Scored int    `json:"scored"`
}

// Interval is an estimate with the bounds of its confidence interval.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Length describes completions' lengths in tokens.
type Length struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
}

// encodeEvaluation returns a result as a line of evals.jsonl, the step first, without the line's end.
func encodeEvaluation(step int, result any) ([]byte, Evaluation, error) {
	if step < 0 {
		return nil, Evaluation{}, fmt.Errorf("the step is %d; it must not be negative", step)
	}
	text, err := json.Marshal(result)
	if err != nil {
		return nil, Evaluation{}, err
	}
	e, err := jsonlines.Decode[Evaluation](text, "result")
	if err != nil {
		return nil, Evaluation{}, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, Evaluation{}, err
	}
	if _, ok := members["step"]; !ok {
		prefix := fmt.Sprintf(`{"step":%d`, step)
		if len(members) > 0 {
			prefix += ","
		}
		text = append([]byte(prefix), text[1:]...)
	} else if e.Step != step {
		return nil, Evaluation{}, fmt.Errorf("the result says that it was made after step %d", e.Step)
	}
	e.Step = step
	return text, e, nil
}
