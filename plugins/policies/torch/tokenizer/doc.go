// Package tokenizer turns text into token ids and back, byte for byte as the tokenizers of Hugging Face do, for the models
// that use byte-level BPE: Llama 3, Qwen 2 and 3, SmolLM2 and others with the pre-tokenizers named in split.go.
//
// A Tokenizer comes from a tokenizer.json or from the metadata of a GGUF file. Its rules are checked when it is made: a
// normalizer, pre-tokenizer or decoder that this package does not know is an error, never a near miss.
//
// Character classes are those of Go's package unicode (Unicode 15). The reference has those of Unicode 16, so text in the
// scripts that it added, such as Garay, may be split differently; nothing else is known to differ.
//
// Rendering a chat into text is left to package chat.
package tokenizer
