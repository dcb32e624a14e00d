// Package engine computes with a language model on libtorch: forward passes with log-probabilities, the adapter's gradient, AdamW
// and batched decoding. It owns every tensor and is the only package that imports gotch.
//
// gotch supplies the binding to libtorch (devices, tensors in and out); what runs between is our own C++ beside it, a few
// calls per step: gotch costs some 20 µs and 100 kB per tensor that Go sees, and a model has tens of thousands of them per step.
// Gradients are written out by hand (model.cpp); nothing uses libtorch's autograd.
//
// Files, tokenizers, prompts and the adapter's format belong to other packages: this one knows shapes, tokens and numbers.
//
// An Engine and everything made by it must be used from one OS thread (Thread). No C++ exception leaves the package: each is
// returned as an error.
package engine
