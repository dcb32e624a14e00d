package assets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// stamp is what a finished entry held when it was made.
type stamp struct {
	Name    string        `json:"name"`
	Version string        `json:"version"`
	SHA256  string        `json:"sha256,omitempty"` // of the fetched file, which may be gone
	Made    time.Time     `json:"made"`
	Took    float64       `json:"seconds"`
	Files   []stampedFile `json:"files"` // by path
}

// stampedFile is a regular file of an entry, or a symbolic link with its Target.
type stampedFile struct {
	Path   string `json:"path"` // slash-separated, below the entry
	Size   int64  `json:"size"`
	Time   int64  `json:"mtime_ns"` // nanoseconds since 1970
	SHA256 string `json:"sha256,omitempty"`
	Exec   bool   `json:"exec,omitempty"`
	Target string `json:"target,omitempty"`
}

// alwaysHashed is the size up to which an entry is hashed on every use: 8 MiB take about 5 ms.
const alwaysHashed = 8 << 20

// maxDiffer bounds the files that a DamagedError names.
const maxDiffer = 3

// digest identifies the content of an entry: paths, modes and bytes, not times.
func (s *stamp) digest() string {
	h := sha256.New()
	for _, f := range s.Files {
		fmt.Fprintf(h, "%q %t %s %q\n", f.Path, f.Exec, f.SHA256, f.Target)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (s *stamp) bytes() (n int64) {
	for _, f := range s.Files {
		n += f.Size
	}
	return n
}

// take lists the files below dir without hashing them, sorted by path.
func take(dir string) ([]stampedFile, error) {
	var files []stampedFile
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := stampedFile{Path: filepath.ToSlash(rel)}
		switch {
		case info.Mode().IsRegular():
			f.Size, f.Time, f.Exec = info.Size(), info.ModTime().UnixNano(), info.Mode()&0o111 != 0
		case info.Mode()&fs.ModeSymlink != 0:
			if f.Target, err = os.Readlink(p); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s is neither a file nor a link (%s)", rel, info.Mode())
		}
		files = append(files, f)
		return nil
	})
	slices.SortFunc(files, func(a, b stampedFile) int { return strings.Compare(a.Path, b.Path) })
	return files, err
}

// hash fills in the sha256 of f below dir.
func (f *stampedFile) hash(dir string) error {
	if f.Target != "" {
		return nil
	}
	sum, err := hashFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
	f.SHA256 = sum
	return err
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// decodeStamp reads a stamp; the folder it lies in is writable by other programs, so its paths are not trusted.
func decodeStamp(b []byte) (*stamp, error) {
	var s stamp
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("read the stamp: %w", err)
	}
	for i, f := range s.Files {
		switch {
		case !filepath.IsLocal(filepath.FromSlash(f.Path)):
			return nil, fmt.Errorf("read the stamp: path %q leaves the entry", f.Path)
		case i > 0 && s.Files[i-1].Path >= f.Path:
			return nil, fmt.Errorf("read the stamp: path %q is out of order", f.Path)
		case f.Target == "" && !goodSHA256.MatchString(f.SHA256):
			return nil, fmt.Errorf("read the stamp: path %q has no sha256", f.Path)
		}
	}
	if len(s.Files) == 0 {
		return nil, errors.New("read the stamp: it lists no file")
	}
	return &s, nil
}

func (c *Cache) readStamp(a Artefact) (*stamp, error) {
	b, err := os.ReadFile(c.entry(a) + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errMissing
	}
	if err != nil {
		return nil, c.wrap(a, fmt.Errorf("read the stamp: %w", err))
	}
	s, err := decodeStamp(b)
	if err != nil {
		return nil, &DamagedError{Name: a.Name, Entry: c.entry(a), Differ: []string{err.Error()}}
	}
	return s, nil
}

// writeStamp puts s in place atomically.
func (c *Cache) writeStamp(a Artefact, s *stamp) error {
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return writeAtomically(c.entry(a)+".json", append(b, '\n'))
}

// writeAtomically writes a file that readers see whole or not at all.
func writeAtomically(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = io.Copy(f, bytes.NewReader(b))
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// examine compares the entry of a with its stamp: errMissing, a DamagedError, or nil. It hashes every file if full,
// else only small entries and files whose time changed: a cache that was copied or restored stays good.
func (c *Cache) examine(ctx context.Context, a Artefact, full bool) error {
	s, err := c.readStamp(a)
	if err != nil {
		return err
	}
	dir := c.entry(a)
	found, err := take(dir)
	damage := &DamagedError{Name: a.Name, Entry: dir}
	if err != nil {
		damage.add(err.Error())
		return damage
	}
	full = full || s.bytes() <= alwaysHashed
	touched := false
	i, j := 0, 0
	for i < len(s.Files) || j < len(found) {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case j == len(found) || i < len(s.Files) && s.Files[i].Path < found[j].Path:
			damage.add(s.Files[i].Path + " is gone")
			i++
			continue
		case i == len(s.Files) || found[j].Path < s.Files[i].Path:
			damage.add(found[j].Path + " was added")
			j++
			continue
		}
		want, got := s.Files[i], &found[j]
		i++
		j++
		switch {
		case want.Size != got.Size:
			damage.add(fmt.Sprintf("%s has %d bytes, not %d", want.Path, got.Size, want.Size))
			continue
		case want.Target != got.Target || want.Exec != got.Exec:
			damage.add(want.Path + " has another mode or target")
			continue
		}
		if !full && want.Time == got.Time {
			got.SHA256 = want.SHA256
			continue
		}
		touched = touched || want.Time != got.Time
		if err := got.hash(dir); err != nil {
			damage.add(err.Error())
		} else if got.SHA256 != want.SHA256 {
			damage.add(fmt.Sprintf("%s has sha256 %s, not %s", want.Path, got.SHA256, want.SHA256))
		}
	}
	if len(damage.Differ) > 0 {
		return damage
	}
	if touched {
		// Only the times differ. Saying so saves the next reader the hashing; a cache that cannot be written works too.
		s.Files = found
		_ = c.writeStamp(a, s)
	}
	return nil
}

func (e *DamagedError) add(text string) {
	if len(e.Differ) < maxDiffer {
		e.Differ = append(e.Differ, text)
	} else {
		e.More++
	}
}
