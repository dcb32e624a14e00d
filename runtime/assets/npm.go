package assets

import (
	"context"
	"os"
	"path/filepath"
)

// NPM gets a package's tarball with npm, from whatever registry the user's npm is set up for.
type NPM struct{ Package, Version string }

func (s NPM) String() string { return "npm " + s.Package + " " + s.Version }

// Fetch implements Source.
func (s NPM) Fetch(ctx context.Context, r *Request) error {
	out := filepath.Join(r.Work, "out")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	stop := watch(r.Work, r.Report)
	env := []string{"npm_config_cache=" + filepath.Join(r.Work, "npm"), "npm_config_update_notifier=false", "npm_config_audit=false"}
	err := r.Run(ctx, out, env, "npm", "pack", "--silent", s.Package+"@"+s.Version)
	stop()
	if err != nil {
		return err
	}
	return takeOnly(out, "*.tgz", r.Path)
}
