package plugins

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func TestParseChain(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []Link
		says string
	}{
		{in: "combined", want: []Link{{Name: "combined", Weight: 1}}},
		{in: "unit-tests=1.0, ruff=0.2", want: []Link{{Name: "unit-tests", Weight: 1}, {Name: "ruff", Weight: 0.2}}},
		{in: "a=-1,./b", want: []Link{{Name: "a", Weight: -1}, {Name: "./b", Weight: 1}}},
		{in: "", says: "want NAME"},
		{in: "a,,b", says: "want NAME"},
		{in: "a=x", says: `weight "x" of a`},
		{in: "a=0", says: "not 0"},
		{in: "a=NaN", says: "want a number"},
		{in: "a,a=2", says: "a is named twice"},
	} {
		got, err := ParseChain(c.in)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q: %v, want %q", c.in, err, c.says)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %v, %v", c.in, got, err)
		}
	}
}

type scored []core.Score

func (s scored) Score(context.Context, core.Group) ([]core.Score, error) { return s, nil }

type broken struct{ error }

func (b broken) Score(context.Context, core.Group) ([]core.Score, error) { return nil, b.error }

func TestChain(t *testing.T) {
	c := Chain{
		{"tests", 2, scored{{Value: 0.5, Note: "1 of 2"}, {Abstain: true}, {Abstain: true}}},
		{"lint", 0.5, scored{{Value: 1}, {Value: 0.5}, {Abstain: true}}},
	}
	got, err := c.Score(context.Background(), group(3))
	if err != nil {
		t.Fatal(err)
	}
	want := []core.Score{
		{Value: 1.5, Note: "tests: 1 of 2", Components: []core.Component{{Name: "tests", Value: 0.5, Weighted: 1, Weight: 2}, {Name: "lint", Value: 1, Weighted: 0.5, Weight: 0.5}}},
		{Value: 0.25, Components: []core.Component{{Name: "lint", Value: 0.5, Weighted: 0.25, Weight: 0.5}}},
		{Abstain: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	cause := errors.New("it broke")
	for name, link := range map[string]core.Reward{"broken": broken{cause}, "short": scored{{}}, "NaN": scored{{Value: math.NaN()}, {}, {}}} {
		_, err := append(c[:1:1], Link{name, 1, link}).Score(context.Background(), group(3))
		if err == nil || !strings.Contains(err.Error(), "chain: "+name+": ") || name == "broken" && !errors.Is(err, cause) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
