// Package extract takes the program out of a completion.
//
// It owns the rules, which are named and versioned because scores depend on them: a run records the name. It does not judge
// Python; whether a text parses is told by a function that the caller passes in. Everything else is decided on the text's
// lines, in time linear in its length and with a bounded number of parses.
//
// The rule "auto/1":
//
//  1. The text ends at the first of the prompt's stop texts, and at a line that is only [DONE]. A first line that is only
//     [BEGIN] or the language's name is dropped.
//  2. What parses as Python is taken as it is, byte for byte.
//  3. <think>…</think> is dropped; an opened one that never ends takes the rest with it, and a lone </think> all before it.
//  4. Candidates are the fenced blocks (``` or ~~~ as CommonMark has them, indented or never closed too, and a block that the
//     prefill opened), and the text before the first fence with its prose dropped. Candidates that define the entry point
//     come first, then those with any definition, then the others. Of equals the last that parses is taken: a later block
//     corrects an earlier one, and a last block without the definition is a usage example. Blocks before it that define or
//     import a name that it uses and does not define are parts of it, and go before it.
//  5. Without a fence, lines at the margin that read as prose are dropped, with what is indented below them. Code that is
//     broken is never dropped: it stays and gives a syntax verdict.
//  6. Nothing left, or nothing but prose: there is no program.
//
// For a prompt that is itself the beginning of the program (HumanEval's), Input.Lead is that beginning. It is put before
// the program, or the program's lines are its body.
package extract
