package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
	"github.com/rlvr-harness/harness/runtime/python-wasm/wasi"
)

// sample writes a folder that is an image in form: its module is no interpreter.
func sample(t *testing.T) string {
	t.Helper()
	files, err := wasi.NewFiles(map[string][]byte{libraryRoot + "/a.pyc": []byte("code")})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "image")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := write(folder, "3.13.5", 7, []byte("module"), sandbox.NewImage(make([]byte, sandbox.PageSize)), files); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestOpen(t *testing.T) {
	folder := sample(t)
	if err := os.MkdirAll(filepath.Join(folder, compiledDir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, compiledDir, "sub", "code"), []byte("c"), 0o644); err != nil {
		t.Fatal(err)
	}
	im, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	if string(im.Module) != "module" || im.Memory.Size != sandbox.PageSize || len(im.Library.Paths()) != 1 || len(im.ID) != 64 || im.Manifest.Python != "3.13.5" {
		t.Errorf("%+v", im)
	}
	if b, err := os.ReadFile(filepath.Join(im.Compiled, "sub", "code")); err != nil || string(b) != "c" || im.Compiled != folder+".compiled" {
		t.Errorf("compiled code in %s: %q, %v", im.Compiled, b, err)
	}
	again, err := Open(folder)
	if err != nil || again.ID != im.ID || again.Compiled != im.Compiled {
		t.Errorf("opened again: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, damage := range map[string]func(folder string) error{
		"no image":         func(f string) error { return os.Remove(filepath.Join(f, manifestFile)) },
		"a missing file":   func(f string) error { return os.Remove(filepath.Join(f, libraryFile)) },
		"a changed module": func(f string) error { return os.WriteFile(filepath.Join(f, moduleFile), []byte("other"), 0o644) },
		"a bad manifest":   func(f string) error { return os.WriteFile(filepath.Join(f, manifestFile), []byte("{"), 0o644) },
	} {
		folder := sample(t)
		if err := damage(folder); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(folder); err == nil || !strings.HasPrefix(err.Error(), "open python image: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecipeKeyCoversTheSources(t *testing.T) {
	key, err := recipeKey()
	if err != nil {
		t.Fatal(err)
	}
	if len(key) != 64 {
		t.Errorf("key %q", key)
	}
	for _, name := range append([]string{"warm.py"}, modules...) {
		if _, err := python(name); err != nil {
			t.Error(err)
		}
	}
	files, err := writeSources(t.TempDir())
	if err != nil || len(files) < 10 {
		t.Errorf("%q, %v", files, err)
	}
}
