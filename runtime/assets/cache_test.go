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
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestOpenRefuses(t *testing.T) {
	build := func(context.Context, *Build) error { return nil }
	src, hash := []Source{Address{"https://one.example/a"}}, strings.Repeat("0", 64)
	ok := Artefact{Name: "a", Version: "1", Licence: "MIT", Build: build}
	for _, tt := range []struct {
		name string
		list []Artefact
		err  string
	}{
		{"a name that leaves the folder", []Artefact{{Name: "../a", Version: "1", Licence: "MIT", Build: build}}, "artefact name"},
		{"a version that leaves the folder", []Artefact{{Name: "a", Version: "../1", Licence: "MIT", Build: build}}, "version"},
		{"no licence", []Artefact{{Name: "a", Version: "1", Build: build}}, "no licence"},
		{"nothing to do", []Artefact{{Name: "a", Version: "1", Licence: "MIT"}}, "neither a source nor a build"},
		{"no pin", []Artefact{{Name: "a", Version: "1", Licence: "MIT", Sources: src, File: "a"}}, "sha256"},
		{"half a pin", []Artefact{{Name: "a", Version: "1", Licence: "MIT", Sources: src, File: "a", Size: 1, SHA256: "abc"}}, "sha256"},
		{"a file without a name", []Artefact{{Name: "a", Version: "1", Licence: "MIT", Sources: src, Size: 1, SHA256: hash}}, "plain name"},
		{"a file in a folder", []Artefact{{Name: "a", Version: "1", Licence: "MIT", Sources: src, Size: 1, SHA256: hash, File: "x/y"}}, "plain name"},
		{"a built file outside", []Artefact{{Name: "a", Version: "1", Licence: "MIT", Build: build, File: "../y"}}, "leaves its folder"},
		{"needs without a build", []Artefact{ok, {Name: "b", Version: "1", Licence: "MIT", Sources: src, Size: 1, SHA256: hash, File: "b", Needs: []string{"a"}}}, "only a build"},
		{"the same name twice", []Artefact{ok, ok}, "twice"},
		{"an unknown need", []Artefact{{Name: "a", Version: "1", Licence: "MIT", Build: build, Needs: []string{"b"}}}, `needs "b"`},
		{"a circle", []Artefact{
			{Name: "a", Version: "1", Licence: "MIT", Build: build, Needs: []string{"b"}},
			{Name: "b", Version: "1", Licence: "MIT", Build: build, Needs: []string{"a"}},
		}, "a → b → a"},
		{"a need of itself", []Artefact{{Name: "a", Version: "1", Licence: "MIT", Build: build, Needs: []string{"a"}}}, "needs itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Open(t.TempDir(), nil, tt.list...); err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// TestBuiltin: the manifest is sound, and touching nothing but the manifest needs no disk.
func TestBuiltin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	c := open(t, dir, Builtin()...)
	for _, name := range []string{
		"ziglang", "ruff-wasm", "smollm2-135m-instruct", "libtorch", "libtorch-cuda", "mbpp", "mbpp-sanitized", "mbpp-plus", "humaneval", "humaneval-plus",
	} {
		if st, err := c.Status(t.Context(), name); err != nil || st.State != Missing {
			t.Errorf("%s: %+v, %v", name, st, err)
		}
	}
	if exists(dir) {
		t.Error("looking at the manifest made the cache folder")
	}
	_, err := c.Path(t.Context(), "libtorsh")
	var unknown *UnknownError
	if !errors.As(err, &unknown) || unknown.Name != "libtorsh" || !slices.Contains(unknown.Known, "libtorch") {
		t.Errorf("unknown name: %v", err)
	}
}

// TestIDs: what can change the content changes the place, and what a thing is called for people does not.
func TestIDs(t *testing.T) {
	place := func(change func(base, top *Artefact)) string {
		base, top := made("base", nil), made("top", nil)
		top.Needs = []string{"base"}
		change(&base, &top)
		st, err := open(t, "/nowhere", base, top).Status(t.Context(), "top")
		if err != nil {
			t.Fatal(err)
		}
		return st.Path
	}
	same := place(func(_, _ *Artefact) {})
	for name, change := range map[string]func(base, top *Artefact){
		"version": func(_, a *Artefact) { a.Version = "2" }, "key": func(_, a *Artefact) { a.Key += "2" }, "file": func(_, a *Artefact) { a.File = "x" },
		"a need's key": func(a, _ *Artefact) { a.Key += "2" }, "a need's version": func(a, _ *Artefact) { a.Version = "2" },
	} {
		if place(change) == same {
			t.Errorf("another %s has the same place", name)
		}
	}
	if place(func(_, a *Artefact) { a.Purpose, a.Licence, a.Room = "x", "BSD", 9 }) != same {
		t.Error("words for people move the entry")
	}
}

func TestBuildFromSourceAndNeeds(t *testing.T) {
	good := content(5000)
	s := serve(t, whole(good))
	base := made("base", map[string]string{"part": "base"})
	top := Artefact{
		Name: "top", Version: "2", Licence: "MIT", Size: 5000, SHA256: sum(good), Sources: []Source{Address{s.URL}}, Needs: []string{"base"}, File: "d/result",
		Build: func(ctx context.Context, b *Build) error {
			part, err := os.ReadFile(filepath.Join(b.Inputs["base"], "part"))
			if err != nil {
				return err
			}
			fetched, err := os.ReadFile(b.Fetched)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(b.Work, "scratch"), nil, 0o644); err != nil {
				return err
			}
			if err := b.Run(ctx, b.Work, []string{"WORD=said"}, "sh", "-c", `echo "$WORD"`); err != nil {
				return err
			}
			return writeFiles(b.Out, map[string]string{"d/result": string(part) + sum(fetched), "d/licence": "x"})
		},
	}
	c := open(t, t.TempDir(), base, top)
	path, err := c.Path(t.Context(), "top")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); string(b) != "base"+sum(good) {
		t.Errorf("result %q (%v)", b, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("the result can be written: %v (%v)", info.Mode(), err)
	}
	st, err := c.Status(t.Context(), "top")
	if err != nil || st.State != Ready || st.Path != path || len(st.Digest) != 64 || st.Bytes != int64(len("base"+sum(good))+1) {
		t.Errorf("status %+v, %v", st, err)
	}
	if log, _ := os.ReadFile(st.Log); !strings.Contains(string(log), "said\n") {
		t.Errorf("log %q", log)
	}
	left, err := filepath.Glob(filepath.Join(c.Folder(), "fetched", "*"))
	work, _ := filepath.Glob(filepath.Join(c.Folder(), "work", "*"))
	if err != nil || len(left) > 0 || len(work) > 0 {
		t.Errorf("left behind: %q %q (%v)", left, work, err)
	}
	if again, err := c.Path(t.Context(), "top"); err != nil || again != path || len(s.requests()) != 1 {
		t.Errorf("second use: %s, %v, %d requests", again, err, len(s.requests()))
	}
}

func TestFailedBuild(t *testing.T) {
	good := content(5000)
	s := serve(t, whole(good))
	fail := true
	a := Artefact{
		Name: "thing", Version: "1", Licence: "MIT", Size: 5000, SHA256: sum(good), Sources: []Source{Address{s.URL}},
		Build: func(ctx context.Context, b *Build) error {
			if err := writeFiles(b.Out, map[string]string{"f": "x"}); err != nil || !fail {
				return err
			}
			return b.Run(ctx, b.Work, nil, "sh", "-c", "echo the reason >&2; exit 3")
		},
	}
	c := open(t, t.TempDir(), a)
	_, err := c.Path(t.Context(), "thing")
	for _, text := range []string{"assets: thing: build: sh ", "exit status 3", "the reason", "harness assets fetch thing"} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v, want %q", err, text)
		}
	}
	if st, err := c.Status(t.Context(), "thing"); err != nil || st.State != Partial || st.Log == "" {
		t.Errorf("status %+v, %v", st, err)
	}
	fail = false
	if _, err := c.Path(t.Context(), "thing"); err != nil || len(s.requests()) != 1 {
		t.Errorf("second attempt: %v after %d requests; want the download kept", err, len(s.requests()))
	}
}

