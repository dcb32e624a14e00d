// Package safetensors reads and writes files in the safetensors format, and folders of them with a shard index.
//
// A file is an 8-byte little-endian header length, a JSON header that maps a tensor's name to its dtype, shape and byte range,
// and the tensors' little-endian data without gaps. The reader checks all of it before it hands out a tensor and
// never allocates more than the file's own size calls for, so a hostile file gives an error. The writer makes the bytes
// that the reference implementation makes for the same tensors.
//
// What a tensor means to a model is left to package checkpoint.
package safetensors
