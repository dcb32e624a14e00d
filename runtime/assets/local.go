package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Local takes a file from a folder of data sets that the user already has: $Env, or Beside next to the checkout that
// the working folder is in. A file there that is another version is passed over, not used.
type Local struct {
	Env    string // name of the variable with the folder
	Beside string // default folder, relative to the folder of go.mod
	File   string
}

func (s Local) String() string { return "$" + s.Env + "/" + s.File }

// Fetch implements Source.
func (s Local) Fetch(_ context.Context, r *Request) error {
	dir := os.Getenv(s.Env)
	if dir == "" {
		root, err := moduleRoot()
		if err != nil {
			return fmt.Errorf("%s is not set and %w", s.Env, err)
		}
		dir = filepath.Join(root, filepath.FromSlash(s.Beside))
	}
	in, err := os.Open(filepath.Join(dir, s.File))
	if err != nil {
		return err
	}
	defer in.Close()
	// Hash before copying: a wrong file must not take the place of a download that another source can continue.
	if err := matches(in.Name(), r.Size, r.SHA256); err != nil {
		return err
	}
	tmp := filepath.Join(r.Work, "copy")
	out, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, r.Path)
}

// moduleRoot is the nearest folder at or above the working folder that has a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("the working folder is in no checkout")
		}
		dir = up
	}
}
