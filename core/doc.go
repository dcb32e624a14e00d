// Package core holds the nouns of the harness and the contracts of its plugins.
//
//	Task ─► Prompt ─► Completion ─► Evidence ─► Score ─► Advantage ─► Loss ─► Update
//
// The unit that flows is a Group: one Task with its G Samples. A stage takes the value before it and returns a
// new one. Guest failures (a program that does not compile, a test that fails, an endless loop) are data: a Verdict.
// A Go error means that the harness itself failed. Abstaining is a field of a Score, never a NaN and never a zero.
//
// The package imports the standard library only, starts no goroutine and does no input or output. A third-party
// plugin needs this package and package plugins, and nothing else of the module.
//
// Slices passed to a contract's method belong to the caller: an implementation reads them and does not keep them.
// Slices returned belong to the caller.
package core
