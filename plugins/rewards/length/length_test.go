package main

import (
	"context"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func TestLength(t *testing.T) {
	soft := reward{settings{Form: "soft-overlong", Limit: 100, Cache: 20}}
	target := reward{settings{Form: "target", Target: 50, Width: 10}}
	for _, c := range []struct {
		r    reward
		n    int
		want float64
	}{
		{soft, 1, 0},
		{soft, 80, 0},
		{soft, 90, -0.5},
		{soft, 100, -1},
		{soft, 500, -1},
		{target, 50, 1},
		{target, 45, 0.5},
		{target, 55, 0.5},
		{target, 40, 0},
		{target, 90, 0},
	} {
		if got := c.r.value(c.n); got != c.want {
			t.Errorf("%s of %d tokens: %v, want %v", c.r.Form, c.n, got, c.want)
		}
	}
	got, err := soft.Score(context.Background(), core.Group{Samples: []core.Sample{
		{Evidence: core.Evidence{Tokens: 90}}, {Completion: core.Completion{Tokens: make([]int32, 100)}}, {},
	}})
	if err != nil || got[0].Value != -0.5 || got[1].Value != -1 || !got[2].Abstain {
		t.Errorf("got %+v, %v", got, err)
	}
}
