// Package wasi is the operating system that a sandboxed interpreter sees: the functions of wasi_snapshot_preview1 over a virtual
// clock, seeded entropy, a read-only file tree in memory and capped output.
//
// Nothing of the host shows through: no file, no environment, no argument, no time, no socket. Everything a guest can observe is
// a function of what it did before. The package keeps no budget of its own but for sleep and output; whoever runs the guest
// passes Limits and hears of their end through the panics ErrBlocked and ErrOutput, which wazero turns into call errors.
package wasi

import (
	"fmt"
	"path"
	"slices"
)

// Files is a read-only tree of files, shared by any number of hosts.
type Files struct {
	content map[string][]byte
	dirs    map[string][]string
}

// NewFiles makes a tree of the given absolute paths. The contents are kept, not copied.
func NewFiles(content map[string][]byte) (*Files, error) {
	f := &Files{content: content, dirs: map[string][]string{"/": nil}}
	for p := range content {
		if !path.IsAbs(p) || path.Clean(p) != p || p == "/" {
			return nil, fmt.Errorf("file tree: %q is not a clean absolute path", p)
		}
		for child := p; child != "/"; {
			dir := path.Dir(child)
			_, known := f.dirs[dir]
			if child == p || !slices.Contains(f.dirs[dir], path.Base(child)) {
				f.dirs[dir] = append(f.dirs[dir], path.Base(child))
			}
			if known {
				break
			}
			child = dir
		}
	}
	for p, names := range f.dirs {
		if _, both := content[p]; both {
			return nil, fmt.Errorf("file tree: %q is both a file and a folder", p)
		}
		slices.Sort(names)
	}
	return f, nil
}

// Paths returns the paths of all files, sorted.
func (f *Files) Paths() []string {
	out := make([]string, 0, len(f.content))
	for p := range f.content {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// File returns the content of a file.
func (f *Files) File(p string) ([]byte, bool) {
	b, ok := f.content[p]
	return b, ok
}
