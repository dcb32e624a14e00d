package surrogate

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// oracle is what the unmodified TRL 1.16.0 answers for fixed tensors, in float64.
type oracle struct {
	TRL   string
	Shape struct{ G, P, T int }
	Mask  [][]int
	Old   [][]float64
	Cur   [][]float64
	Ref   [][]float64
	// Rewards has a row per sample and a column per reward function; null is "no score".
	Rewards    [][]*float64
	Advantages []struct {
		Scale, Agg string
		Weights    []float64
		Advantages []float64
	}
	Losses []struct {
		Case struct {
			LossType string   `json:"loss_type"`
			Level    string   `json:"level"`
			EpsLow   *float64 `json:"eps_low"`
			EpsHigh  *float64 `json:"eps_high"`
			Beta     float64  `json:"beta"`
			BiasKL   *bool    `json:"bias_kl"`
			Delta    *float64 `json:"delta"`
			OnPolicy bool     `json:"on_policy"`
		}
		Loss    float64
		Grad    [][]float64
		Metrics map[string]json.RawMessage
	}
}

// readOracle reads $HARNESS_ORACLE/oracle.json, or the default beside the repository.
func readOracle(t *testing.T) oracle {
	t.Helper()
	dir, named := os.LookupEnv("HARNESS_ORACLE")
	if !named {
		dir = filepath.Join("..", "..", "..", "..", "shared", "oracle")
	}
	text, err := os.ReadFile(filepath.Join(dir, "oracle.json"))
	if errors.Is(err, fs.ErrNotExist) && !named {
		t.Skipf("no reference numbers in %s; set HARNESS_ORACLE to a folder with oracle.json", dir)
	}
	if err != nil {
		t.Fatalf("HARNESS_ORACLE: %v", err)
	}
	var o oracle
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	if len(o.Losses) == 0 || len(o.Advantages) == 0 {
		t.Fatalf("%s: no cases", dir)
	}
	return o
}

const tolerance = 1e-12

func flat(rows [][]float64) []float64 {
	var out []float64
	for _, r := range rows {
		out = append(out, r...)
	}
	return out
}

// scores are the oracle's rewards as a chain of two rewards would report them.
func (o oracle) scores(weights []float64) [][]core.Score {
	var groups [][]core.Score
	for i, row := range o.Rewards {
		if i%o.Shape.G == 0 {
			groups = append(groups, nil)
		}
		s := core.Score{Abstain: true}
		for k, r := range row {
			if r == nil {
				continue
			}
			w := 1.0
			if weights != nil {
				w = weights[k]
			}
			s.Abstain = false
			s.Value += w * *r
			s.Components = append(s.Components, core.Component{Name: string(rune('a' + k)), Value: *r, Weighted: w * *r, Weight: w})
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], s)
	}
	return groups
}

func TestOracleAdvantages(t *testing.T) {
	o := readOracle(t)
	worst := 0.0
	for _, c := range o.Advantages {
		s := Plain()
		s.StdEps, s.Scale = 1e-4, c.Scale
		if c.Agg == "normalize_then_sum" {
			s.Parts = "normalize-then-sum"
		}
		rule, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		adv, err := rule.Advantages(context.Background(), o.scores(c.Weights))
		if err != nil {
			t.Fatal(err)
		}
		got := flat(adv)
		if len(got) != len(c.Advantages) {
			t.Fatalf("scale %s, %s: %d advantages, want %d", c.Scale, c.Agg, len(got), len(c.Advantages))
		}
		for i, want := range c.Advantages {
			if d := math.Abs(got[i] - want); !(d <= tolerance) {
				t.Errorf("scale %s, %s, weights %v: advantage %d is %v, want %v", c.Scale, c.Agg, c.Weights, i, got[i], want)
			} else {
				worst = max(worst, d)
			}
		}
	}
	t.Logf("%d advantage cases of TRL %s, largest difference %.2g", len(o.Advantages), o.TRL, worst)
}

