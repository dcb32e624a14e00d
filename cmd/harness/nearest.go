package main

import "github.com/agnivade/levenshtein"

// nearest returns the name that is closest to what was typed, or "" where none is close.
func nearest(typed string, names []string) string {
	best, at := "", len(typed)/2+1
	for _, n := range names {
		if d := levenshtein.ComputeDistance(typed, n); d <= at && (best == "" || d < at) {
			best, at = n, d
		}
	}
	return best
}
