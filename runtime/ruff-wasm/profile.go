package ruffwasm

import (
	"fmt"
	"strings"
)

// The profiles: which rules are asked. Both are pinned, since Ruff's own defaults grew from 59 rules to 413 in 0.16.
const (
	// Classic is Ruff's default selection from 0.1 to 0.15: syntax, imports, statements and Pyflakes.
	Classic = "classic"
	// Default adds warnings, bugbear, bandit, complexity, naming, pyupgrade, Pylint and Ruff's own rules.
	Default = "default"
)

// Target is the Python that programs run on; Ruff's idea of syntax and of modern spelling depends on it.
const Target = "py313"

// Profiles lists the names of the profiles.
func Profiles() []string { return []string{Classic, Default} }

// selection returns the rule prefixes of a profile; "" is Default.
func selection(profile string) ([]string, error) {
	switch profile {
	case Classic:
		return []string{"E4", "E7", "E9", "F"}, nil
	case Default, "":
		return []string{"E", "F", "W", "B", "S", "C90", "N", "UP", "PL", "RUF"}, nil
	}
	return nil, fmt.Errorf("no lint profile is called %q: there are %s", profile, strings.Join(Profiles(), " and "))
}
