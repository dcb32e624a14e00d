package ruffwasm

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/rlvr-harness/harness/core"
)

//go:generate go run generate_severities.go -ruff ruff

// InvalidSyntax is the code of a finding that no rule made: the program does not parse.
const InvalidSyntax = "invalid-syntax"

// severities.txt has a line per severity with the codes of its rules. It is made from what the pinned Ruff says of its
// rules, by the command above.
//
//go:embed severities.txt
var severitiesText string

var severities = sync.OnceValue(func() map[string]core.Severity {
	out := map[string]core.Severity{InvalidSyntax: core.Fatal}
	for line := range strings.Lines(severitiesText) {
		severity, codes, _ := strings.Cut(strings.TrimSpace(line), ":")
		for code := range strings.FieldsSeq(codes) {
			out[code] = core.Severity(severity)
		}
	}
	return out
})

// SeverityOf returns the severity of a rule, by its code: fatal for invalid syntax; for others by the category that Ruff
// gives the rule: error for correctness, warning for suspicious and security, refactor for complexity and performance,
// and convention for style, formatting, pedantic, restriction and codes that it does not know.
func SeverityOf(code string) core.Severity {
	if s, ok := severities()[code]; ok {
		return s
	}
	return core.Convention
}
