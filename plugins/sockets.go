package plugins

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// socketFolder begins the name of the folder in which a plugin listens.
const socketFolder = "harness-plugin-"

// socketAge is how old a folder must be before it is taken for left behind: the plugin of a young one may be about to listen.
const socketAge = 10 * time.Minute

// sweepSockets removes the folders that killed processes left in dir: those in which nobody listens any more. One that
// cannot be read is somebody else's.
func sweepSockets(dir string) {
	folders, err := filepath.Glob(filepath.Join(dir, socketFolder+"*"))
	if err != nil {
		return
	}
	for _, folder := range folders {
		info, err := os.Lstat(folder)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < socketAge || listens(folder) {
			continue
		}
		_ = os.RemoveAll(folder) // what stays is tried again by the next
	}
}

// listens says whether a socket in the folder is answered, or may be.
func listens(folder string) bool {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return true
	}
	for _, e := range entries {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: filepath.Join(folder, e.Name()), Net: "unix"})
		if err == nil {
			_ = conn.Close()
			return true
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return true
		}
	}
	return false
}
