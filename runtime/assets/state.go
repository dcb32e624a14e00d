package assets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// State is how an artefact lies in the cache.
type State string

// States. A partial artefact has a download that the next fetch continues.
const (
	Ready   State = "ready"
	Missing State = "missing"
	Partial State = "partial"
	Damaged State = "damaged"
)

// Status is what Cache.Status found.
type Status struct {
	State  State
	Path   string // what Path returns once the artefact is ready
	Bytes  int64  // on disk: the entry's, or the download's so far
	Digest string // sha256 over the entry's paths, modes and contents; "" unless ready
	Log    string // what the tools printed; "" if the artefact was never made
	Err    error  // why it is damaged
}

// Status examines the artefact called name as Path does, but makes nothing.
func (c *Cache) Status(ctx context.Context, name string) (Status, error) {
	a, err := c.find(name)
	if err != nil {
		return Status{}, err
	}
	st := Status{Path: c.path(a)}
	if log := c.entry(a) + ".log"; exists(log) {
		st.Log = log
	}
	err = c.examine(ctx, a, false)
	var damaged *DamagedError
	switch {
	case err == nil:
		s, err := c.readStamp(a)
		if err != nil {
			return st, err
		}
		st.State, st.Bytes, st.Digest = Ready, s.bytes(), s.digest()
	case errors.Is(err, errMissing):
		st.State = Missing
		for _, src := range a.Sources {
			_, sum := a.pin(src)
			if info, err := os.Stat(filepath.Join(c.dir, "fetched", sum)); err == nil {
				st.State, st.Bytes = Partial, info.Size()
			}
		}
	case errors.As(err, &damaged):
		st.State, st.Err = Damaged, err
	default:
		return st, err
	}
	return st, nil
}

// Verify hashes every file of the artefact called name. A missing artefact is an error.
func (c *Cache) Verify(ctx context.Context, name string) error {
	a, err := c.find(name)
	if err != nil {
		return err
	}
	return c.wrap(a, c.examine(ctx, a, true))
}

// Prune removes what belongs to no artefact of the manifest, such as the entries of other versions, and returns the
// bytes that it freed. Another checkout that uses the same cache has to make its entries anew.
func (c *Cache) Prune(ctx context.Context) (freed int64, err error) {
	keep := map[string]bool{}
	for _, a := range c.list {
		for _, ext := range []string{"", ".json", ".log"} {
			keep[c.entry(a)+ext] = true
		}
		for _, s := range a.Sources {
			_, sum := a.pin(s)
			keep[filepath.Join(c.dir, "fetched", sum)] = true
		}
	}
	names, err := filepath.Glob(filepath.Join(c.dir, "store", "*"))
	if err != nil {
		return 0, err
	}
	for _, dir := range names {
		n, err := c.pruneEntries(ctx, dir, keep)
		freed += n
		if err != nil {
			return freed, fmt.Errorf("assets: prune %s: %w", filepath.Base(dir), err)
		}
	}
	n, err := sweep(ctx, filepath.Join(c.dir, "fetched"), keep)
	if err != nil {
		err = fmt.Errorf("assets: prune downloads: %w", err)
	}
	return freed + n, err
}

// pruneEntries sweeps the entries of one artefact, which nobody makes meanwhile.
func (c *Cache) pruneEntries(ctx context.Context, dir string, keep map[string]bool) (int64, error) {
	l, err := acquire(ctx, filepath.Join(c.dir, "locks", filepath.Base(dir)), func(string) {})
	if err != nil {
		return 0, err
	}
	defer l.release()
	return sweep(ctx, dir, keep)
}

// sweep removes what lies in dir and is not kept. Stamps go before their entries: an entry without one is unfinished.
func sweep(ctx context.Context, dir string, keep map[string]bool) (freed int64, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return 0, err
	}
	slices.SortFunc(paths, func(a, b string) int { return cmp.Compare(stampRank(a), stampRank(b)) })
	for _, p := range paths {
		if keep[p] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return freed, err
		}
		n, err := weigh(p)
		if err == nil {
			err = os.RemoveAll(p)
		}
		if err != nil {
			return freed, err
		}
		freed += n
	}
	return freed, nil
}

func stampRank(path string) int {
	if filepath.Ext(path) == ".json" {
		return 0
	}
	return 1
}

// weigh sums the sizes of the files at or below p.
func weigh(p string) (n int64, err error) {
	err = filepath.WalkDir(p, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return err
	})
	return n, err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
