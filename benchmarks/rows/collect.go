package rows

import (
	"errors"
	"fmt"
	"io"
)

// Collect reads all rows of r into values with ids of their own, in order; parse turns a row into one and names it by its
// field task_id. Rows that are no such thing, and those whose id was given before, are in bad, each an *Error, and do not
// stop the others; with strict the first of them is err. A file without any value is an error.
func Collect[T any](r *Reader, strict bool, parse func(*Object) (T, error)) (values []T, bad []error, err error) {
	lines := map[string]int{} // of the ids that were read
	one := func(row *Object) error {
		id, _, err := row.ID("task_id")
		if err != nil {
			return err
		}
		v, err := parse(row)
		if err != nil {
			return err
		}
		if line, ok := lines[id]; ok {
			return row.Errorf("task_id", "%s is the id of line %d already", id, line)
		}
		lines[id] = row.Line()
		values = append(values, v)
		return nil
	}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = one(row)
		}
		switch {
		case err == nil:
		case !IsRow(err) || strict:
			return nil, nil, err
		default:
			bad = append(bad, err)
		}
	}
	switch {
	case len(values) > 0:
		return values, bad, nil
	case len(bad) > 0: // the text only, not the *Error: this is not about one row
		return nil, bad, fmt.Errorf("none of the %d rows of %s is a task; the first: %s", len(bad), r.name, bad[0].Error())
	}
	return nil, nil, fmt.Errorf("%s holds no tasks; want JSON objects with a task_id, one a line or in an array", r.name)
}
