// Package jinja renders the part of the Jinja template language that chat templates use, as Python's jinja2 does with the settings of
// Hugging Face transformers: trim_blocks, lstrip_blocks, immutable values, break and continue, and a tojson that keeps
// the order of keys.
//
// A template comes with a model and is foreign: it can read nothing but the variables that it is given, and its work, output and
// nesting are bounded, so that rendering ends. What is not supported (include, import, extends, block) is an error when
// the template is parsed.
//
// The variables and functions of a chat template are left to package chat.
package jinja
