package wazeropatch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteModfile writes, below the folder bin of the checkout root, a go.mod and a go.sum like root's whose wazero is the folder patched,
// and returns the absolute path for go's flag -modfile. What is already so is left alone.
func WriteModfile(root, patched string) (string, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return "", fmt.Errorf("write a go.mod with %s: %w", Name, err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("write a go.mod with %s: %w", Name, err)
	}
	if !bytes.Contains(mod, []byte("\t"+Module+" "+Version+"\n")) {
		return "", fmt.Errorf("write a go.mod with %s: %s does not require %s %s, which the changes are for", Name, filepath.Join(root, "go.mod"), Module, Version)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return "", fmt.Errorf("write a go.mod with %s: %w", Name, err)
	}
	mod = fmt.Appendf(mod, "\nreplace %s => %q\n", Module, filepath.ToSlash(patched))
	file := filepath.Join(root, "bin", "wazero.mod")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", fmt.Errorf("write a go.mod with %s: %w", Name, err)
	}
	for name, b := range map[string][]byte{file: mod, filepath.Join(root, "bin", "wazero.sum"): sum} {
		if err := writeIfNew(name, b); err != nil {
			return "", fmt.Errorf("write a go.mod with %s: %w", Name, err)
		}
	}
	return file, nil
}

// writeIfNew replaces a file whole, so that a go command that runs beside it reads the old or the new.
func writeIfNew(name string, b []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, b) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
