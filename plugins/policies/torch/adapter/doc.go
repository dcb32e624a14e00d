// Package adapter reads and writes LoRA adapters in PEFT's format (adapter_config.json and adapter_model.safetensors), which
// transformers, vLLM and llama.cpp's converter load. Variants of LoRA that would change the arithmetic are refused by name.
package adapter
