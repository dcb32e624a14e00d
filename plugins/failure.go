package plugins

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Cause is the reason why a call of a plugin failed.
type Cause string

// The causes of failures.
const (
	Died      Cause = "died"      // the process is gone, or closed its connection
	Hung      Cause = "hung"      // no answer within Options.Timeout, or no word within Options.Silence; the process was ended
	Refused   Cause = "refused"   // the plugin answered with an error
	Cancelled Cause = "cancelled" // the caller's context ended
	Wrong     Cause = "wrong"     // the answer breaks the contract: NaN, a wrong count, a wrong shape
)

// Error is the failure of a plugin.
type Error struct {
	Kind Kind
	// Plugin is "reward NAME", as far as the name is known, and Path its file.
	Plugin, Path string
	// Call is the call that failed: "Start", "Info", "Configure", "Score", …
	Call string
	// Sent says in a few words what the call was about.
	Sent  string
	Cause Cause
	// Restarted says that the plugin was started afresh and the call repeated before it failed again.
	Restarted bool
	// Stderr holds the last lines of the plugin's standard error.
	Stderr []string
	Err    error
}

// Unwrap returns the error beneath, so that errors.Is finds a context's error.
func (e *Error) Unwrap() error { return e.Err }

// Error tells the failure and how to mend it.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plugin %s: %s", e.Plugin, e.Call)
	if e.Sent != "" {
		fmt.Fprintf(&b, " (%s)", e.Sent)
	}
	switch e.Cause {
	case Died:
		fmt.Fprintf(&b, ": died: %v", e.Err)
	case Hung:
		fmt.Fprintf(&b, ": gave no answer: %v", e.Err)
	case Refused:
		fmt.Fprintf(&b, ": refused: %v", e.Err)
	case Cancelled:
		fmt.Fprintf(&b, ": cancelled: %v", e.Err)
		return b.String()
	case Wrong:
		fmt.Fprintf(&b, ": answered wrongly: %v", e.Err)
	}
	if e.Restarted {
		b.WriteString("; it was restarted once and failed again")
	}
	if e.Path != "" && !e.aboutFile() {
		fmt.Fprintf(&b, "; try `harness plugin check %s`", e.Path)
	}
	if len(e.Stderr) > 0 {
		b.WriteString("; its standard error ended with:")
		for _, line := range e.Stderr {
			b.WriteString("\n    " + line)
		}
	}
	return b.String()
}

// aboutFile says that the plugin refused a file of the caller's, as on a disk that is full: no suite tells more about that.
func (e *Error) aboutFile() bool {
	return e.Cause == Refused && slices.Contains([]string{"SaveAdapter", "SaveState", "LoadState"}, e.Call)
}

// errHung is the cause of a context that this package ended because a call took too long, or because a policy said nothing
// for too long.
type errHung struct {
	after  time.Duration
	silent bool
}

func (e errHung) Error() string {
	if e.silent {
		return fmt.Sprintf("not a word came from it for %v, the longest silence in a call", e.after)
	}
	return fmt.Sprintf("the call took longer than %v, the limit of one call", e.after)
}

// wrongError marks an answer that breaks the contract.
type wrongError struct{ error }

func wrong(format string, a ...any) error { return wrongError{fmt.Errorf(format, a...)} }

// callerError marks an error that is the caller's own, as of a Generate's yield: it is handed back as it is.
type callerError struct{ error }

// classify is the one place that decides why a call failed. ctx is the caller's context, call the one that the request
// was made with (ended by a timeout of ours, or like ctx); exited tells, with some patience, whether the process is gone
// and how it ended.
func classify(ctx, call context.Context, err error, exited func(time.Duration) (string, bool)) (Cause, error) {
	var w wrongError
	if errors.As(err, &w) {
		return Wrong, w.error
	}
	if cause := ctx.Err(); cause != nil {
		return Cancelled, context.Cause(ctx)
	}
	var hung errHung
	if errors.As(context.Cause(call), &hung) {
		return Hung, hung
	}
	s := status.Convert(err)
	switch s.Code() {
	case codes.Unavailable, codes.Canceled:
		if how, gone := exited(exitPatience); gone {
			return Died, errors.New(how)
		}
		return Died, fmt.Errorf("the connection broke: %s", s.Message())
	case codes.Internal, codes.Unknown:
		// An author's own error is one of these too, and then the process lives: no reason to wait for its end.
		if how, gone := exited(0); gone {
			return Died, errors.New(how)
		}
		return Refused, errors.New(s.Message())
	case codes.ResourceExhausted:
		return Refused, tooLarge(s.Message())
	case codes.Unimplemented:
		return Refused, fmt.Errorf("the plugin does not serve this call: %s", s.Message())
	default:
		return Refused, errors.New(s.Message())
	}
}

// tooLarge says who must make room for a message, from gRPC's words on it.
func tooLarge(message string) error {
	_, rest, _ := strings.Cut(message, "vs. ")
	if limit, err := strconv.Atoi(strings.TrimRight(rest, ")")); err == nil && limit < MaxMessageBytes {
		return fmt.Errorf("%s; that is the plugin's own limit: raise its server's largest message to %d MiB, as package plugins and harness_plugin.py do", message, MaxMessageBytes>>20)
	}
	return fmt.Errorf("%s; a message is at most %d MiB: send fewer samples or rows in one call", message, MaxMessageBytes>>20)
}
