package run

import (
	"encoding/json"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

func stepOfTwoUpdates() Step {
	return Step{
		Step: 3, Sampling: map[string]float64{"groups_dropped": 1, "rounds": 2},
		Updates: []Update{
			{Number: 5, Iteration: 1, MiniBatch: 1, Rows: 8, Tokens: 90, Loss: 0.5, GradNorm: 2, Optimizer: map[string]float64{"ratio_mean": 1}},
			{Number: 6, Iteration: 2, MiniBatch: 1, Rows: 8, Tokens: 90, Loss: -0.25, GradNorm: 3, Optimizer: map[string]float64{"ratio_mean": 1.5, "kl": math.NaN()}},
		},
	}
}

func TestUpdatesInAStepsLine(t *testing.T) {
	text, err := line(stepOfTwoUpdates())
	if err != nil {
		t.Fatal(err)
	}
	const want = `"sampling":{"groups_dropped":1,"rounds":2},"updates":[` +
		`{"number":5,"iteration":1,"mini_batch":1,"rows":8,"tokens":90,"loss":0.5,"grad_norm":2,"optimizer":{"ratio_mean":1}},` +
		`{"number":6,"iteration":2,"mini_batch":1,"rows":8,"tokens":90,"loss":-0.25,"grad_norm":3,"optimizer":{"ratio_mean":1.5}}]`
	if !strings.Contains(string(text), want) {
		t.Errorf("the line is %s\nwant in it %s", text, want)
	}
	var got Step
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	was := stepOfTwoUpdates()
	delete(was.Updates[1].Optimizer, "kl")
	if !reflect.DeepEqual(got.Updates, was.Updates) || !reflect.DeepEqual(got.Sampling, was.Sampling) {
		t.Errorf("read back: %+v %v", got.Updates, got.Sampling)
	}
	if text, err := line(Step{Step: 1}); err != nil || strings.Contains(string(text), "updates") || strings.Contains(string(text), "sampling") {
		t.Errorf("a step of one update, tasks in epochs: %s, %v", text, err)
	}
}

// TensorBoard has each update at its own number.
func TestUpdatesAmongTheEvents(t *testing.T) {
	found := map[uint64]string{}
	for _, record := range stepEvents(stepOfTwoUpdates(), nil, time.Unix(1, 0)) {
		at, tags := uint64(0), ""
		for rest := record[12 : len(record)-4]; len(rest) > 0; {
			number, kind, n := protowire.ConsumeTag(rest)
			size := protowire.ConsumeFieldValue(number, kind, rest[n:])
			if n < 0 || size < 0 {
				t.Fatal("not an event")
			}
			switch number {
			case eventStep:
				at, _ = protowire.ConsumeVarint(rest[n:])
			case eventSummary:
				tags = string(rest[n : n+size])
			}
			rest = rest[n+size:]
		}
		found[at] += tags
	}
	for at, tags := range map[uint64][]string{3: {"optimizer/loss", "sampling/groups_dropped"}, 5: {"update/loss", "update/ratio_mean"}, 6: {"update/grad_norm", "update/rows"}} {
		for _, tag := range tags {
			if !strings.Contains(found[at], tag) {
				t.Errorf("no %s at %d", tag, at)
			}
		}
	}
	if len(found) != 3 {
		t.Errorf("events at %d places, want 3", len(found))
	}
}

// The report draws the groups of dynamic sampling and each update, and neither for a run that has none.
func TestUpdatesInTheReport(t *testing.T) {
	for _, has := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "run")
		f, err := Create(dir, Manifest{Kind: Train, Config: map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= 3; n++ {
			s := Step{Step: n}
			if has {
				s = stepOfTwoUpdates()
				s.Step, s.Sampling = n, map[string]float64{"groups_sampled": 5, "groups_trained": 3}
			}
			if err := f.AppendStep(s, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		page := string(readReport(t, dir))
		for _, want := range []string{"Dynamic sampling", "trained on", "Gradient norm of each update", "pass 2, part 1"} {
			if strings.Contains(page, want) != has {
				t.Errorf("with updates %v: the report says %q: %v", has, want, !has)
			}
		}
	}
}
