package train

import (
	"math/rand/v2"

	"github.com/rlvr-harness/harness/core/rollout"
)

// order returns the places in Questions of a step's tasks, in the order in which they are asked: the first Config.Prompts
// make the batch, the others wait for groups that dynamic sampling replaces. It is a function of the run's seed, the step's
// number and, with a curriculum, the pass rates that were observed before the step.
func (l *Loop) order(step int) []int {
	n, prompts := len(l.Questions), l.Config.Prompts
	if l.PassRates != nil {
		ids := make([]string, n)
		for i, q := range l.Questions {
			ids[i] = q.Task.ID
		}
		var out []int
		for lap := uint64(0); lap == 0 || len(out) < prompts; lap++ { // a batch may be larger than the split
			out = append(out, l.PassRates.order(rollout.Seed(l.Config.Seed, "curriculum", uint64(step), lap), step, ids)...)
		}
		return out
	}
	out := l.epochs(step)
	if l.Config.DynamicSampling == 0 {
		return out
	}
	asked := map[int]bool{}
	for _, at := range out {
		asked[at] = true
	}
	for _, at := range permutation(rollout.Seed(l.Config.Seed, "reserve", uint64(step)), n) {
		if !asked[at] {
			out = append(out, at)
		}
	}
	return out
}

// epochs returns the tasks of a step's batch. Tasks come in epochs: each epoch is a permutation of all of them, drawn from
// the run's seed and the epoch's number alone, so that any step's tasks can be told without the steps before it. The
// reserve of dynamic sampling does not shift them.
func (l *Loop) epochs(step int) []int {
	n := len(l.Questions)
	out := make([]int, l.Config.Prompts)
	epoch, order := -1, []int(nil)
	for i := range out {
		at := (step-1)*l.Config.Prompts + i
		if at/n != epoch {
			epoch = at / n
			order = permutation(rollout.Seed(l.Config.Seed, "order", uint64(epoch)), n)
		}
		out[i] = order[at%n]
	}
	return out
}

func permutation(seed uint64, n int) []int {
	return rand.New(rand.NewPCG(seed, 0)).Perm(n) //nolint:gosec // a reproducible order is wanted, not an unpredictable one
}
