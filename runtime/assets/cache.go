package assets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Cache is the folder of fetched and built artefacts:
//
//	store/NAME/VERSION-ID/      the finished entry, exactly what Build left in Out (or the fetched file)
//	store/NAME/VERSION-ID.json  its stamp: without one the entry is unfinished
//	store/NAME/VERSION-ID.log   what the tools printed
//	fetched/SHA256              a download: under way, or finished and waiting for its build
//	work/NAME/                  scratch of the process that holds locks/NAME
//
// ID is a hash of everything in the manifest that can change the content, so entries of several versions of the
// harness lie beside one another. A Cache may be used by several goroutines, and a folder by several processes.
type Cache struct {
	dir      string
	progress Progress
	list     []Artefact
	index    map[string]int
	ids      map[string]string
	slots    chan struct{}            // limits downloads under way
	turns    map[string]chan struct{} // one goroutine of this process per artefact
}

// downloads is how many files are fetched at once: a few connections fill a line, more only compete.
const downloads = 4

// Dir is the default folder of the cache: $HARNESS_CACHE, or "harness" in the user's cache folder.
func Dir() (string, error) {
	if dir := os.Getenv("HARNESS_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("assets: no user cache folder: %w; set HARNESS_CACHE to a folder with 4 GB of room", err)
	}
	return filepath.Join(base, "harness"), nil
}

// Open checks the manifest list and returns a cache in dir ("" is Dir()). It touches nothing on disk. A nil p is silent.
func Open(dir string, p Progress, list ...Artefact) (*Cache, error) {
	if dir == "" {
		d, err := Dir()
		if err != nil {
			return nil, err
		}
		dir = d
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("assets: cache folder: %w", err)
	}
	if p == nil {
		p = silent{}
	}
	c := &Cache{
		dir: dir, progress: p, list: slices.Clone(list), index: map[string]int{}, ids: map[string]string{},
		slots: make(chan struct{}, downloads), turns: map[string]chan struct{}{},
	}
	for i, a := range list {
		if err := a.check(); err != nil {
			return nil, err
		}
		if _, twice := c.index[a.Name]; twice {
			return nil, fmt.Errorf("assets: %s stands twice in the manifest", a.Name)
		}
		c.index[a.Name] = i
		c.turns[a.Name] = make(chan struct{}, 1)
	}
	for _, a := range list {
		if _, err := c.identify(a, nil); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// identify computes the id of a after those of its needs; path holds the names on the way to it.
func (c *Cache) identify(a Artefact, path []string) (string, error) {
	if id, ok := c.ids[a.Name]; ok {
		return id, nil
	}
	if slices.Contains(path, a.Name) {
		return "", fmt.Errorf("assets: %s needs itself: %s", a.Name, strings.Join(append(path, a.Name), " → "))
	}
	var needs []string
	for _, n := range a.Needs {
		i, ok := c.index[n]
		if !ok {
			return "", fmt.Errorf("assets: %s needs %q, which is not in the manifest", a.Name, n)
		}
		id, err := c.identify(c.list[i], append(path, a.Name))
		if err != nil {
			return "", err
		}
		needs = append(needs, n+" "+id)
	}
	id := a.id(needs)
	c.ids[a.Name] = id
	return id, nil
}

// Folder is where the cache lies.
func (c *Cache) Folder() string { return c.dir }

// List returns the manifest in its order.
func (c *Cache) List() []Artefact { return slices.Clone(c.list) }

// find returns the artefact called name.
func (c *Cache) find(name string) (Artefact, error) {
	if i, ok := c.index[name]; ok {
		return c.list[i], nil
	}
	unknown := &UnknownError{Name: name}
	for _, a := range c.list {
		unknown.Known = append(unknown.Known, a.Name)
	}
	return Artefact{}, unknown
}

func (c *Cache) entry(a Artefact) string {
	return filepath.Join(c.dir, "store", a.Name, c.ids[a.Name])
}

func (c *Cache) path(a Artefact) string { return filepath.Join(c.entry(a), a.File) }

// Path returns the file or folder of the artefact called name, after fetching or building it and what it needs if they
// are not there, and after checking the entry's files against its stamp. A damaged entry is an error, not silently
// replaced: Fetch replaces it.
func (c *Cache) Path(ctx context.Context, name string) (string, error) {
	a, err := c.find(name)
	if err != nil {
		return "", err
	}
	err = c.examine(ctx, a, false)
	if errors.Is(err, errMissing) {
		err = c.obtain(ctx, a)
	}
	if err != nil {
		return "", err
	}
	return c.path(a), nil
}

// Fetch is Path for several artefacts at once, downloads beside builds; damaged entries are replaced. No names means
// every artefact that is not optional. All that can be had is had before the errors are returned.
func (c *Cache) Fetch(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		for _, a := range c.list {
			if !a.Optional {
				names = append(names, a.Name)
			}
		}
	}
	var list []Artefact
	for _, n := range names {
		a, err := c.find(n)
		if err != nil {
			return err
		}
		list = append(list, a)
	}
	errs := make([]error, len(list))
	var g errgroup.Group
	for i, a := range list {
		g.Go(func() error {
			errs[i] = c.renew(ctx, a)
			return nil
		})
	}
	_ = g.Wait() // the functions return nil: each error has its place in errs
	return errors.Join(unique(errs)...)
}

// unique drops errors that say the same: two artefacts may fail for want of a third.
func unique(errs []error) []error {
	var out []error
	for _, e := range errs {
		if e != nil && !slices.ContainsFunc(out, func(o error) bool { return o.Error() == e.Error() }) {
			out = append(out, e)
		}
	}
	return out
}

// renew obtains a unless a sound entry is there.
func (c *Cache) renew(ctx context.Context, a Artefact) error {
	err := c.examine(ctx, a, false)
	var damaged *DamagedError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errMissing), errors.As(err, &damaged):
		return c.obtain(ctx, a)
	default:
		return err
	}
}

// obtain makes the entry of a under its lock, unless another process has meanwhile.
func (c *Cache) obtain(ctx context.Context, a Artefact) (err error) {
	select {
	case c.turns[a.Name] <- struct{}{}:
		defer func() { <-c.turns[a.Name] }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var job Job
	begin := func() Job { // nothing is shown for an entry that turns out to be there
		if job == nil {
			job = c.progress.Begin(a.Name)
		}
		return job
	}
	defer func() {
		if job != nil {
			job.End(err)
		}
	}()
	l, err := acquire(ctx, filepath.Join(c.dir, "locks", a.Name), func(pid string) {
		begin().Stage("waiting for process " + pid + " or a tool it started, which is making it")
	})
	if err != nil {
		return c.wrap(a, err)
	}
	defer l.release()

	var damaged *DamagedError
	switch err := c.examine(ctx, a, false); {
	case err == nil:
		return nil
	case errors.As(err, &damaged):
		if err := c.remove(a); err != nil {
			return c.wrap(a, err)
		}
	case !errors.Is(err, errMissing):
		return err
	}
	begin()
	return c.make(ctx, a, l, job)
}

// remove takes the entry of a out of the cache: the stamp first, since an entry without one counts as unfinished.
func (c *Cache) remove(a Artefact) error {
	if err := os.Remove(c.entry(a) + ".json"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the stamp: %w", err)
	}
	if err := os.RemoveAll(c.entry(a)); err != nil {
		return fmt.Errorf("remove the old entry: %w", err)
	}
	return nil
}
