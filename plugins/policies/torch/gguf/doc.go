// Package gguf reads files in the GGUF format, versions 2 and 3: typed metadata, tensor places, and tensors dequantised
// to float32.
//
// The reader is written for files that nobody vouches for: every count is held against the bytes that are left before anything
// is allocated, and a tensor whose block size, offset or extent does not fit the file is an error that says what was expected.
//
// What keys and tensors mean to a model, and the row order of Llama's q and k projections, is left to package checkpoint.
package gguf
