package assets

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// Free is the number of bytes that an ordinary user can still write to the disk of dir.
func Free(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, fmt.Errorf("measure the disk of %s: %w", dir, err)
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, fmt.Errorf("measure the disk of %s: %w", dir, err)
	}
	return int64(min(free, 1<<63-1)), nil
}
