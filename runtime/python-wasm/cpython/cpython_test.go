package cpython

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/runtime/assets"
)

// built returns the folder of the build in the user's cache. It is made by "./task test"; a build takes minutes.
func built(t *testing.T) string {
	t.Helper()
	c, err := assets.Open("", nil, append(assets.Builtin(), Artefacts()...)...)
	if err != nil {
		t.Fatal(err)
	}
	st, err := c.Status(t.Context(), "cpython-wasi")
	if err != nil {
		t.Fatal(err)
	}
	switch st.State {
	case assets.Ready:
		return st.Path
	case assets.Damaged:
		t.Fatal(st.Err)
	}
	t.Skip("cpython-wasi is not in the cache: run the tests with ./task test, or harness assets fetch cpython-wasi")
	return ""
}

func TestBuild(t *testing.T) {
	dir := built(t)
	t.Run("it is this release", func(t *testing.T) {
		b, err := os.ReadFile(filepath.Join(dir, "include", "patchlevel.h"))
		if err != nil || !bytes.Contains(b, []byte(`#define PY_VERSION              "`+Version+`"`)) {
			t.Errorf("patchlevel.h does not say %s (%v)", Version, err)
		}
	})
	t.Run("it holds what an interpreter is linked from", func(t *testing.T) {
		for _, name := range []string{"libpython3.13.a", "libmpdec.a", "libHacl_Hash_SHA2.a", "libexpat.a"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || !bytes.HasPrefix(b, []byte("!<arch>\n")) || !bytes.Contains(b, []byte("\x00asm")) {
				t.Errorf("%s is no archive of WebAssembly objects (%v)", name, err)
			}
		}
		for _, name := range []string{"include/Python.h", "include/pyconfig.h", "include/internal/pycore_runtime.h", "dlmalloc.c", "malloc.c", "licences/cpython.txt", "licences/wasi-libc.txt"} {
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				t.Error(err)
			}
		}
		config, err := os.ReadFile(filepath.Join(dir, "include", "pyconfig.h"))
		for _, line := range []string{"#define SIZEOF_VOID_P 4", "#define WITH_PYMALLOC 1", "/* #undef HAVE_MMAP */"} {
			if err != nil || !bytes.Contains(config, []byte(line+"\n")) {
				t.Errorf("pyconfig.h does not say %q (%v)", line, err)
			}
		}
	})
	t.Run("it recurses in C as deeply as a native one", func(t *testing.T) {
		b, err := os.ReadFile(filepath.Join(dir, "include", "cpython", "pystate.h"))
		if err != nil || bytes.Count(b, []byte("#  define Py_C_RECURSION_LIMIT 10000\n")) != 2 {
			t.Errorf("pystate.h has another limit for WASI (%v)", err)
		}
	})
	t.Run("it names no folder and no time of the machine that made it", func(t *testing.T) {
		lib, err := os.ReadFile(filepath.Join(dir, "libpython3.13.a"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(lib, []byte("../src/Objects/object.c")) || !bytes.Contains(lib, []byte("Jun 11 2025")) {
			t.Error("the names of sources are not relative, or the date is not that of the release")
		}
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		for _, trace := range []string{filepath.Dir(filepath.Dir(filepath.Dir(dir))), home + "/", "work/cpython-wasi"} {
			if at := bytes.Index(lib, []byte(trace)); at >= 0 {
				t.Errorf("it contains %q: …%q…", trace, lib[max(0, at-40):at+80])
			}
		}
	})
	t.Run("the standard library is compiled and without sources", func(t *testing.T) {
		lib := filepath.Join(dir, "lib313")
		modules := 0
		err := filepath.WalkDir(lib, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			// The magic number of 3.13's bytecode, then the flags: a hash stands for the source and is not checked.
			if !strings.HasSuffix(p, ".pyc") || len(b) < 17 || !bytes.Equal(b[:8], []byte("\xf3\x0d\r\n\x01\x00\x00\x00")) {
				t.Errorf("%s is no .pyc file of the unchecked kind: % x", p, b[:min(8, len(b))])
			}
			if bytes.Contains(b, []byte("work/cpython-wasi")) {
				t.Errorf("%s names the folder of the build", p)
			}
			modules++
			return nil
		})
		if err != nil || modules < 400 {
			t.Errorf("%d modules (%v)", modules, err)
		}
		for _, name := range []string{"os.pyc", "re/__init__.pyc", "collections/__init__.pyc", "json/decoder.pyc", "encodings/utf_8.pyc", "typing.pyc"} {
			if _, err := os.Stat(filepath.Join(lib, filepath.FromSlash(name))); err != nil {
				t.Error(err)
			}
		}
		for _, name := range []string{"test", "tkinter", "ensurepip"} {
			if _, err := os.Stat(filepath.Join(lib, name)); err == nil {
				t.Errorf("it holds %s, which the sandbox has no use for", name)
			}
		}
	})
}

