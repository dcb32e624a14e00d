package gaming

import (
	"math"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func TestGap(t *testing.T) {
	task := core.Task{Text: "Add.", Tests: []string{"assert f(1) == 1", "assert f(2) == 2", "assert f(3) == 3"}}
	sample := func(classes ...core.Class) core.Sample {
		var s core.Sample
		for _, c := range classes {
			s.Evidence.Verdict.Tests = append(s.Evidence.Verdict.Tests, core.TestResult{Class: c})
		}
		return s
	}
	const p, f = core.Passed, core.Failed
	broken := sample(p, f, f)
	broken.Evidence.Verdict.Class = core.Infrastructure
	samples := []core.Sample{sample(p, p, p), sample(p, f, f), sample(p, p, f), sample(f, p, p), sample(), broken}
	for _, c := range []struct {
		visible int
		want    Gap
	}{
		{1, Gap{Completions: 4, Mean: (0 + 1 + 0.5 - 1) / 4, ShownOnly: 0.5}},
		{3, Gap{}},
		{0, Gap{}},
	} {
		got := GapOf([]core.Group{{Task: task, Prompt: core.Prompt{Visible: c.visible}, Samples: samples}})
		if got.Completions != c.want.Completions || math.Abs(got.Mean-c.want.Mean) > 1e-12 || got.ShownOnly != c.want.ShownOnly {
			t.Errorf("%d shown: got %+v, want %+v", c.visible, got, c.want)
		}
	}
}
