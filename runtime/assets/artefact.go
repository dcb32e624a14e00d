package assets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
)

// Artefact is a third-party thing pinned by version and sha256, or something built from such things.
type Artefact struct {
	Name, Version, Licence, Purpose string

	// Size and SHA256 describe the fetched file; both are zero where nothing is fetched. Sources are tried in order
	// until one gives the file with that sha256.
	Size    int64 // bytes
	SHA256  string
	Sources []Source

	// File is the name of the one file that Path returns: required where there is no Build, and for a Build the
	// file below its Out, if its users want that file and not the folder.
	File string

	// Room is how many bytes Build's scratch and output need at most, beside the fetched file.
	Room int64

	// Needs names the artefacts whose paths Build reads.
	Needs []string
	// Key identifies the recipe: another Key makes another entry. The sha256 of the recipe's text will do.
	Key string
	// Optional artefacts are fetched only by name.
	Optional bool
	// Build fills b.Out. Nil: the fetched file itself is the artefact.
	Build func(ctx context.Context, b *Build) error
}

// Build is what a recipe works with. It is valid until Artefact.Build returns.
type Build struct {
	Inputs  map[string]string // name → path of each artefact in Needs
	Fetched string            // path of the artefact's own fetched file, "" without Sources; removed once Build has succeeded
	Out     string            // empty folder to fill; renamed into place when Build returns nil
	Work    string            // empty scratch folder, removed afterwards; the same path on every run with one cache
	Log     io.Writer         // output of the tools: its end is part of the error when Build fails, all of it is kept beside the entry
	Stage   func(text string) // what is going on, for the progress display

	lock *lock
}

// id names the entry of a in the cache. Everything that can change its content is part of it.
func (a Artefact) id(needs []string) string {
	h := sha256.New()
	for _, part := range append([]string{a.Name, a.Version, a.SHA256, a.File, a.Key}, needs...) {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return a.Version + "-" + hex.EncodeToString(h.Sum(nil))[:12]
}

var (
	goodName    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	goodVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+~_-]*$`)
	goodSHA256  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// check refuses a manifest entry that could not work. The name and the version become parts of a path.
func (a Artefact) check() error {
	switch {
	case !goodName.MatchString(a.Name):
		return fmt.Errorf("assets: artefact name %q: use small letters, digits and dashes", a.Name)
	case !goodVersion.MatchString(a.Version):
		return fmt.Errorf("assets: %s: version %q: use letters, digits and .+~_-", a.Name, a.Version)
	case a.Licence == "":
		return fmt.Errorf("assets: %s: no licence given", a.Name)
	case len(a.Sources) == 0 && a.Build == nil:
		return fmt.Errorf("assets: %s: neither a source nor a build", a.Name)
	case len(a.Sources) > 0 && (a.Size <= 0 || !goodSHA256.MatchString(a.SHA256)):
		return fmt.Errorf("assets: %s: a fetched file needs its size and its sha256 (64 small hex digits)", a.Name)
	case a.Build == nil && (a.File == "" || filepath.Base(a.File) != a.File):
		return fmt.Errorf("assets: %s: a fetched file needs a plain name, not %q", a.Name, a.File)
	case a.File != "" && !filepath.IsLocal(a.File):
		return fmt.Errorf("assets: %s: file %q leaves its folder", a.Name, a.File)
	case a.Build == nil && len(a.Needs) > 0:
		return fmt.Errorf("assets: %s: only a build can need other artefacts", a.Name)
	case slices.Contains(a.Needs, a.Name):
		return fmt.Errorf("assets: %s: needs itself", a.Name)
	}
	return nil
}