// TestCompileLibrary: shards together make what one process makes, for any Python: only the bytecode depends on it.
func TestCompileLibrary(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "compile_library.py")
	src := filepath.Join(dir, "src")
	files := map[string]string{
		"a.py": "X = 1\n", "p/__init__.py": "", "p/b.py": "def f(x):\n    return {1, 2, x}\n", "p/c.py": "S = frozenset({'a', 'b', 'c'})\n",
		"test/t.py": "raise SystemExit\n", "p/data.txt": "no module",
	}
	for name, text := range files {
		path := filepath.Join(src, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(script, compileLibrary, 0o644); err != nil {
		t.Fatal(err)
	}
	compile := func(out, shard, shards string) {
		t.Helper()
		cmd := exec.Command(python, script, src, filepath.Join(dir, out), shard, shards)
		cmd.Env = append(os.Environ(), environment...)
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	}
	compile("one", "0", "1")
	for _, shard := range []string{"0", "1", "2"} {
		compile("three", shard, "3")
	}
	var names []string
	err = fs.WalkDir(os.DirFS(filepath.Join(dir, "one")), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		names = append(names, p)
		a, err := os.ReadFile(filepath.Join(dir, "one", p))
		b, berr := os.ReadFile(filepath.Join(dir, "three", p))
		if err := errors.Join(err, berr); err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs between one process and three", p)
		}
		if bytes.Contains(a, []byte(dir)) {
			t.Errorf("%s names the folder of its source", p)
		}
		return nil
	})
	if want := []string{"a.pyc", "p/__init__.pyc", "p/b.pyc", "p/c.pyc"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("modules %q (%v), want %q", names, err, want)
	}
}

// TestTools runs the scripts that stand between make and zig, in a folder whose name a shell could trip over.
func TestTools(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's a $HOME `folder`")
	r := &builder{native: filepath.Join(dir, "native"), bin: filepath.Join(dir, "bin"), zig: filepath.Join(dir, "zig")}
	for _, d := range []string{r.native, r.bin} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.writeTools(); err != nil {
		t.Fatal(err)
	}
	echo := "#!/bin/sh\nfor a in \"$@\"; do printf '[%s]' \"$a\"; done\n"
	if err := os.WriteFile(r.zig, []byte(echo), 0o755); err != nil {
		t.Fatal(err)
	}
	call := func(name string) string {
		out, err := exec.Command(filepath.Join(r.bin, name), "a b", "*").CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return string(out)
	}
	for name, want := range map[string]string{
		"cc": "[cc][-target][wasm32-wasi][a b][*]", "ar": "[ar][a b][*]", "ranlib": "[ranlib][a b][*]", "python": "3.13\n",
	} {
		if got := call(name); got != want {
			t.Errorf("%s printed %q, want %q", name, got, want)
		}
	}
	if err := os.WriteFile(r.nativePython(), []byte(echo), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := call("python"); got != "[a b][*]" {
		t.Errorf("once there is a native Python, python printed %q", got)
	}
}

func TestStages(t *testing.T) {
	var shown []string
	s := stages{show: func(text string) { shown = append(shown, text) }}
	err := s.during("outer", func() error {
		return s.during("inner", func() error { return errors.New("as it was") })
	})
	if err == nil || err.Error() != "as it was" {
		t.Errorf("error %v", err)
	}
	if err := s.during("after", func() error { return nil }); err != nil {
		t.Error(err)
	}
	if want := []string{"outer", "outer, inner", "after"}; !slices.Equal(shown, want) {
		t.Errorf("shown %q, want %q", shown, want)
	}
}

// TestKey: the key is of the recipe and nothing else, so it is the same in every process, and a change of data moves it.
func TestKey(t *testing.T) {
	before := key()
	if before != key() || len(before) != 64 {
		t.Errorf("keys %q and %q", before, key())
	}
	saved := wasiSetup
	defer func() { wasiSetup = saved }()
	wasiSetup += "_ssl\n"
	if key() == before {
		t.Error("another recipe has the same key")
	}
}

func TestApplyEdits(t *testing.T) {
	for _, tt := range []struct {
		name, text, want, err string
	}{
		{"once", "a b c", "a x c", ""},
		{"not at all", "a c", "", "0 times"},
		{"twice", "b b", "", "2 times"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "f.c")
			if err := os.WriteFile(file, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			err := applyEdits(dir, []edit{{"f.c", "b", "x"}})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			got, readErr := os.ReadFile(file)
			if err != nil || readErr != nil || string(got) != tt.want {
				t.Errorf("%q (%v, %v), want %q", got, err, readErr, tt.want)
			}
		})
	}
	if err := applyEdits(t.TempDir(), edits); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("edits of files that are not there: %v", err)
	}
}
