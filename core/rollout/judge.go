package rollout

import (
	"context"
	"fmt"

	"github.com/rlvr-harness/harness/core"
)

// Verifier runs a program against a task's tests.
type Verifier interface {
	Verify(ctx context.Context, t core.Task, program string) (core.Verdict, error)
}

// Linter finds a program's severity profile.
type Linter interface {
	Lint(ctx context.Context, program string) (core.Lint, error)
}

// Extract takes the program out of a completion to a prompt; "" means that there is none.
type Extract func(ctx context.Context, t core.Task, p core.Prompt, c core.Completion) (program string, err error)

// Judge turns a completion into evidence: extract, verify, lint. It keeps nothing between calls, so that the evidence
// depends on the task and the completion alone.
type Judge struct {
	Extract  Extract
	Verifier Verifier
	Linter   Linter
	// RefuseWeak fails every weak test, whatever it gave: its comparison could have been forged.
	RefuseWeak bool
}

// Evidence judges one completion. An error is the harness's own failure; whatever the program does is in the evidence.
func (j Judge) Evidence(ctx context.Context, t core.Task, p core.Prompt, c core.Completion) (core.Evidence, error) {
	e := core.Evidence{Tokens: len(c.Tokens), Truncated: c.Truncated()}
	var err error
	if e.Program, err = j.Extract(ctx, t, p, c); err != nil {
		return e, fmt.Errorf("rollout: extract the program for task %s: %w", t.ID, err)
	}
	if e.Program == "" {
		e.Verdict = core.Verdict{Class: core.NoCode, Message: "the completion holds no Python"}
		return e, nil
	}
	if e.Verdict, err = j.Verifier.Verify(ctx, t, e.Program); err != nil {
		return e, fmt.Errorf("rollout: verify a program for task %s: %w", t.ID, err)
	}
	if j.RefuseWeak {
		refuseWeak(&e.Verdict)
	}
	if e.Lint, err = j.Linter.Lint(ctx, e.Program); err != nil {
		return e, fmt.Errorf("rollout: lint a program for task %s: %w", t.ID, err)
	}
	return e, nil
}

// refuseWeak fails the weak tests that passed.
func refuseWeak(v *core.Verdict) {
	const why = "a weak test is refused: its comparison would run in the program's own interpreter"
	for i, t := range v.Tests {
		if t.Weak && t.Class == core.Passed {
			v.Tests[i].Class, v.Tests[i].Message = core.Failed, why
		}
	}
	for _, t := range v.Tests {
		if t.Class != core.Passed {
			v.Class, v.Exception, v.Message = t.Class, t.Exception, t.Message
			return
		}
	}
}
