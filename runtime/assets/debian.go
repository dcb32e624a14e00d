package assets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Debian gets the upstream tarball of a Debian source package with apt-get. It reads the address of the archive from
// the machine's own apt sources and works in a private apt configuration: no root, no change to the system. Each
// package has a configuration of its own, since apt takes the newest version of all suites it knows.
type Debian struct{ Package, Suite string }

func (s Debian) String() string { return "Debian source " + s.Package + " (" + s.Suite + ")" }

// Fetch implements Source.
func (s Debian) Fetch(ctx context.Context, r *Request) error {
	archives, err := DebianArchives()
	if err != nil {
		return err
	}
	if len(archives) == 0 {
		return errors.New("the machine's apt sources name no Debian archive")
	}
	var errs []error
	for i, uri := range archives {
		err := s.from(ctx, r, uri, filepath.Join(r.Work, fmt.Sprint(i)))
		if err == nil || ctx.Err() != nil {
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s Debian) from(ctx context.Context, r *Request, uri, work string) error {
	lists, cache, out := filepath.Join(work, "lists"), filepath.Join(work, "cache"), filepath.Join(work, "out")
	for _, dir := range []string{filepath.Join(lists, "partial"), filepath.Join(cache, "archives", "partial"), out} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	// trusted: the archive's key need not be on this machine, and the pinned sha256 says more than a signature.
	list := filepath.Join(work, "sources.list")
	if err := os.WriteFile(list, fmt.Appendf(nil, "deb-src [trusted=yes] %s %s main\n", uri, s.Suite), 0o644); err != nil {
		return err
	}
	apt := func(args ...string) error {
		return r.Run(ctx, out, []string{"LC_ALL=C", "APT_CONFIG="}, "apt-get", append([]string{
			"--quiet=2",
			"-o", "Dir::Etc::sourcelist=" + list, "-o", "Dir::Etc::sourceparts=-", "-o", "Dir::Etc::preferencesparts=-",
			"-o", "Dir::State::Lists=" + lists, "-o", "Dir::Cache=" + cache,
			// root's apt downloads as another user, who may not be able to enter the cache
			"-o", "APT::Sandbox::User=", "-o", "APT::Update::Post-Invoke::=", "-o", "Acquire::Retries=3", "-o", "Acquire::http::Timeout=30",
		}, args...)...)
	}
	if err := apt("update"); err != nil {
		return err
	}
	stop := watch(out, r.Report)
	err := apt("source", "--download-only", "--tar-only", s.Package)
	stop()
	if err != nil {
		return err
	}
	return takeOnly(out, "*.orig.tar.*z", r.Path)
}
