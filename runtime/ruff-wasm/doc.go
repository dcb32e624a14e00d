// Package ruffwasm lints Python programs with Ruff and starts no process for each: Astral's own WebAssembly build of Ruff 0.17.4
// runs in wazero, without a JavaScript engine, WASI, files, clock or network, in this process or, with Config.Isolate, in one that
// is confined.
//
// It owns the host of that module (the 60 functions that wasm-bindgen expects of JavaScript), the pool of instances, the
// profiles of rules, the mapping of rules to severities and the masking of suppression comments. It leaves to others where
// the module comes from (runtime/assets, artefact "ruff-wasm"), which text is a program, and what a finding is worth.
//
// What is linted is a function of the text, the profile and the Ruff release alone: the same findings, in the same order,
// on every machine and at every load. So every limit is one of size or depth, never of time.
//
//   - Comments that tell Ruff to be silent (# noqa, # ruff: disable[…] and their kin) are masked at equal width before
//     Ruff sees the program, and counted. A program cannot improve its profile with a comment.
//   - A text that is not UTF-8, or holds a NUL, is no Python source: it has one fatal finding, and Ruff is not asked.
//   - A program larger than Config.MaxSourceBytes, with more than 1,000 open brackets at once, or that traps Ruff is
//     unavailable. Ruff recurses without a limit, and WebAssembly answers a full stack with a trap; CPython refuses such
//     programs as well (200 brackets at most), so nothing that could pass its tests is lost. A trap counts only if a fresh
//     instance traps too.
//
// A lint in progress cannot be interrupted; the worst program found that fits the default size takes 1.6 s, an MBPP solution
// 0.07 ms of CPU time with profile classic and 0.2 ms with default, where a process for each takes 5 ms and more.
package ruffwasm
