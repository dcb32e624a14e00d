package jinja

import "fmt"

// failure carries an error up through the parser or the evaluator, as package text/template does. It never leaves the package.
type failure struct{ err error }

// fail ends parsing or rendering with an error that names the line.
func fail(line int, format string, args ...any) {
	panic(failure{fmt.Errorf("line %d: %w", line, fmt.Errorf(format, args...))})
}

// recoverFailure turns a failure into an error; anything else that was panicked with goes on.
func recoverFailure(err *error) {
	switch r := recover().(type) {
	case nil:
	case failure:
		*err = r.err
	default:
		panic(r)
	}
}