func TestBadRecipes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		file  string
		build func(context.Context, *Build) error
		err   string
	}{
		{"makes nothing", "", func(context.Context, *Build) error { return nil }, "empty"},
		{"makes another file", "x", func(_ context.Context, b *Build) error { return writeFiles(b.Out, map[string]string{"y": ""}) }, "made no x"},
		{"lacks a tool", "", func(ctx context.Context, b *Build) error { return b.Run(ctx, b.Work, nil, "no-such-compiler") }, "no-such-compiler is not installed\n  to mend it: install no-such-compiler, then harness assets fetch thing"},
		{"makes a pipe", "", func(ctx context.Context, b *Build) error { return b.Run(ctx, b.Out, nil, "mkfifo", "p") }, "neither a file nor a link"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, t.TempDir(), Artefact{Name: "thing", Version: "1", Licence: "MIT", File: tt.file, Build: tt.build})
			if _, err := c.Path(t.Context(), "thing"); err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestNoSpace(t *testing.T) {
	a := made("thing", map[string]string{"f": "x"})
	a.Room = 1 << 60
	c := open(t, t.TempDir(), a)
	_, err := c.Path(t.Context(), "thing")
	if err == nil || !strings.Contains(err.Error(), "no space: 1152921504.67 GB needed") || !strings.Contains(err.Error(), "HARNESS_CACHE=DIR on a larger disk") {
		t.Errorf("error %v", err)
	}
	s := serve(t, status(500))
	b := file("other", content(10), Address{s.URL})
	b.Size = 1 << 60
	if _, err := open(t, t.TempDir(), b).Path(t.Context(), "other"); err == nil || !strings.Contains(err.Error(), "no space") || len(s.requests()) > 0 {
		t.Errorf("error %v after %d requests", err, len(s.requests()))
	}
}

func TestDamage(t *testing.T) {
	big := strings.Repeat("0123456789", alwaysHashed/5) // too large to be hashed on every use
	for _, tt := range []struct {
		name   string
		big    bool
		damage func(dir string) error
		err    string // "" is none
	}{
		{"nothing", false, func(string) error { return nil }, ""},
		{"nothing in a large entry", true, func(string) error { return nil }, ""},
		{"other times, as a copy has", true, func(dir string) error { return os.Chtimes(filepath.Join(dir, "a"), time.Time{}, time.Unix(5, 0)) }, ""},
		{"a byte in a small entry, times kept", false, func(dir string) error { return overwrite(filepath.Join(dir, "a"), "x", true) }, "a has sha256"},
		{"a byte in a large entry", true, func(dir string) error { return overwrite(filepath.Join(dir, "a"), "x", false) }, "a has sha256"},
		{"a file that grew", true, func(dir string) error { return overwrite(filepath.Join(dir, "a"), big+big, true) }, "a has "},
		{"a file that is gone", false, func(dir string) error { return os.Remove(filepath.Join(dir, "sub", "b")) }, "sub/b is gone"},
		{"a file that was added", false, func(dir string) error { return os.WriteFile(filepath.Join(dir, "sub", "c"), nil, 0o644) }, "sub/c was added"},
		{"a file that became executable", false, func(dir string) error { return os.Chmod(filepath.Join(dir, "a"), 0o755) }, "another mode"},
		{"a file that became a link", false, func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "a")), os.Symlink("sub/b", filepath.Join(dir, "a")))
		}, "a has 0 bytes"},
		{"the folder is gone", false, os.RemoveAll, "no such file"},
		{"a stamp that is no JSON", false, func(dir string) error { return os.WriteFile(dir+".json", []byte("{"), 0o644) }, "read the stamp"},
		{"an empty stamp", false, func(dir string) error { return os.WriteFile(dir+".json", nil, 0o644) }, "read the stamp"},
		{"a stamp that points outside", false, func(dir string) error {
			return os.WriteFile(dir+".json", []byte(`{"files":[{"path":"../../x","sha256":"`+strings.Repeat("0", 64)+`"}]}`), 0o644)
		}, "leaves the entry"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := "small"
			if tt.big {
				text = big
			}
			c := open(t, t.TempDir(), made("thing", map[string]string{"a": text, "sub/b": "two"}))
			dir, err := c.Path(t.Context(), "thing")
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.damage(dir); err != nil {
				t.Fatal(err)
			}
			_, err = c.Path(t.Context(), "thing")
			if tt.err == "" {
				if err != nil {
					t.Errorf("error %v", err)
				}
				if verr := c.Verify(t.Context(), "thing"); verr != nil {
					t.Errorf("verify: %v", verr)
				}
				return
			}
			var damaged *DamagedError
			if !errors.As(err, &damaged) || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), "harness assets fetch thing") {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if st, err := c.Status(t.Context(), "thing"); err != nil || st.State != Damaged || st.Err == nil {
				t.Errorf("status %+v, %v", st, err)
			}
			if err := c.Fetch(t.Context(), "thing"); err != nil {
				t.Errorf("fetch does not mend it: %v", err)
			}
			if err := c.Verify(t.Context(), "thing"); err != nil {
				t.Errorf("after the mending: %v", err)
			}
		})
	}
}

