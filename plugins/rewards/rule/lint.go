package rule

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/rlvr-harness/harness/core"
)

// Lint are the settings of the rule that scores lint findings.
type Lint struct {
	Form       string             `json:"form" enum:"linear,reciprocal" doc:"linear: 1 - min(penalty, cap), not below 0; reciprocal: 1/(1 + penalty), without a cap"`
	By         string             `json:"by" enum:"severity,rules,count" doc:"what a finding costs. severity: the penalty of its severity, and that of rules added; rules: that of rules alone; count: 1, so that reciprocal is 1/(1 + n)"`
	Error      float64            `json:"error" min:"0" doc:"penalty of a finding about correctness"`
	Warning    float64            `json:"warning" min:"0" doc:"penalty of suspicious or insecure code"`
	Refactor   float64            `json:"refactor" min:"0" doc:"penalty of a finding about complexity or performance"`
	Convention float64            `json:"convention" min:"0" doc:"penalty of a finding about style"`
	Cap        float64            `json:"cap" min:"0" doc:"the largest penalty of a program in the linear form"`
	Rules      map[string]float64 `json:"rules" doc:"penalties by rule or prefix of rules, as {\"F401\": 0.2, \"S\": 0.5}; the longest prefix counts"`
	// Suppression answers comments that would have silenced the linter: the host ignores them, and here they cost.
	Suppression float64 `json:"suppression" min:"0" doc:"penalty of a comment that would have silenced findings"`
}

// DefaultLint returns the defaults: five findings about correctness, ten warnings or fifty remarks on style use up the whole
// value. Suppression comments are ignored by the linter and cost what a warning costs.
func DefaultLint() Lint {
	return Lint{
		Form: "linear", By: "severity", Error: 0.2, Warning: 0.1, Refactor: 0.05, Convention: 0.02, Cap: 1,
		Rules: map[string]float64{}, Suppression: 0.1,
	}
}

// Check says what is wrong with the settings together: the name of one and why, or "".
func (s Lint) Check() (name string, err error) {
	if s.By == "rules" && len(s.Rules) == 0 {
		return "by", errors.New("\"rules\" needs penalties of rules, as rules.F401=0.2; without any, every program is worth 1")
	}
	return "", nil
}

// Score scores a sample by its lint findings. Code that does not parse is worth 0, and so is a completion without code; a
// program that could not be linted abstains.
func (s Lint) Score(e core.Evidence) Part {
	l := e.Lint
	switch {
	case e.Program == "" || e.Verdict.Class == core.NoCode:
		return Part{Note: "no code"}
	case l.Fatal > 0 || e.Verdict.Class == core.Syntax:
		return Part{Note: "does not parse"}
	case l.Unavailable:
		return Part{Abstain: true, Note: "not linted"}
	}
	penalty := s.penalty(l)
	p := Part{Value: max(0, 1-min(penalty, s.Cap)), Note: fmt.Sprintf("%d findings", l.Total())}
	if s.Form == "reciprocal" {
		p.Value = 1 / (1 + penalty)
	}
	return p
}

func (s Lint) penalty(l core.Lint) float64 {
	sum := s.Suppression * float64(l.Suppressions)
	switch s.By {
	case "count":
		return sum + float64(l.Total())
	case "severity":
		sum += s.Error*float64(l.Error) + s.Warning*float64(l.Warning) + s.Refactor*float64(l.Refactor) + s.Convention*float64(l.Convention)
	}
	if len(s.Rules) == 0 {
		return sum
	}
	codes := make([]string, 0, len(l.Codes))
	for code := range l.Codes {
		codes = append(codes, code)
	}
	sort.Strings(codes) // floating-point sums depend on their order
	for _, code := range codes {
		sum += s.rule(code) * float64(l.Codes[code])
	}
	return sum
}

// rule returns the penalty of the longest prefix of code that has one.
func (s Lint) rule(code string) float64 {
	best, penalty := -1, 0.0
	for prefix, p := range s.Rules {
		if len(prefix) > best && strings.HasPrefix(code, prefix) {
			best, penalty = len(prefix), p
		}
	}
	return penalty
}