// trl are the settings of a loss_type of TRL.
var trl = map[string]func(*Settings){
	"grpo":    func(s *Settings) { s.Aggregation = "row-mean" },
	"bnpo":    func(s *Settings) { s.Aggregation = "micro-token-mean" },
	"dapo":    func(s *Settings) { s.Aggregation = "token-mean" },
	"dr_grpo": func(s *Settings) { s.Aggregation = "constant" },
	"luspo":   func(s *Settings) { s.Aggregation = "row-sum" },
	"cispo":   func(s *Settings) { s.Shape, s.Aggregation = "cispo", "token-mean" },
	"sapo":    func(s *Settings) { s.Shape, s.Aggregation = "sapo", "row-mean" },
	"vespo":   func(s *Settings) { s.Shape, s.Aggregation = "vespo", "token-mean" },
}

func TestOracleLosses(t *testing.T) {
	o := readOracle(t)
	base := Plain()
	base.StdEps = 1e-4
	rule, err := New(base)
	if err != nil {
		t.Fatal(err)
	}
	adv, err := rule.Advantages(context.Background(), o.scores(nil))
	if err != nil {
		t.Fatal(err)
	}
	var mask []bool
	for _, row := range o.Mask {
		for _, m := range row {
			mask = append(mask, m != 0)
		}
	}
	worst := 0.0
	for _, c := range o.Losses {
		set, ok := trl[c.Case.LossType]
		if !ok {
			t.Errorf("loss_type %s is not known", c.Case.LossType)
			continue
		}
		s := Plain()
		s.LogRatioBound = 0
		set(&s)
		s.Level, s.Beta, s.KLRatio = c.Case.Level, c.Case.Beta, c.Case.BiasKL == nil || *c.Case.BiasKL
		if c.Case.EpsLow != nil {
			s.EpsilonLow = *c.Case.EpsLow
		}
		s.EpsilonHigh = s.EpsilonLow
		if c.Case.EpsHigh != nil {
			s.EpsilonHigh = *c.Case.EpsHigh
		}
		if c.Case.Delta != nil {
			s.Delta = *c.Case.Delta
		}
		old := o.Old
		if c.Case.OnPolicy {
			old = o.Cur
		}
		b := core.Batch{
			Rows: len(o.Cur), Cols: o.Shape.T, LogProbs: flat(o.Cur), OldLogProbs: flat(old), RefLogProbs: flat(o.Ref),
			Mask: mask, Advantages: flat(adv), MaxTokens: 16, // oracle.py's max_completion_length
		}
		name, _ := json.Marshal(c.Case)
		rule, err := New(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		loss, err := rule.Loss(context.Background(), b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := math.Abs(loss.Value - c.Loss); !(d <= tolerance) {
			t.Errorf("%s: loss %v, want %v", name, loss.Value, c.Loss)
		} else {
			worst = max(worst, d)
		}
		for i, want := range flat(c.Grad) {
			if d := math.Abs(loss.Grad[i] - want); !(d <= tolerance) {
				t.Errorf("%s: derivative at row %d token %d is %v, want %v", name, i/b.Cols, i%b.Cols, loss.Grad[i], want)
				break
			} else {
				worst = max(worst, d)
			}
		}
		// TRL counts its clip ratios in float32.
		for ours, theirs := range map[string]string{"kl": "kl", "clip_low": "clip_ratio/low_mean", "clip_high": "clip_ratio/high_mean"} {
			var want float64
			if raw, ok := c.Metrics[theirs]; !ok || json.Unmarshal(raw, &want) != nil {
				continue
			}
			if d := math.Abs(loss.Metrics[ours] - want); !(d <= 1e-7) {
				t.Errorf("%s: metric %s is %v, want %v", name, ours, loss.Metrics[ours], want)
			}
		}
	}
	t.Logf("%d loss cases of TRL %s with derivatives, largest difference %.2g", len(o.Losses), o.TRL, worst)
}
