package assets

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ulikunitz/xz"
)

// member is a file of an archive that a test makes.
type member struct {
	name, text string
	kind       byte // of tar; 0 is a file
	link       string
	mode       fs.FileMode
}

func zipped(t testing.TB, members ...member) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.zip")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		h.SetMode(m.mode)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write([]byte(m.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

var testTime = time.Date(2025, 6, 11, 12, 0, 0, 0, time.UTC)

func tarred(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		if m.kind == 0 {
			m.kind = tar.TypeReg
		}
		h := &tar.Header{Name: m.name, Size: int64(len(m.text)), Typeflag: m.kind, Linkname: m.link, Mode: int64(m.mode.Perm()), ModTime: testTime}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(m.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func packed(t testing.TB, how string, b []byte) string {
	t.Helper()
	var out bytes.Buffer
	switch how {
	case "gzip":
		w := gzip.NewWriter(&out)
		_, err := w.Write(b)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
	case "xz":
		w, err := xz.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write(b)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
	default:
		out.Write(b)
	}
	path := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// tree lists what lies below dir: files with their text, links with their target.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	files, err := take(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Path))
		if err != nil && f.Target == "" {
			t.Fatal(err)
		}
		text := f.Path + "=" + string(b)
		if f.Exec {
			text += " (executable)"
		}
		if f.Target != "" {
			text = f.Path + "→" + f.Target
		}
		out = append(out, text)
	}
	return out
}

func TestUntar(t *testing.T) {
	members := []member{
		{name: "top/", kind: tar.TypeDir},
		{name: "top/a", text: "one", mode: 0o644},
		{name: "top/bin/b", text: "two", mode: 0o755},
		{name: "top/bin/l", kind: tar.TypeSymlink, link: "../a"},
		{name: "top/skipped", text: "no"},
	}
	for _, how := range []string{"plain", "gzip", "xz"} {
		t.Run(how, func(t *testing.T) {
			dst := t.TempDir()
			err := Untar(t.Context(), packed(t, how, tarred(t, members...)), dst, func(name string) string {
				if name == "top/skipped" {
					return ""
				}
				return strings.TrimPrefix(name, "top/")
			})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := tree(t, dst), []string{"a=one", "bin/b=two (executable)", "bin/l→../a"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if info, err := os.Stat(filepath.Join(dst, "a")); err != nil || !info.ModTime().Equal(testTime) {
				t.Errorf("time %v (%v), want that of the archive", info.ModTime(), err)
			}
		})
	}
}

func TestUnzip(t *testing.T) {
	dst := t.TempDir()
	archive := zipped(t, member{name: "p/", mode: fs.ModeDir | 0o755}, member{name: "p/a", text: "one", mode: 0o644}, member{name: "p/zig", text: "two", mode: 0o755})
	if err := Unzip(t.Context(), archive, dst, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, dst), []string{"p/a=one", "p/zig=two (executable)"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestArchivesThatEscape(t *testing.T) {
	for _, tt := range []struct {
		name    string
		members []member
	}{
		{"a name with dots", []member{{name: "../evil", text: "x"}}},
		{"a name with dots inside", []member{{name: "a/../../evil", text: "x"}}},
		{"an absolute name", []member{{name: "/tmp/evil", text: "x"}}},
		{"a link upwards", []member{{name: "l", kind: tar.TypeSymlink, link: "../.."}}},
		{"an absolute link", []member{{name: "l", kind: tar.TypeSymlink, link: "/etc"}}},
		{"a link upwards from a folder", []member{{name: "a/l", kind: tar.TypeSymlink, link: "../../x"}}},
		{"a file through a link", []member{{name: "l", kind: tar.TypeSymlink, link: "l2"}, {name: "l2", kind: tar.TypeSymlink, link: ".."}, {name: "l/evil", text: "x"}}},
		{"a file in place of a link", []member{{name: "l", kind: tar.TypeSymlink, link: "l"}, {name: "l", text: "x"}}},
		{"a hard link", []member{{name: "h", kind: tar.TypeLink, link: "/etc/passwd"}}},
		{"a device", []member{{name: "d", kind: tar.TypeChar}}},
		{"a pipe", []member{{name: "p", kind: tar.TypeFifo}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			outer := t.TempDir()
			dst := filepath.Join(outer, "dst")
			if err := os.Mkdir(dst, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := Untar(t.Context(), packed(t, "plain", tarred(t, tt.members...)), dst, nil); err == nil {
				t.Error("it was unpacked")
			}
			if tt.members[0].kind == 0 {
				if err := Unzip(t.Context(), zipped(t, tt.members...), dst, nil); err == nil {
					t.Error("as a zip file it was unpacked")
				}
			}
			onlyFolder(t, outer, "dst")
		})
	}
	link := zipped(t, member{name: "l", text: "/etc", mode: fs.ModeSymlink | 0o777})
	if err := Unzip(t.Context(), link, t.TempDir(), nil); err == nil {
		t.Error("a link in a zip file was unpacked")
	}
}

// onlyFolder fails if anything but the folder called name lies in dir.
func onlyFolder(t testing.TB, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("beside the destination lies %v (%v)", entries, err)
	}
}

func TestDamagedArchives(t *testing.T) {
	whole, err := os.ReadFile(packed(t, "xz", tarred(t, member{name: "a", text: strings.Repeat("text", 10_000)})))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 7, 20, len(whole) / 2, len(whole) - 1} {
		path := filepath.Join(t.TempDir(), "cut.tar.xz")
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Untar(t.Context(), path, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "unpack cut.tar.xz") {
			t.Errorf("cut to %d bytes: error %v", n, err)
		}
	}
}

// TestTarWithoutEnd cuts a plain tar file between two members, where nothing is missing but the mark of the end.
func TestTarWithoutEnd(t *testing.T) {
	path := packed(t, "plain", tarred(t, member{name: "a", text: "one"}, member{name: "b", text: "two"})[:1024])
	if err := Untar(t.Context(), path, t.TempDir(), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}

// FuzzUnzip and FuzzUntar hold that nothing is written outside the destination, whatever the archive says.
func FuzzUnzip(f *testing.F) {
	for _, m := range []member{{name: "a/b", text: "x"}, {name: "../evil", text: "x"}, {name: `..\evil`, text: "x"}, {name: "l", text: "..", mode: fs.ModeSymlink}} {
		b, err := os.ReadFile(zipped(f, m))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzzArchive(t, b, Unzip) })
}

func FuzzUntar(f *testing.F) {
	for _, m := range [][]member{
		{{name: "a/b", text: "x"}},
		{{name: "../evil", text: "x"}},
		{{name: "l", kind: tar.TypeSymlink, link: ".."}, {name: "l/evil", text: "x"}},
		{{name: "a/l", kind: tar.TypeSymlink, link: "../b"}, {name: "a/l/c", text: "x"}},
	} {
		f.Add(tarred(f, m...))
	}
	b, err := os.ReadFile(packed(f, "gzip", tarred(f, member{name: "a", text: "x"})))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { fuzzArchive(t, b, Untar) })
}

func fuzzArchive(t *testing.T, b []byte, unpack func(ctx context.Context, archive, dst string, pick Pick) error) {
	outer := t.TempDir()
	archive, dst := filepath.Join(t.TempDir(), "archive"), filepath.Join(outer, "a", "dst")
	if err := os.MkdirAll(dst, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(archive, b, 0o644); err != nil {
		t.Fatal(err)
	}
	err := unpack(t.Context(), archive, dst, nil)
	onlyFolder(t, outer, "a")
	onlyFolder(t, filepath.Join(outer, "a"), "dst")
	if err != nil {
		return
	}
	files, err := take(dst)
	if err != nil {
		t.Fatalf("what was unpacked cannot be listed: %v", err)
	}
	for _, f := range files {
		if f.Target == "" {
			continue
		}
		if to, err := filepath.EvalSymlinks(filepath.Join(dst, f.Path)); err == nil && to != dst && !strings.HasPrefix(to, dst+string(filepath.Separator)) {
			t.Fatalf("%s leads to %s", f.Path, to)
		}
	}
}
