package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// removePatience is how long a folder is removed that somebody still writes into.
const removePatience = 5 * time.Second

// disk is every way in which the package changes a folder, so that a test can kill the process before, and in the middle
// of, each of them.
type disk struct {
	// before hears of a change that is about to be made; data is what a write will add. It is nil outside of tests.
	before func(op, path string, file *os.File, data []byte)
	// unsynced leaves out the waiting for the disk, for tests that kill a process and not a machine.
	unsynced bool
}

func (d disk) announce(op, path string, file *os.File, data []byte) {
	if d.before != nil {
		d.before(op, path, file, data)
	}
}

// write adds data at the end of an open file in one system call.
func (d disk) write(f *os.File, data []byte) error {
	d.announce("write", f.Name(), f, data)
	_, err := f.Write(data)
	return err
}

func (d disk) truncate(f *os.File, size int64) error {
	d.announce("truncate", f.Name(), f, nil)
	return f.Truncate(size)
}

func (d disk) mkdir(path string) error {
	d.announce("mkdir", path, nil, nil)
	return os.MkdirAll(path, 0o755)
}

// replace writes a file whole: it has the old content or the new one, whenever the process dies.
func (d disk) replace(path string, data []byte) error {
	return d.produce(path, func(f *os.File) error { return d.write(f, data) })
}

// produce is replace for content that write makes piece by piece.
func (d disk) produce(path string, write func(*os.File) error) error {
	name := path + temporary
	d.announce("create", name, nil, nil)
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = d.sync(f)
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = d.rename(name, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// rename moves a finished file or folder to its name, which must not be a folder that has something in it.
func (d disk) rename(from, to string) error {
	d.announce("rename", to, nil, nil)
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return d.syncPath(filepath.Dir(to))
}

// remove takes a folder away at once, however long deleting its files takes.
func (d disk) remove(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if !strings.HasSuffix(path, temporary) {
		gone := path + ".old" + temporary // not the name under which assemble makes its successor
		if err := d.remove(gone); err != nil {
			return err
		}
		if err := d.rename(path, gone); err != nil {
			return err
		}
		path = gone
	}
	d.announce("remove", path, nil, nil)
	// A policy whose harness was killed may live a moment longer and write on into a folder that is being removed.
	for deadline := time.Now().Add(removePatience); ; time.Sleep(20 * time.Millisecond) {
		if err := os.RemoveAll(path); !errors.Is(err, fs.ErrExist) || time.Now().After(deadline) { // of a folder: it is not empty
			return err
		}
	}
}

// assemble fills a folder through fill and gives it its name when everything in it is on the disk.
func (d disk) assemble(path string, fill func(dir string) error) error {
	name := path + temporary
	if err := d.remove(name); err != nil {
		return err
	}
	if err := fill(name); err != nil {
		return err
	}
	if err := d.syncTree(name); err != nil {
		return err
	}
	if err := d.remove(path); err != nil {
		return err
	}
	return d.rename(name, path)
}

// sweep removes what an earlier process did not finish in a folder.
func (d disk) sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), temporary) {
			if err := d.remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// sync waits until an open file is on the disk.
func (d disk) sync(f *os.File) error {
	if d.unsynced {
		return nil
	}
	return f.Sync()
}

// syncTree waits until every file and folder beneath path is on the disk.
func (d disk) syncTree(path string) error {
	return filepath.WalkDir(path, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return d.syncPath(name)
	})
}

// syncPath waits until a folder's entries, or a file's content, are on the disk.
func (d disk) syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.sync(f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}