// TestVerifySeesWhatPathDoesNot: a change of a large entry that also forges the time is found by Verify.
func TestVerifySeesWhatPathDoesNot(t *testing.T) {
	c := open(t, t.TempDir(), made("thing", map[string]string{"a": strings.Repeat("0123456789", alwaysHashed/5)}))
	dir, err := c.Path(t.Context(), "thing")
	if err != nil {
		t.Fatal(err)
	}
	if err := overwrite(filepath.Join(dir, "a"), "x", true); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Path(t.Context(), "thing"); err != nil {
		t.Errorf("path: %v", err)
	}
	if err := c.Verify(t.Context(), "thing"); err == nil || !strings.Contains(err.Error(), "a has sha256") {
		t.Errorf("verify: %v", err)
	}
}

func TestVerifyMissing(t *testing.T) {
	err := open(t, t.TempDir(), made("thing", map[string]string{"a": ""})).Verify(t.Context(), "thing")
	if err == nil || !strings.Contains(err.Error(), "assets: thing: not in the cache\n  to mend it: harness assets fetch thing") {
		t.Errorf("error %v", err)
	}
}

// overwrite changes the start of a read-only file, and its size if text is longer.
func overwrite(path, text string, keepTime bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o644); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Close(), os.Chmod(path, 0o444))
	if keepTime {
		return errors.Join(err, os.Chtimes(path, time.Time{}, info.ModTime()))
	}
	return errors.Join(err, os.Chtimes(path, time.Time{}, info.ModTime().Add(time.Second)))
}

