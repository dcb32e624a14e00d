package eval

import (
	"reflect"
	"slices"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/run"
)

// What is counted by task compares as the completions do that were counted, and several runs of a side add up.
func TestPerTask(t *testing.T) {
	record := func(id string, sample int, class core.Class) Record {
		return Record{TaskID: id, Sample: sample, Verdict: core.Verdict{Class: class}}
	}
	a := []Record{
		record("b", 0, core.Passed), record("b", 1, core.Failed), record("a", 0, core.Timeout), record("a", 1, core.Infrastructure),
		record("c", 0, core.Infrastructure), record("d", 0, core.Passed),
	}
	b := []Record{record("a", 0, core.Passed), record("b", 0, core.Failed), record("b", 1, core.NoCode), record("c", 0, core.Passed)}
	left, err := PerTask(a)
	if err != nil {
		t.Fatal(err)
	}
	if want := []run.TaskOutcome{{Task: "a", Scored: 1}, {Task: "b", Passed: 1, Scored: 2}, {Task: "c"}, {Task: "d", Passed: 1, Scored: 1}}; !slices.Equal(left, want) {
		t.Errorf("got %+v", left)
	}
	right, err := PerTask(b)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ComparePerTask(left, right)
	if err != nil || !reflect.DeepEqual(got, want) || got.Tasks != 2 {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	again := slices.Concat(left, left)
	if got, err = ComparePerTask(again, slices.Concat(right, right)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("twice the same outcomes: got %+v, %v", got, err)
	}
	if _, err := PerTask([]Record{record("a", 0, core.Passed), record("a", 0, core.Passed)}); err == nil {
		t.Error("one completion counts twice")
	}
	if _, err := ComparePerTask(left, []run.TaskOutcome{{Task: "x", Scored: 1}}); err == nil {
		t.Error("results without a task in common are compared")
	}
}
