// Package plugintest is the suite that a plugin passes before it is shipped. It starts the real binary, asks it what the
// contract of its kind demands, and says for each demand whether it is met: the answer's shape, order and determinism, what
// becomes of a cancelled call, a killed process, a group of 10,000 samples; for an optimizer also that its derivative is
// that of its loss and that masked tokens have no part in it.
//
// A Go test calls [Run]; `harness plugin check PATH` calls [Check]. What a plugin means by its numbers is its author's
// affair: the suite knows no formula.
package plugintest
