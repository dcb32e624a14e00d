package train

import (
	"math/rand/v2"

	"github.com/rlvr-harness/harness/core/rollout"
)

// batch returns the questions of a step. Tasks come in epochs: each epoch is a permutation of all of them, drawn from the
// run's seed and the epoch's number alone, so that any step's tasks can be told without the steps before it.
func (l *Loop) batch(step int) []rollout.Question {
	n := len(l.Questions)
	qs := make([]rollout.Question, l.Config.Prompts)
	epoch, order := -1, []int(nil)
	for i := range qs {
		at := (step-1)*l.Config.Prompts + i
		if at/n != epoch {
			epoch = at / n
			order = permutation(rollout.Seed(l.Config.Seed, "order", uint64(epoch)), n)
		}
		qs[i] = l.Questions[order[at%n]]
	}
	return qs
}

func permutation(seed uint64, n int) []int {
	return rand.New(rand.NewPCG(seed, 0)).Perm(n) //nolint:gosec // a reproducible order is wanted, not an unpredictable one
}
