package run

import (
	"fmt"
	"math"
	"strings"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/gaming"
)

// gapLimit is the share from which a diagnostic of gaming is worth a word.
const gapLimit = 0.1

// specialLimit is that of special-casing, of which honest programs are hardly ever suspected.
const specialLimit = 0.02

// warnings says what in a run should make its reader doubt it. Each compares the first with the last quarter, or looks at
// the whole; none of them is proof.
func warnings(steps []Step, c *counter) []string {
	var list []string
	warn := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if len(steps) == 0 {
		return []string{"No step is recorded."}
	}
	if len(steps) < 12 {
		warn("%d steps are few: differences between their quarters are mostly chance.", len(steps))
	}
	lintFirst, lintLast := ends(steps, lintTotal)
	passFirst, passLast := ends(steps, passRate)
	lengthFirst, lengthLast := ends(steps, length)
	noise := math.Hypot(orZero(passFirst.err), orZero(passLast.err))
	var alarmed []string
	for i, s := range steps {
		if s.Diagnostics[degenerating] > 0 {
			if i == 0 || steps[i-1].Diagnostics[degenerating] == 0 {
				alarmed = append(alarmed, fmt.Sprint(s.Step))
			}
		}
	}
	if len(alarmed) > 0 {
		warn("Lint improved while the pass rate fell, over the %d steps or fewer up to step %s: the reward may be paying for programs that are clean and wrong.",
			gaming.Window, strings.Join(alarmed, ", "))
	}
	if len(alarmed) == 0 && lintLast.mean < 0.9*lintFirst.mean && passLast.mean < passFirst.mean-max(0.02, 2*noise) {
		warn("Lint improves (%.2f to %.2f findings a completion) while the pass rate falls (%s to %s): the reward may be paying for programs that are short and clean and wrong.",
			lintFirst.mean, lintLast.mean, percent(passFirst.mean), percent(passLast.mean))
	}
	if lengthLast.mean < 0.5*lengthFirst.mean && passLast.mean < passFirst.mean+2*noise {
		warn("Completions became much shorter (%.0f to %.0f tokens) and do not pass more often.", lengthFirst.mean, lengthLast.mean)
	}
	if _, cut := ends(steps, func(s Step) float64 { return s.TruncatedRate }); cut.mean > 0.5 {
		warn("%s of the completions in the last quarter are cut by the token limit: raise --max-tokens.", percent(cut.mean))
	}

	groups := c.groupsIn(len(steps) - quarter(len(steps)))
	idle := 0
	for _, s := range steps[len(steps)-quarter(len(steps)):] {
		idle += s.ZeroStdGroups
	}
	if groups > 0 && float64(idle) > 0.5*float64(groups) {
		warn("In the last quarter %d of %d groups have the same reward for all of their completions and teach nothing: the tasks are too hard or too easy by now.", idle, groups)
	}
	same := true
	for _, s := range steps {
		same = same && (s.RewardStd == 0 || math.IsNaN(s.RewardStd))
	}
	if same {
		warn("All rewards are equal in every step: there is nothing to learn from.")
	}

	total, abstained, broken, without := 0, 0, 0, 0
	for _, s := range steps {
		for class, n := range s.Verdicts {
			total += n
			switch class {
			case core.Infrastructure:
				broken += n
			case core.NoCode, core.Syntax:
				without += n
			default: // code was found and judged
			}
		}
		abstained += s.Abstained
	}
	if total > 0 && float64(abstained) > 0.05*float64(total) {
		warn("The reward abstained for %d of %d completions; they took no part in training.", abstained, total)
	}
	if broken > 0 {
		warn("%d of %d completions could not be judged (verdict infrastructure): see run.log.", broken, total)
	}
	if float64(without) > 0.5*float64(total) {
		warn("%d of %d completions hold no program that compiles.", without, total)
	}
	if c.passed > 0 && float64(c.weakPassed) > 0.1*float64(c.passed) {
		warn("%d of %d passing completions passed a weak test, whose outcome the program could have forged.", c.weakPassed, c.passed)
	}
	if c.suppressed > 0 {
		warn("%d completions hold comments that would silence the linter; they were ignored.", c.suppressed)
	}
	diagnostic := func(name string) (first, last float64) {
		a, b := ends(steps, func(s Step) float64 {
			if v, ok := s.Diagnostics[name]; ok {
				return v
			}
			return math.NaN()
		})
		return a.mean, b.mean
	}
	if first, last := diagnostic("duplicate_rate"); last > 0.5 && last > first {
		warn("%s of the programs in the last quarter repeat another one of their group (first quarter: %s).", percent(last), percent(first))
	}
	if first, last := diagnostic("visible_minus_hidden"); last > gapLimit && last > first {
		warn("Tests that the prompt shows pass more often than hidden ones, by %s in the last quarter (first: %s): programs may answer the shown tests alone.", percent(last), percent(first))
	}
	if first, last := diagnostic("special_casing"); last > specialLimit && last > first {
		warn("Programs hold the inputs of tests together with their answers: %s in the last quarter, %s in the first. Read those that are marked.", percent(last), percent(first))
	}
	entropyFirst, entropyLast := ends(steps, func(s Step) float64 { return s.Entropy })
	if entropyFirst.mean > 0 && entropyLast.mean < 0.1*entropyFirst.mean {
		warn("The entropy fell from %.3f to %.3f nats a token: the policy hardly varies its answers any more.", entropyFirst.mean, entropyLast.mean)
	}
	return list
}

func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// Warnings returns what in a training run should make its reader doubt it, as its report says it.
func Warnings(dir string) ([]string, error) {
	steps, err := ReadSteps(dir)
	if err != nil {
		return nil, err
	}
	count := newCounter(steps)
	for row, err := range ReadRows(dir) {
		if err != nil {
			return nil, err
		}
		count.add(row)
	}
	return warnings(steps, count), nil
}
