// Package sandbox runs calls into a snapshotted WebAssembly module within limits: an Engine holds the compiled module and the
// snapshot of its memory, a Box is one copy-on-write instance that can be reset to the snapshot after anything that happened in it.
//
// It owns memory, fuel, deadlines and the classification of how a call ended; the operating system is package wasi, the module's
// preparation is package wasm and package image. It knows nothing of Python, tasks or verdicts.
//
// What a guest cannot do: reach files, sockets, clock, entropy, environment or memory of the host; run longer than its fuel; write
// more output than allowed; leave anything behind in a box that was reset. What the package does not stop: a defect of the wasm
// runtime's compiler, and side channels of shared caches; a separate process is the wall against those.
package sandbox
