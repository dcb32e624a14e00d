//go:build race

package confine

// raceDetector is whether this program is built with -race, whose own runtime makes calls and takes memory that a confined Go program
// does without.
const raceDetector = true
