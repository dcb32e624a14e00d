package wazeropatch

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/runtime/assets"
)

func TestPinned(t *testing.T) {
	for name, line := range map[string]string{"go.mod": "\t" + Module + " " + Version + "\n", "go.sum": Module + " " + Version + " " + Sum + "\n"} {
		b, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte(line)) {
			t.Errorf("%s lacks %q: the changes are for another wazero", name, line)
		}
	}
}

// made builds the artefact in a folder of the test's own.
func made(t *testing.T) string {
	out := t.TempDir()
	if err := build(t.Context(), &assets.Build{Out: out, Work: t.TempDir(), Log: io.Discard, Stage: func(string) {}}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestApply(t *testing.T) {
	dir := made(t)
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(versionFile)))
	if err != nil || !strings.Contains(string(b), Version+"-harness-"+Key()[:12]) {
		t.Errorf("the changed wazero has no version of its own: %v", err)
	}
	// What is changed already does not match.
	err = apply(dir)
	if err == nil || !strings.Contains(err.Error(), "what is to be replaced once") || !strings.Contains(err.Error(), Version) {
		t.Errorf("applied twice: %v; want an error that names the text and the version", err)
	}
}

func TestHashModule(t *testing.T) {
	dir, err := download(t.Context(), t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := hashModule(dir); err != nil || sum != Sum {
		t.Errorf("hash %s, %v; want %s", sum, err, Sum)
	}
	if sum, err := hashModule(made(t)); err != nil || sum == Sum {
		t.Errorf("the changed sources have the hash %s, %v", sum, err)
	}
}

func TestWriteModfile(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module x\n\nrequire (\n\t" + Module + " " + Version + "\n)\n", "go.sum": "sum\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		file, err := WriteModfile(root, "/a b/c")
		if err != nil {
			t.Fatal(err)
		}
		mod, _ := os.ReadFile(file)
		sum, _ := os.ReadFile(strings.TrimSuffix(file, "mod") + "sum")
		if !strings.HasSuffix(string(mod), "\nreplace "+Module+" => \"/a b/c\"\n") || string(sum) != "sum\n" || !filepath.IsAbs(file) {
			t.Errorf("%s holds %q, and beside it lies %q", file, mod, sum)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module x\n\nrequire (\n\t"+Module+" v1.99.0\n)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteModfile(root, "/c"); err == nil || !strings.Contains(err.Error(), Version) {
		t.Errorf("another version of wazero: %v; want an error", err)
	}
}

// TestTraps compares the changed compiler with the one that go.mod pins, over accesses of all widths at both ends of memory, with
// offsets up to 4 GiB - 1, and all other ways to trap.
func TestTraps(t *testing.T) {
	if !Supported() {
		t.Skipf("there are no changes for %s", runtime.GOARCH)
	}
	cache, err := assets.Open("", nil, Artefact())
	if err != nil {
		t.Fatal(err)
	}
	dir, err := cache.Path(t.Context(), Name)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	changed, err := WriteModfile(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	var outputs [2][]byte
	for i, modfile := range []string{filepath.Join(root, "go.mod"), changed} {
		bin := filepath.Join(t.TempDir(), "traps.exe")
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-modfile="+modfile, "-o", bin, "./traps").CombinedOutput(); err != nil {
			t.Fatalf("go build -modfile=%s: %v\n%s", modfile, err, out)
		}
		var stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), bin)
		cmd.Stderr = &stderr
		if outputs[i], err = cmd.Output(); err != nil {
			t.Errorf("with %s: %v\n%.2000s", modfile, err, stderr.Bytes())
		}
	}
	plain, patched := strings.Split(string(outputs[0]), "\n"), strings.Split(string(outputs[1]), "\n")
	if len(plain) < 10_000 || len(plain) != len(patched) {
		t.Fatalf("%d and %d lines", len(plain), len(patched))
	}
	trapped := 0
	for i, want := range plain {
		if patched[i] != want {
			t.Errorf("changed: %s\npinned:  %s", patched[i], want)
		}
		if strings.Contains(want, "wasm error") || strings.Contains(want, "overflow") {
			trapped++
		}
	}
	t.Logf("%d calls, of which %d trapped", len(plain), trapped)
	if trapped < 1000 || trapped > len(plain)-1000 {
		t.Errorf("%d of %d calls trapped: nothing is compared", trapped, len(plain))
	}
}
