//go:build !race

package confine

// raceDetector is whether this program is built with -race.
const raceDetector = false
