// Package chat renders messages into the text that a model was trained on, with the model's own chat template, exactly as
// Hugging Face transformers' apply_chat_template does.
//
// The template language is left to package jinja, and turning the text into ids to package tokenizer.
package chat
