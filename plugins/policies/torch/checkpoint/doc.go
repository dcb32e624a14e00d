// Package checkpoint opens a language model's files and shows them in one form, whatever they are stored as: a
// configuration, tensors under their Hugging Face names as float32, the tokenizer and the chat template.
//
// It reads Hugging Face folders (config.json of transformers 5 and before, safetensors in one file or in shards, tokenizer.json,
// chat_template.jinja or tokenizer_config.json, generation_config.json) and GGUF files, of the architectures llama, qwen2 and
// qwen3. Everything is checked when a model is opened: what the configuration says, that each tensor is there, and its shape. A
// feature that the forward pass does not have, such as sliding windows, is refused here.
//
// Computing with the tensors is left to the engine, the file formats to packages gguf and safetensors.
package checkpoint
