//go:build !linux || !(amd64 || arm64)

package confine

import (
	"fmt"
	"runtime"
)

// Available says why Enter cannot work here.
func Available() error {
	return fmt.Errorf("%w: it needs Linux on x86-64 or arm64, and this is %s/%s", ErrUnavailable, runtime.GOOS, runtime.GOARCH)
}

// CloseInherited fails as Enter does.
func CloseInherited() error { return Available() }

// Enter fails: there is no wall here.
func Enter(Limits) error { return Available() }