// TestTouchedEntryIsStampedAgain: times that differ are paid for once.
func TestTouchedEntryIsStampedAgain(t *testing.T) {
	c := open(t, t.TempDir(), made("thing", map[string]string{"a": strings.Repeat("x", alwaysHashed+1)}))
	dir, err := c.Path(t.Context(), "thing")
	if err != nil {
		t.Fatal(err)
	}
	before, err := c.Status(t.Context(), "thing")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(dir, "a"), time.Time{}, time.Unix(5, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Path(t.Context(), "thing"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(dir + ".json")
	if err != nil || !strings.Contains(string(b), fmt.Sprint(5*time.Second.Nanoseconds())) {
		t.Errorf("the stamp does not have the new time (%v)", err)
	}
	if after, err := c.Status(t.Context(), "thing"); err != nil || after.Digest != before.Digest {
		t.Errorf("the digest changed with the time: %s, %s, %v", before.Digest, after.Digest, err)
	}
}

// TestHammer uses one cache and several from many goroutines: every entry is made once.
func TestHammer(t *testing.T) {
	dir := t.TempDir()
	var builds atomic.Int32
	var list []Artefact
	for i := range 6 {
		a := Artefact{Name: fmt.Sprint("a", i), Version: "1", Licence: "MIT", Build: func(_ context.Context, b *Build) error {
			builds.Add(1)
			time.Sleep(10 * time.Millisecond)
			return writeFiles(b.Out, map[string]string{"f": "x"})
		}}
		for j := range i {
			a.Needs = append(a.Needs, fmt.Sprint("a", j))
		}
		slices.Reverse(a.Needs)
		list = append(list, a)
	}
	caches := []*Cache{open(t, dir, list...), open(t, dir, list...), open(t, dir, list...)}
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			if _, err := caches[i%3].Path(t.Context(), fmt.Sprint("a", i%6)); err != nil {
				t.Error(err)
			}
			if err := caches[i%3].Fetch(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := builds.Load(); n != 6 {
		t.Errorf("%d builds of 6 artefacts", n)
	}
}

func TestFetchGoesOnAfterAFailure(t *testing.T) {
	s := serve(t, status(404))
	bad := file("bad", content(10), Address{s.URL})
	left, right := made("left", map[string]string{"f": ""}), made("right", map[string]string{"f": ""})
	left.Needs, right.Needs = []string{"bad"}, []string{"bad"}
	good, optional := made("good", map[string]string{"f": ""}), made("optional", map[string]string{"f": ""})
	optional.Optional = true
	c := open(t, t.TempDir(), bad, left, right, good, optional)
	err := c.Fetch(t.Context())
	if err == nil || strings.Count(err.Error(), "assets: bad: ") != 1 {
		t.Errorf("the failure is not reported once: %v", err)
	}
	for name, want := range map[string]State{"bad": Missing, "left": Missing, "good": Ready, "optional": Missing} {
		if st, err := c.Status(t.Context(), name); err != nil || st.State != want {
			t.Errorf("%s is %s (%v), want %s", name, st.State, err, want)
		}
	}
	if err := c.Fetch(t.Context(), "optional"); err != nil {
		t.Error(err)
	}
}

func TestCancelWhileWaiting(t *testing.T) {
	dir := t.TempDir()
	l, err := acquire(t.Context(), filepath.Join(dir, "locks", "thing"), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer l.release()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := open(t, dir, made("thing", map[string]string{"f": ""})).Path(ctx, "thing"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// TestCancelledTool: the tool and what it started end at once.
func TestCancelledTool(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	c := open(t, t.TempDir(), Artefact{Name: "thing", Version: "1", Licence: "MIT", Build: func(ctx context.Context, b *Build) error {
		time.AfterFunc(100*time.Millisecond, cancel)
		return b.Run(ctx, b.Work, nil, "sh", "-c", "sleep 600 & wait")
	}})
	if _, err := c.Path(ctx, "thing"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	old, now := made("thing", map[string]string{"f": "old"}), made("thing", map[string]string{"f": "new!"})
	for _, a := range []Artefact{old, now} {
		if _, err := open(t, dir, a).Path(t.Context(), "thing"); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeFiles(dir, map[string]string{"fetched/" + strings.Repeat("0", 64): "partial", "notes.txt": "not ours"}); err != nil {
		t.Fatal(err)
	}
	c := open(t, dir, now)
	freed, err := c.Prune(t.Context())
	if err != nil || freed < int64(len("old")+len("partial")) {
		t.Errorf("freed %d, %v", freed, err)
	}
	if st, err := c.Status(t.Context(), "thing"); err != nil || st.State != Ready {
		t.Errorf("what is used: %+v, %v", st, err)
	}
	if st, err := open(t, dir, old).Status(t.Context(), "thing"); err != nil || st.State != Missing {
		t.Errorf("what is not: %+v, %v", st, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.txt")); errors.Is(err, fs.ErrNotExist) {
		t.Error("a file of the user was removed")
	}
}

func TestUnwritableCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, filepath.Join(dir, "cache"), made("thing", map[string]string{"f": ""})).Path(t.Context(), "thing")
	if err == nil || !strings.Contains(err.Error(), "assets: thing: ") || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("error %v", err)
	}
}

func TestDir(t *testing.T) {
	t.Setenv("HARNESS_CACHE", "/some/where")
	if d, err := Dir(); err != nil || d != "/some/where" {
		t.Errorf("with HARNESS_CACHE: %s, %v", d, err)
	}
	t.Setenv("HARNESS_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", "/caches")
	if d, err := Dir(); err != nil || d != "/caches/harness" {
		t.Errorf("by default: %s, %v", d, err)
	}
}

func FuzzStamp(f *testing.F) {
	f.Add([]byte(`{"files":[{"path":"a","size":1,"sha256":"` + strings.Repeat("0", 64) + `"},{"path":"l","target":"a"}]}`))
	f.Add([]byte(`{"files":[{"path":"../a"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeStamp(b)
		if err != nil {
			return
		}
		for _, file := range s.Files {
			if !filepath.IsLocal(filepath.FromSlash(file.Path)) {
				t.Errorf("path %q", file.Path)
			}
		}
	})
}

func BenchmarkPath(b *testing.B) {
	files := map[string]string{}
	for i := range 9000 {
		files[fmt.Sprintf("%d/%d", i%90, i)] = strings.Repeat("x", 1000)
	}
	c := open(b, b.TempDir(), made("thing", files))
	for b.Loop() {
		if _, err := c.Path(b.Context(), "thing"); err != nil {
			b.Fatal(err)
		}
	}
}
