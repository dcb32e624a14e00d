package plugins

import (
	"context"
	"math"
	"reflect"

	"github.com/rlvr-harness/harness/core"
)

// The audit holds the first answer of a run to what no single answer shows: a plugin that is asked the same again says the
// same, and each score belongs to the sample at its place. It costs one more call in a run.

// reordered returns the group with all samples but the last moved up by one, the first of them behind the others, and
// where each sample stood before. It is no mirror and no full turn: answers that are mirrored or turned do not fit it.
func reordered(g core.Group) (core.Group, []int) {
	n := len(g.Samples)
	from := make([]int, n)
	samples := make([]core.Sample, n)
	for i := range from {
		from[i] = i
		if i < n-1 {
			from[i] = (i + 1) % (n - 1)
		}
		samples[i] = g.Samples[from[i]]
		samples[i].Index = i
	}
	g.Samples = samples
	return g, from
}

// agree says whether two scores are equal but for the rounding of sums over a group in another order.
func agree(a, b core.Score) bool {
	return a.Abstain == b.Abstain && math.Abs(a.Value-b.Value) <= 1e-9*max(1, math.Abs(a.Value), math.Abs(b.Value))
}

// auditScores asks a second time about a group that got scores, in another order, and says how the answers disagree.
func auditScores(ctx context.Context, g core.Group, scores []core.Score, ask func(context.Context, core.Group) ([]core.Score, error)) error {
	moved, from := reordered(g)
	again, err := ask(ctx, moved)
	if err != nil {
		return err
	}
	at := 0
	for at < len(again) && agree(again[at], scores[from[at]]) {
		at++
	}
	if at == len(again) {
		return nil
	}
	third, err := ask(ctx, g)
	if err != nil {
		return err
	}
	for i := range third {
		if !agree(third[i], scores[i]) {
			return wrong("sample %d earned %v and, asked the same again, %v: a score may depend on the group and the settings alone, not on time, chance or earlier calls",
				i, worth(scores[i]), worth(third[i]))
		}
	}
	return wrong("sample %d earned %v and, at place %d of the same group, %v: scores come in the order of the samples and do not depend on it",
		from[at], worth(scores[from[at]]), at, worth(again[at]))
}

// worth is a score in a message.
func worth(s core.Score) any {
	if s.Abstain {
		return "no score"
	}
	return s.Value
}

// auditSame asks a second time and says that the answers differ.
func auditSame[T any](first T, again func() (T, error)) error {
	second, err := again()
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(first, second) {
		return wrong("asked the same again, it answered otherwise: an answer may depend on the request and the settings alone, not on time, chance or earlier calls")
	}
	return nil
}
