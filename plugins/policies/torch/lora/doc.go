// Package lora lays out a low-rank adapter (Hu et al., LoRA, arXiv 2106.09685): which projections have one, of what shape, at which
// place of one flat vector, under which name in PEFT's files, and with which first values. It computes nothing with them.
package lora
