package extract

import (
	"fmt"
	"strings"
)

// The rules.
const (
	Auto = "auto/1" // see the package comment
	None = "none/1" // every text is a program
)

// Rule returns the newest rule of a name without version, as a command line has it.
func Rule(name string) (string, error) {
	for _, rule := range []string{Auto, None} {
		if base, _, _ := strings.Cut(rule, "/"); name == base || name == rule {
			return rule, nil
		}
	}
	return "", fmt.Errorf("extract: no rule is called %q; there are auto and none", name)
}

// Input is a completion with what is known of its prompt.
type Input struct {
	// Text is the completion.
	Text string
	// Prefill is the beginning of the answer that the prompt gave: a fence that it opens is open.
	Prefill string
	// Lead is Python that the completion continues, or "".
	Lead string
	// Entry is the name that the program must define, or "" where it is not known.
	Entry string
	// Stop are the texts that end a completion.
	Stop []string
}

// Parses says whether a text is Python: parsed, not necessarily compiled. Its error is a failure of the parser itself.
type Parses func(program string) (bool, error)

// How says where a program was found.
type How string

// The ways to find a program.
const (
	Whole     How = "whole"     // the text is the program
	Continued How = "continued" // Lead and the text, or Lead and what was found in the text, are the program
	Fenced    How = "fence"     // a fenced block
	Lines     How = "lines"     // the text without its prose
	Unparsed  How = "unparsed"  // something that looks like a program and does not parse
	Nothing   How = "nothing"   // there is no program
)

// Result is an extracted program; "" means that there is none.
type Result struct {
	Program string
	How     How
}

// Program extracts the program. An error comes from parses, or says that there is no such rule.
func Program(rule string, in Input, parses Parses) (Result, error) {
	switch rule {
	case None:
		if in.Text == "" {
			return Result{"", Nothing}, nil
		}
		return Result{in.Lead + in.Text, Whole}, nil
	case Auto:
		r, err := auto(in, parses)
		if err != nil {
			return Result{}, fmt.Errorf("extract: %w", err)
		}
		return r, nil
	}
	return Result{}, fmt.Errorf("extract: no rule is called %q; there are %s and %s", rule, Auto, None)
}

func auto(in Input, parses Parses) (Result, error) {
	text := begin(cut(in.Text, in.Stop))
	opening, begun := openFence(in.Prefill)
	if in.Lead == "" {
		in.Lead = begun
	}
	if blank(text) {
		return Result{"", Nothing}, nil
	}
	how := Whole
	if in.Lead != "" {
		how = Continued
	}
	if ok, err := parses(in.Lead + text); ok || err != nil {
		return Result{in.Lead + text, how}, err
	}
	if thought := dropThought(text); thought != text {
		if text = thought; blank(text) {
			return Result{"", Nothing}, nil
		}
		if ok, err := parses(in.Lead + text); ok || err != nil {
			return Result{in.Lead + text, how}, err
		}
	}
	found, err := choose(candidates(opening+text), in.Entry, parses)
	if err != nil {
		return Result{}, err
	}
	if in.Lead == "" {
		return found, nil
	}
	return continued(in, text, found, parses)
}

// continued joins the beginning of a program with what was found in the text: a whole definition, or the rest of one.
func continued(in Input, text string, found Result, parses Parses) (Result, error) {
	if found.How == Nothing {
		return found, nil
	}
	lead := in.Lead
	if !strings.HasSuffix(lead, "\n") {
		lead += "\n"
	}
	after, inside := lead+found.Program, lead+indent(dedent(found.Program))
	tries := []string{inside, after} // in this order: a return at the margin parses, though it does not compile
	if defines(found.Program, in.Entry) {
		tries = []string{after, found.Program}
	} else if rest := dropProse(text); rest != "" && indented(text) {
		tries = []string{in.Lead + rest, after, inside}
	} else if indented(found.Program) {
		tries = []string{after, inside}
	}
	for _, p := range tries {
		if ok, err := parses(p); ok || err != nil {
			return Result{p, Continued}, err
		}
	}
	return Result{tries[0], Unparsed}, nil
}

// indented says that the first line is.
func indented(text string) bool { return strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t") }

// cut ends the text at the first stop and at a line that is only [DONE].
func cut(text string, stop []string) string {
	for _, s := range stop {
		if i := strings.Index(text, s); s != "" && i >= 0 {
			text = text[:i]
		}
	}
	for at := 0; at < len(text); {
		line := lineAt(text, at)
		if strings.TrimSpace(line) == "[DONE]" {
			return text[:at]
		}
		at += len(line)
	}
	return text
}

// begin drops a first line that only says what follows: the paper's [BEGIN], and the name of the language, left of a fence.
func begin(text string) string {
	first := lineAt(text, 0)
	switch strings.TrimSpace(strings.TrimPrefix(first, "\ufeff")) {
	case "[BEGIN]", "python", "python3", "py", "Python":
		return text[len(first):]
	}
	return text
}

// dropThought removes what a model thinks before it answers.
func dropThought(text string) string {
	const open, end = "<think>", "</think>"
	if last := strings.LastIndex(text, end); last >= 0 && !strings.Contains(text[:last], open) { // the prompt opened it
		text = text[last+len(end):]
	}
	var b strings.Builder
	for {
		answer, rest, found := strings.Cut(text, open)
		b.WriteString(answer)
		if !found {
			return b.String()
		}
		if _, text, found = strings.Cut(rest, end); !found {
			return b.String()
		}
	}
}

// maxParsed bounds the candidates that are parsed for one completion.
const maxParsed = 32

// candidate is a piece of the completion that may be the program.
type candidate struct {
	text string
	how  How
}

// choose takes the last parsable candidate of the best kind.
func choose(cs []candidate, entry string, parses Parses) (Result, error) {
	kinds := [3][]candidate{} // define the entry point, define anything, the rest; the last first
	for i := len(cs) - 1; i >= 0; i-- {
		switch {
		case entry != "" && defines(cs[i].text, entry):
			kinds[0] = append(kinds[0], cs[i])
		case defines(cs[i].text, ""):
			kinds[1] = append(kinds[1], cs[i])
		default:
			kinds[2] = append(kinds[2], cs[i])
		}
	}
	parsed := 0
	for i, kind := range kinds {
		for _, c := range kind {
			if parsed++; parsed > maxParsed {
				break
			}
			if ok, err := parses(c.text); !ok && err == nil {
				continue
			} else if err != nil {
				return Result{}, err
			}
			if whole := withParts(cs, c, entry); whole != c.text {
				if ok, err := parses(whole); ok || err != nil {
					return Result{whole, c.how}, err
				}
			}
			return Result{c.text, c.how}, nil
		}
		if i == 0 && len(kind) > 0 { // the right program with a fault in it, rather than another one without
			return Result{kind[0].text, Unparsed}, nil
		}
	}
	for _, kind := range kinds {
		if len(kind) > 0 {
			return Result{kind[0].text, Unparsed}, nil
		}
	}
	return Result{"", Nothing}, nil
}
