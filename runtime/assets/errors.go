package assets

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// errMissing marks an entry that was never made.
var errMissing = errors.New("not in the cache")

// UnknownError is about a name that the manifest does not have.
type UnknownError struct {
	Name  string
	Known []string // the names that it has
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("assets: no artefact is called %q; there are %s", e.Name, strings.Join(e.Known, ", "))
}

// Error is why an artefact could not be had, and what mends it.
type Error struct {
	Name string // of the artefact
	Err  error
	Mend string // a command, or two joined by "then"
}

func (e *Error) Error() string {
	return fmt.Sprintf("assets: %s: %v\n  to mend it: %s", e.Name, e.Err, e.Mend)
}

func (e *Error) Unwrap() error { return e.Err }

// DamagedError is an entry whose files are not those of its stamp.
type DamagedError struct {
	Name, Entry string
	Differ      []string // what is wrong, a line a file, the first few
	More        int      // how many further files differ
}

func (e *DamagedError) Error() string {
	more := ""
	if e.More > 0 {
		more = fmt.Sprintf(" and %d more", e.More)
	}
	return fmt.Sprintf("assets: %s: the entry %s was changed after it was made: %s%s\n  to mend it: harness assets fetch %s",
		e.Name, e.Entry, strings.Join(e.Differ, "; "), more, e.Name)
}

// ToolError is a program that an artefact needs and the machine lacks.
type ToolError struct {
	Tool    string // as called
	Install string // the command that installs it
}

func (e *ToolError) Error() string { return e.Tool + " is not installed" }

// sourcesError is why none of an artefact's sources gave it, one error for each.
type sourcesError struct{ errs []error }

func (e *sourcesError) Error() string {
	if len(e.errs) == 1 {
		return e.errs[0].Error()
	}
	text := "no source gave it:"
	for _, err := range e.errs {
		text += "\n    " + strings.ReplaceAll(err.Error(), "\n", "\n    ")
	}
	return text
}

func (e *sourcesError) Unwrap() []error { return e.errs }

// wrap says which artefact err is about and what to do. It leaves alone what already says so.
func (c *Cache) wrap(a Artefact, err error) error {
	var known *Error
	var damaged *DamagedError
	if err == nil || errors.As(err, &known) || errors.As(err, &damaged) || errors.Is(err, context.Canceled) {
		return err
	}
	again := "harness assets fetch " + a.Name
	var tool *ToolError
	var space *spaceError
	switch {
	case errors.As(err, &tool):
		again = tool.Install + ", then " + again
	case errors.As(err, &space):
		again = "free some room, or HARNESS_CACHE=DIR on a larger disk, then " + again
	case errors.As(err, new(*sourcesError)):
		for _, s := range a.Sources {
			if l, ok := s.(Local); ok {
				again += fmt.Sprintf(" with a network; without one, put %s into a folder DIR, then %s=DIR %s", l.File, l.Env, again)
			}
		}
	}
	return &Error{Name: a.Name, Err: err, Mend: again}
}
