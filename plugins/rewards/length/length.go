package main

import (
	"context"
	"fmt"
	"math"

	"github.com/rlvr-harness/harness/core"
)

// settings say which length is wanted.
type settings struct {
	Form   string `json:"form" enum:"soft-overlong,target" doc:"soft-overlong: 0 up to limit - cache, falling to -1 at limit; target: 1 at target, falling to 0 at a distance of width"`
	Limit  int    `json:"limit" min:"1" doc:"soft-overlong: tokens from which on the value is -1"`
	Cache  int    `json:"cache" min:"1" doc:"soft-overlong: tokens over which the value falls"`
	Target int    `json:"target" min:"1" doc:"target: the wanted number of tokens"`
	Width  int    `json:"width" min:"1" doc:"target: the distance in tokens at which the value is 0"`
}

func defaults() settings {
	return settings{Form: "soft-overlong", Limit: 512, Cache: 128, Target: 128, Width: 128}
}

// reward scores each sample by its number of tokens.
type reward struct{ settings }

// Score implements core.Reward. A sample of unknown length abstains.
func (r reward) Score(_ context.Context, g core.Group) ([]core.Score, error) {
	scores := make([]core.Score, len(g.Samples))
	for i, s := range g.Samples {
		n := s.Evidence.Tokens
		if n == 0 {
			n = len(s.Completion.Tokens)
		}
		if n == 0 {
			scores[i] = core.Score{Abstain: true, Note: "length not known"}
			continue
		}
		scores[i] = core.Score{Value: r.value(n), Note: fmt.Sprintf("%d tokens", n)}
	}
	return scores, nil
}

// value is DAPO's soft overlong punishment (arXiv 2503.14476, eq. 13), or a triangle around the target.
func (r reward) value(n int) float64 {
	if r.Form == "target" {
		return max(0, 1-math.Abs(float64(n-r.Target))/float64(r.Width))
	}
	return max(-1, min(0, float64(r.Limit-r.Cache-n)/float64(r.Cache)))
}
