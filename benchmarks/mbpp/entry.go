package mbpp

import (
	"slices"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/pytoken"
)

// entry finds the name that the tests call and the code defines, or "". MBPP does not state it. Where the tests call a
// function and a class of the code (task 601 builds its arguments with the reference's own Pair), it is the function.
// Without code it is the one called name that Python, the imports and the setup do not know.
func entry(t core.Task) string {
	var called []string
	for _, test := range t.Tests {
		for _, name := range calls(pytoken.Scan(test)) {
			if !slices.Contains(called, name) {
				called = append(called, name)
			}
		}
	}
	if t.Code == "" {
		known := bound(pytoken.Scan(t.Setup))
		for _, text := range slices.Concat(t.Imports, t.Tests) {
			known = append(known, bound(pytoken.Scan(text))...)
		}
		return only(called, func(name string) bool { return !pytoken.Builtin(name) && !slices.Contains(known, name) })
	}
	for _, defined := range topLevel(pytoken.Scan(t.Code)) {
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
func calls(ts []pytoken.Token) []string {
	var names []string
	for i, t := range ts {
		if t.Kind != pytoken.Name || pytoken.Keyword(t.Text) || i+1 >= len(ts) || ts[i+1].Text != "(" {
			continue
		}
		if i > 0 && (ts[i-1].Text == "." || ts[i-1].Text == "def" || ts[i-1].Text == "class") {
			continue
		}
		names = append(names, t.Text)
	}
	return names
}

// topLevel lists the names that a module defines at its top: functions, classes, and variables.
func topLevel(ts []pytoken.Token) [3][]string {
	var functions, classes, variables []string
	for i, t := range ts {
		if !t.First || t.Indent > 0 || t.Kind != pytoken.Name {
			continue
		}
		at := func(n int) pytoken.Token {
			if i+n < len(ts) {
				return ts[i+n]
			}
			return pytoken.Token{}
		}
		switch {
		case t.Text == "def":
			functions = append(functions, at(1).Text)
		case t.Text == "async" && at(1).Text == "def":
			functions = append(functions, at(2).Text)
		case t.Text == "class":
			classes = append(classes, at(1).Text)
		case at(1).Text == "=" || at(1).Text == ":":
			variables = append(variables, t.Text)
		}
	}
	return [3][]string{functions, classes, variables}
}

// bound lists the names that statements bind: by import, def, class, for, as and assignment. It may list too many, never
// names that the statements only call.
func bound(ts []pytoken.Token) []string {
	var names []string
	importing := false
	for i, t := range ts {
		if t.First {
			importing = false
		}
		if t.Kind != pytoken.Name {
			continue
		}
		switch before := previous(ts, i); {
		case t.Text == "import":
			importing = true
		case pytoken.Keyword(t.Text):
		case importing, before == "def", before == "class", before == "for", before == "as":
			names = append(names, t.Text)
		case i+1 < len(ts) && (ts[i+1].Text == "=" || ts[i+1].Text == ":="):
			names = append(names, t.Text)
		}
	}
	return names
}

func previous(ts []pytoken.Token, i int) string {
	if i == 0 {
		return ""
	}
	return ts[i-1].Text
}
