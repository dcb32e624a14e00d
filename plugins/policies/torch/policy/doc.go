// Package policy is core.Policy on libtorch: it opens a model with a LoRA adapter, samples completions, scores them and updates the
// adapter. It owns what lies between the contract and the engine: which tokens are computed together, where a completion
// ends, what is kept for a gradient, and what a checkpoint holds. Arithmetic is package engine's, files are package checkpoint's.
//
// Results depend on the model, the settings and the calls: the same seed, settings and number of threads give the same bytes on
// one machine. Decisions about memory follow from settings and sizes, never from what happens to be free.
package policy
