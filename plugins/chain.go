package plugins

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rlvr-harness/harness/core"
)

// Link is one reward of a chain.
type Link struct {
	Name   string
	Weight float64
	Reward core.Reward
}

// ParseChain reads the rewards of --reward: a name, or names with weights as in "unit-tests=1.0,ruff=0.2". A name without a
// weight weighs 1. The links have no Reward yet.
func ParseChain(s string) ([]Link, error) {
	var links []Link
	for _, part := range strings.Split(s, ",") {
		name, weight, weighed := strings.Cut(strings.TrimSpace(part), "=")
		l := Link{Name: strings.TrimSpace(name), Weight: 1}
		if l.Name == "" {
			return nil, fmt.Errorf("reward %q: want NAME or NAME=WEIGHT,NAME=WEIGHT,…", s)
		}
		if weighed {
			w, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
			if err != nil || !finite(w) || w == 0 {
				return nil, fmt.Errorf("reward %q: weight %q of %s: want a number that is not 0", s, weight, l.Name)
			}
			l.Weight = w
		}
		if slices.ContainsFunc(links, func(o Link) bool { return o.Name == l.Name }) {
			return nil, fmt.Errorf("reward %q: %s is named twice", s, l.Name)
		}
		links = append(links, l)
	}
	return links, nil
}

// Chain is a reward made of others: the weighted sum of their values, each of them a component. A reward that abstains is left
// out of a sample's sum; where all of them abstain, so does the chain.
type Chain []Link

var _ core.Reward = Chain(nil)

// Score implements core.Reward. The links score at the same time.
func (c Chain) Score(ctx context.Context, g core.Group) ([]core.Score, error) {
	type answer struct {
		scores []core.Score
		err    error
	}
	answers := make([]chan answer, len(c))
	ctx, cancel := context.WithCancel(ctx) // one failure ends the others
	defer cancel()
	for i, l := range c {
		answers[i] = make(chan answer, 1)
		go func() {
			scores, err := l.Reward.Score(ctx, g)
			if err == nil {
				err = checkScores(scores, len(g.Samples))
			}
			if err != nil {
				err = fmt.Errorf("chain: %s: %w", l.Name, err)
			}
			answers[i] <- answer{scores, err}
		}()
	}
	all := make([][]core.Score, len(c))
	var failed error
	for i := range c {
		a := <-answers[i]
		if all[i] = a.scores; a.err != nil && failed == nil {
			failed = a.err
			cancel()
		}
	}
	if failed != nil {
		return nil, failed
	}
	out := make([]core.Score, len(g.Samples))
	for j := range out {
		out[j].Abstain = true
		var notes []string
		for i, l := range c {
			s := all[i][j]
			if s.Note != "" {
				notes = append(notes, l.Name+": "+s.Note)
			}
			if s.Abstain {
				continue
			}
			w := l.Weight * s.Value
			out[j].Abstain = false
			out[j].Value += w
			out[j].Components = append(out[j].Components, core.Component{Name: l.Name, Value: s.Value, Weighted: w, Weight: l.Weight})
		}
		out[j].Note = strings.Join(notes, "; ")
	}
	return out, nil
}
