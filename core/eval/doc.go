// Package eval turns judged completions into the numbers of an evaluation: pass@k with its interval, lengths, verdicts,
// exceptions, lint, and the paired comparison of two evaluations.
//
// All of it is arithmetic on records: no number here is random, and the order of the records does not matter. Sampling and
// judging are the affair of core/rollout. A verdict of class infrastructure is a failure of the harness; it is counted and
// enters no estimate.
package eval
