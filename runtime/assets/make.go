package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// make fetches and builds a into its entry. The caller holds l, and the entry does not exist.
func (c *Cache) make(ctx context.Context, a Artefact, l *lock, job Job) error {
	began := time.Now()
	work := filepath.Join(c.dir, "work", a.Name)
	if err := os.RemoveAll(work); err != nil { // of a process that was killed: its lock is ours now
		return c.wrap(a, fmt.Errorf("clear the scratch folder: %w", err))
	}
	defer os.RemoveAll(work)
	for _, dir := range []string{filepath.Join(work, "out"), filepath.Join(work, "tmp"), filepath.Join(c.dir, "fetched"), filepath.Dir(c.entry(a))} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return c.wrap(a, err)
		}
	}
	log, err := os.Create(c.entry(a) + ".log")
	if err != nil {
		return c.wrap(a, err)
	}
	defer log.Close()

	var inputs map[string]string
	var fetched string
	var g errgroup.Group // not cancelled by the first error: what has come so far of a download is worth having whole
	g.Go(func() (err error) {
		inputs, err = c.inputs(ctx, a)
		return err
	})
	g.Go(func() (err error) {
		if len(a.Sources) > 0 {
			fetched, err = c.fetch(ctx, a, l, job, log)
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return c.wrap(a, err)
	}
	out := filepath.Join(work, "out")
	if a.Build == nil {
		err = os.Rename(fetched, filepath.Join(out, a.File))
	} else {
		err = c.build(ctx, a, &Build{
			Inputs: inputs, Fetched: fetched, Out: out, Work: filepath.Join(work, "tmp"), Log: log, Stage: job.Stage, lock: l,
		})
	}
	if err == nil {
		err = c.commit(a, out, began)
	}
	if err != nil {
		return c.wrap(a, err)
	}
	if fetched != "" && a.Build != nil {
		_ = os.Remove(fetched) // the entry is complete without it; what stays only takes room
	}
	return nil
}

// inputs obtains what a needs.
func (c *Cache) inputs(ctx context.Context, a Artefact) (map[string]string, error) {
	paths := make([]string, len(a.Needs))
	var g errgroup.Group
	for i, n := range a.Needs {
		g.Go(func() error {
			need, err := c.find(n)
			if err == nil {
				err = c.renew(ctx, need)
			}
			paths[i] = c.path(need)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	inputs := map[string]string{}
	for i, n := range a.Needs {
		inputs[n] = paths[i]
	}
	return inputs, nil
}

// build runs a's recipe.
func (c *Cache) build(ctx context.Context, a Artefact, b *Build) error {
	if err := c.room(a.Room); err != nil {
		return err
	}
	if err := a.Build(ctx, b); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("build: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(b.Out, a.File)); err != nil {
		return fmt.Errorf("build: the recipe made no %s", a.File)
	}
	return nil
}

// commit hashes what lies in out, makes its files read-only, and puts it and its stamp in place.
func (c *Cache) commit(a Artefact, out string, began time.Time) error {
	files, err := take(out)
	if err != nil {
		return fmt.Errorf("list the result: %w", err)
	}
	if len(files) == 0 {
		return errors.New("the result is empty")
	}
	for i := range files {
		if err := files[i].hash(out); err != nil {
			return fmt.Errorf("hash the result: %w", err)
		}
		if files[i].Target == "" {
			mode := fs.FileMode(0o444)
			if files[i].Exec {
				mode = 0o555
			}
			if err := os.Chmod(filepath.Join(out, filepath.FromSlash(files[i].Path)), mode); err != nil {
				return fmt.Errorf("protect the result: %w", err)
			}
		}
	}
	if err := os.RemoveAll(c.entry(a)); err != nil { // without a stamp: of a process killed between the next two steps
		return fmt.Errorf("clear the place of the entry: %w", err)
	}
	if err := os.Rename(out, c.entry(a)); err != nil {
		return fmt.Errorf("put the entry in place: %w", err)
	}
	s := &stamp{Name: a.Name, Version: a.Version, SHA256: a.SHA256, Made: time.Now().UTC().Truncate(time.Second), Took: time.Since(began).Seconds(), Files: files}
	if err := c.writeStamp(a, s); err != nil {
		return fmt.Errorf("write the stamp: %w", err)
	}
	return nil
}

// fetch tries the sources of a in order and returns the path of the file that has the right sha256.
func (c *Cache) fetch(ctx context.Context, a Artefact, l *lock, job Job, log io.Writer) (string, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	var errs []error
	for _, s := range a.Sources {
		size, sum := a.pin(s)
		path := filepath.Join(c.dir, "fetched", sum)
		if matches(path, size, sum) == nil { // finished by a process that was killed before its build
			return path, nil
		}
		err := c.attempt(ctx, a, s, path, l, job, log)
		if err == nil {
			return path, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		errs = append(errs, fmt.Errorf("%s: %w", s, err))
	}
	return "", &sourcesError{errs}
}

// attempt tries one source. A file that was continued from an earlier attempt and turns out wrong is fetched anew once.
func (c *Cache) attempt(ctx context.Context, a Artefact, s Source, path string, l *lock, job Job, log io.Writer) error {
	size, sum := a.pin(s)
	for {
		have := int64(0)
		if info, err := os.Stat(path); err == nil {
			have = info.Size()
		}
		if err := c.room(max(0, size-have) + a.Room); err != nil {
			return err
		}
		work := filepath.Join(c.dir, "work", a.Name, "source")
		if err := os.MkdirAll(work, 0o755); err != nil {
			return err
		}
		job.Stage(s.String())
		err := s.Fetch(ctx, &Request{
			Name: a.Name, Path: path, Work: work, Size: size, SHA256: sum, Log: log, lock: l,
			Report: func(n int64) { job.Bytes(n, size) },
		})
		_ = os.RemoveAll(work) // swept again with the folder above it
		if err != nil {
			return err
		}
		if err = matches(path, size, sum); err == nil {
			return nil
		}
		if rerr := os.Remove(path); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			return rerr
		}
		if have == 0 {
			return err
		}
	}
}

// matches says whether the file at path is the pinned one.
func matches(path string, size int64, sum string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() != size {
		return fmt.Errorf("got %d bytes where %d were pinned", info.Size(), size)
	}
	got, err := hashFile(path)
	if err != nil {
		return err
	}
	if got != sum {
		return fmt.Errorf("got a file with sha256 %s where %s was pinned: it is damaged or was replaced", got, sum)
	}
	return nil
}
