// Package rule holds the scoring rules that several rewards share: what passing tests are worth, and what lint findings cost.
// The rewards unit-tests, ruff and combined are these rules under their own settings, so that a part of combined is the
// same number as the reward of its name. The package knows nothing of plugins' processes; it is pure arithmetic on
// core.Evidence.
package rule
