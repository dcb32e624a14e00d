package engine

import (
	"fmt"
	"os"
	"syscall"
)

// SleepWhileWaiting makes OpenMP's workers sleep between products instead of spinning. Spinning saves microseconds on an idle machine;
// where other work wants the cores, each product waits for a worker that waits for its core: 250 steps of a tiny model
// took 11 s sleeping and over 120 s spinning. OpenMP reads the choice from the environment when it is loaded, before main:
// call this first in main, and the process replaces itself once. A choice that is there already stands.
func SleepWhileWaiting() error {
	for _, name := range []string{"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} {
		if _, set := os.LookupEnv(name); set {
			return nil
		}
	}
	exe, err := os.Executable()
	if err == nil {
		err = syscall.Exec(exe, os.Args, append(os.Environ(), "GOMP_SPINCOUNT=0")) //nolint:gosec // the very program and arguments that run already
	}
	return fmt.Errorf("engine: restart with GOMP_SPINCOUNT=0: %w", err)
}
