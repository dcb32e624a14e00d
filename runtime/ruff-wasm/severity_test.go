package ruffwasm

import (
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func TestSeverityOf(t *testing.T) {
	for code, want := range map[string]core.Severity{
		InvalidSyntax: core.Fatal,
		"F821":        core.Bad,        // undefined name: correctness
		"E722":        core.Warning,    // bare except: suspicious
		"S307":        core.Warning,    // eval: security
		"UP034":       core.Refactor,   // extraneous parentheses: complexity
		"C901":        core.Convention, // complex structure: pedantic
		"E711":        core.Convention, // comparison with None: pedantic
		"E501":        core.Convention, // line too long: formatting
		"XYZ999":      core.Convention, // no rule
	} {
		if got := SeverityOf(code); got != want {
			t.Errorf("%s is %s, want %s", code, got, want)
		}
	}
}

func TestEveryRuleHasOneSeverity(t *testing.T) {
	known := map[core.Severity]bool{}
	for _, s := range core.Severities() {
		known[s] = true
	}
	lines, codes := 0, 0
	for line := range strings.Lines(severitiesText) {
		lines++
		severity, list, ok := strings.Cut(line, ":")
		if !ok || !known[core.Severity(severity)] {
			t.Errorf("line %d begins with %q, which is no severity", lines, severity)
		}
		codes += len(strings.Fields(list))
	}
	if lines != 4 || codes != len(severities())-1 {
		t.Errorf("%d lines with %d codes, of which %d differ", lines, codes, len(severities())-1)
	}
}
