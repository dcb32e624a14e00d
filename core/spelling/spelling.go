// Package spelling finds what was meant where a name was mistyped. Messages about unknown flags, settings, plugins and
// benchmarks all suggest by the one rule here.
package spelling

import "github.com/agnivade/levenshtein"

// Nearest returns the name that is the fewest edits away from what was typed, the first of several, or "" where more than
// half of it would have to change.
func Nearest(typed string, names []string) string {
	best, at := "", len(typed)/2+1
	for _, n := range names {
		if d := levenshtein.ComputeDistance(typed, n); d <= at && (best == "" || d < at) {
			best, at = n, d
		}
	}
	return best
}
