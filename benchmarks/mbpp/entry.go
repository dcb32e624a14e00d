package mbpp

import (
	"slices"

	"github.com/rlvr-harness/harness/core"
)

// entry finds the name that the tests call and the code defines, or "". MBPP does not state it. Where the tests call a
// function and a class of the code (task 601 builds its arguments with the reference's own Pair), it is the function.
// Without code it is the one called name that Python, the imports and the setup do not know.
func entry(t core.Task) string {
	var called []string
	for _, test := range t.Tests {
		for _, name := range calls(tokens(test)) {
			if !slices.Contains(called, name) {
				called = append(called, name)
			}
		}
	}
	if t.Code == "" {
		known := bound(tokens(t.Setup))
		for _, text := range slices.Concat(t.Imports, t.Tests) {
			known = append(known, bound(tokens(text))...)
		}
		return only(called, func(name string) bool { return !builtin(name) && !slices.Contains(known, name) })
	}
	for _, defined := range topLevel(tokens(t.Code)) {
		if name := only(called, func(name string) bool { return slices.Contains(defined, name) }); name != "" {
			return name
		}
	}
	return ""
}

// only returns the one name that is wanted, or "".
func only(names []string, wanted func(string) bool) string {
	found := ""
	for _, name := range names {
		if wanted(name) {
			if found != "" {
				return ""
			}
			found = name
		}
	}
	return found
}

// calls lists the names that are called: a name before a parenthesis that is not an attribute and not being defined.
func calls(ts []token) []string {
	var names []string
	for i, t := range ts {
		if t.kind != name || keyword(t.text) || i+1 >= len(ts) || ts[i+1].text != "(" {
			continue
		}
		if i > 0 && (ts[i-1].text == "." || ts[i-1].text == "def" || ts[i-1].text == "class") {
			continue
		}
		names = append(names, t.text)
	}
	return names
}

// topLevel lists the names that a module defines at its top: functions, classes, and variables.
func topLevel(ts []token) [3][]string {
	var functions, classes, variables []string
	for i, t := range ts {
		if !t.first || t.indent > 0 || t.kind != name {
			continue
		}
		at := func(n int) token {
			if i+n < len(ts) {
				return ts[i+n]
			}
			return token{}
		}
		switch {
		case t.text == "def":
			functions = append(functions, at(1).text)
		case t.text == "async" && at(1).text == "def":
			functions = append(functions, at(2).text)
		case t.text == "class":
			classes = append(classes, at(1).text)
		case at(1).text == "=" || at(1).text == ":":
			variables = append(variables, t.text)
		}
	}
	return [3][]string{functions, classes, variables}
}

// bound lists the names that statements bind: by import, def, class, for, as and assignment. It may list too many, never
// names that the statements only call.
func bound(ts []token) []string {
	var names []string
	importing := false
	for i, t := range ts {
		if t.first {
			importing = false
		}
		if t.kind != name {
			continue
		}
		switch before := previous(ts, i); {
		case t.text == "import":
			importing = true
		case keyword(t.text):
		case importing, before == "def", before == "class", before == "for", before == "as":
			names = append(names, t.text)
		case i+1 < len(ts) && (ts[i+1].text == "=" || ts[i+1].text == ":="):
			names = append(names, t.text)
		}
	}
	return names
}

func previous(ts []token, i int) string {
	if i == 0 {
		return ""
	}
	return ts[i-1].text
}
