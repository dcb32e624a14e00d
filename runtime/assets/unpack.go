package assets

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/ulikunitz/xz"
)

// Pick chooses what is unpacked: it gets the slash-separated name of an archive's file and returns the path to give it
// below the destination, or "" to leave it out. A nil Pick takes everything under its own name.
type Pick func(name string) string

// Unzip unpacks a zip file (a wheel) into the existing folder dst. Files keep their execute bits. A name that leaves
// dst, and anything that is not a file or a folder, is an error.
func Unzip(ctx context.Context, archive, dst string, pick Pick) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(archive), err)
	}
	defer z.Close()
	w, err := newUnpacker(ctx, dst, pick)
	if err != nil {
		return err
	}
	defer w.root.Close()
	for _, f := range z.File {
		if err := w.zipped(f); err != nil {
			return fmt.Errorf("unpack %s: %s: %w", filepath.Base(archive), f.Name, err)
		}
	}
	return nil
}

// Untar unpacks a tar file, plain or packed with gzip or xz, into the existing folder dst. Files keep their times (make
// compares them) and their execute bits; symbolic links are kept if they point to something inside dst.
func Untar(ctx context.Context, archive, dst string, pick Pick) error {
	f, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	defer f.Close()
	r, err := decompress(f)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(archive), err)
	}
	w, err := newUnpacker(ctx, dst, pick)
	if err != nil {
		return err
	}
	defer w.root.Close()
	var end ending
	tee := io.TeeReader(r, &end)
	for t := tar.NewReader(tee); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			if _, err = io.Copy(io.Discard, tee); err == nil && !end.marked() {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return fmt.Errorf("unpack %s: %w", filepath.Base(archive), err)
			}
			return nil
		}
		if err == nil {
			err = w.tarred(h, t)
		}
		if err != nil {
			name := ""
			if h != nil {
				name = h.Name + ": "
			}
			return fmt.Errorf("unpack %s: %s%w", filepath.Base(archive), name, err)
		}
	}
}

// decompress looks at the first bytes of r to tell gzip and xz from plain.
func decompress(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<20)
	magic, err := b.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		return gzip.NewReader(b)
	case bytes.Equal(magic, []byte("\xfd7zXZ\x00")):
		return xz.NewReader(b)
	default:
		return b, nil
	}
}

// ending keeps the last kilobyte of a tar file, which is zero: a file that was cut between two members, or whose packing
// was cut, looks whole to archive/tar.
type ending struct{ last []byte }

const endMark = 1024

func (e *ending) Write(p []byte) (int, error) {
	e.last = append(e.last, p[max(0, len(p)-endMark):]...)
	if extra := len(e.last) - endMark; extra > 0 {
		e.last = append(e.last[:0], e.last[extra:]...)
	}
	return len(p), nil
}

func (e *ending) marked() bool {
	return len(e.last) == endMark && !bytes.ContainsFunc(e.last, func(r rune) bool { return r != 0 })
}

// errEscapes marks a name or a link that points out of the folder.
var errEscapes = errors.New("points out of the folder that it is unpacked to")

// unpacker writes below one folder. os.Root holds it there even where an archive first makes a link and then writes
// through it; the checks on names are for the message.
type unpacker struct {
	ctx  context.Context
	root *os.Root
	pick Pick
	made map[string]bool
}

func newUnpacker(ctx context.Context, dst string, pick Pick) (*unpacker, error) {
	root, err := os.OpenRoot(dst)
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if pick == nil {
		pick = func(name string) string { return name }
	}
	return &unpacker{ctx, root, pick, map[string]bool{}}, nil
}

// place returns where name goes ("" for nowhere) and makes the folder for it.
func (w *unpacker) place(name string) (string, error) {
	if err := w.ctx.Err(); err != nil {
		return "", err
	}
	to := w.pick(name)
	if to == "" {
		return "", nil
	}
	to = filepath.FromSlash(to)
	if !filepath.IsLocal(to) {
		return "", errEscapes
	}
	to = filepath.Clean(to)
	if dir := filepath.Dir(to); !w.made[dir] {
		if err := w.root.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		w.made[dir] = true
	}
	return to, nil
}

// write makes the file at to; an archive that names a file twice is refused, as is one that replaces a link.
func (w *unpacker) write(to string, r io.Reader, executable bool) error {
	mode := fs.FileMode(0o644)
	if executable {
		mode = 0o755
	}
	f, err := w.root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (w *unpacker) zipped(f *zip.File) error {
	if f.FileInfo().IsDir() {
		return nil
	}
	to, err := w.place(f.Name)
	if err != nil || to == "" {
		return err
	}
	if !f.Mode().IsRegular() {
		return fmt.Errorf("is no file (%s)", f.Mode())
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return w.write(to, r, f.Mode()&0o111 != 0)
}

func (w *unpacker) tarred(h *tar.Header, r io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return nil
	}
	to, err := w.place(h.Name)
	if err != nil || to == "" {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg:
		if err := w.write(to, r, h.FileInfo().Mode()&0o111 != 0); err != nil {
			return err
		}
		if h.ModTime.Before(time.Unix(1, 0)) {
			return nil
		}
		return w.root.Chtimes(to, h.ModTime, h.ModTime)
	case tar.TypeSymlink:
		if path.IsAbs(h.Linkname) || !filepath.IsLocal(filepath.Join(filepath.Dir(to), filepath.FromSlash(h.Linkname))) {
			return fmt.Errorf("link to %s: %w", h.Linkname, errEscapes)
		}
		return w.root.Symlink(filepath.FromSlash(h.Linkname), to)
	default:
		return fmt.Errorf("is no file, folder or symbolic link (type %q)", h.Typeflag)
	}
}
