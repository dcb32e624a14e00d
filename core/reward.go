package core

import "context"

// Component is a named part of a score, as the reward computed it, before and after its weight.
type Component struct {
	Name string
	// Value is the part before weighting.
	Value float64
	// Weighted is what the part added to the score.
	Weighted float64
	// Weight is the factor between the two, apart from a gate: Weighted = Weight × Value × gate with a gate in 0..1. It
	// lets a rule that normalises each part by itself apply the weight afterwards; 0 where there is no such factor.
	Weight float64
}

// Score is the reward of one sample.
type Score struct {
	// Value is finite. It means nothing where Abstain is true.
	Value float64
	// Components are the parts of Value, in the reward's own order; empty for a reward of one part.
	Components []Component
	// Abstain says that the reward has no opinion: the sample takes no part in means, baselines and updates.
	Abstain bool
	// Note is a word for a person who reads the completion later.
	Note string
}

// Mean returns the mean value of the scores that do not abstain, the simplest baseline of a group; 0 where all abstain.
func Mean(scores []Score) float64 {
	sum, n := 0.0, 0
	for _, s := range scores {
		if !s.Abstain {
			sum += s.Value
			n++
		}
	}
	return sum / float64(max(1, n))
}

// Reward scores the samples of a group.
type Reward interface {
	// Score returns one score per sample, in order. It is a pure function of the group and of the reward's settings:
	// the same group gives the same scores, so that a call may be repeated after a crash. It may be called from
	// several goroutines at once.
	Score(ctx context.Context, g Group) ([]Score, error)
}
