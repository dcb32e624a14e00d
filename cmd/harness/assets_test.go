package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rlvr-harness/harness/runtime/assets"
)

// TestAssetsScripts runs the commands against caches of their own.
func TestAssetsScripts(t *testing.T) {
	data := os.Getenv("HARNESS_DATA")
	if data == "" {
		data = "../../../shared/data"
		if _, err := os.Stat(data); err != nil {
			data = ""
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/assets",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HARNESS_CACHE", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("HARNESS_DATA", "")
			self, err := exec.LookPath("harness")
			if err != nil {
				return err
			}
			e.Setenv("BARE", filepath.Dir(self)) // a PATH with nothing else
			if data == "" {
				return nil
			}
			abs, err := filepath.Abs(data)
			e.Setenv("REAL_DATA", abs)
			return err
		},
		Condition: func(cond string) (bool, error) {
			return cond == "env:REAL_DATA" && data != "", nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"code": code},
	})
}

// TestManifest: every artefact of every package is in one sound manifest, with what a person wants to know.
func TestManifest(t *testing.T) {
	if _, err := assets.Open(t.TempDir(), nil, artefacts()...); err != nil {
		t.Fatal(err)
	}
	for _, a := range artefacts() {
		if a.Purpose == "" || a.Licence == "" || a.Version == "" {
			t.Errorf("%s lacks words: %q %q %q", a.Name, a.Purpose, a.Licence, a.Version)
		}
		if strings.Contains(a.Purpose, "\t") {
			t.Errorf("%s: the purpose breaks the table", a.Name)
		}
	}
}

func TestTorchEnvironment(t *testing.T) {
	env := map[string]string{}
	for _, e := range torchEnvironment("/a cache/libtorch") {
		env[e[0]] = e[1]
	}
	if got, want := env["CGO_LDFLAGS"], `"-L/a cache/libtorch/stubs" "-L/a cache/libtorch/torch/lib" "-Wl,-rpath,/a cache/libtorch/torch/lib"`; got != want {
		t.Errorf("CGO_LDFLAGS %s, want %s", got, want)
	}
	if got := env["CPLUS_INCLUDE_PATH"]; got != "/a cache/libtorch/torch/include:/a cache/libtorch/torch/include/torch/csrc/api/include" {
		t.Errorf("CPLUS_INCLUDE_PATH %s", got)
	}
}

func TestOlderVersion(t *testing.T) {
	for _, tt := range []struct {
		have, least string
		want        bool
	}{
		{"1.26.8", "1.26", false},
		{"1.26", "1.26", false},
		{"1.25.9", "1.26", true},
		{"2.0", "1.26", false},
		{"1.9", "1.26", true},
		{"12.2.0", "9", false},
		{"8.5.0", "9", true},
		{"10", "9", false},
		{"1", "1.26", true},
		{"", "9", true},
	} {
		if got := olderVersion(tt.have, tt.least); got != tt.want {
			t.Errorf("%q older than %q: %t", tt.have, tt.least, got)
		}
	}
}

func TestDoctorChecks(t *testing.T) {
	if f := checkDisk(filepath.Join(t.TempDir(), "not", "yet", "there"), 1<<60); f.State != "missing" || !strings.Contains(f.Mend, "HARNESS_CACHE") {
		t.Errorf("a disk that is too small: %+v", f)
	}
	if f := checkDisk(t.TempDir(), 1); f.State != "ok" {
		t.Errorf("a disk that is large enough: %+v", f)
	}
	for _, needed := range []bool{true, false} {
		want := map[bool]string{true: "missing", false: "note"}[needed]
		if f := checkTool(t.Context(), "no-such-tool", needed, "", "install it"); f.State != want || f.Found != "not found" || f.Mend != "install it" {
			t.Errorf("a tool that is not there, needed %t: %+v", needed, f)
		}
	}
	if f := checkTool(t.Context(), "sh", true, "", "", "-c", "echo version 3.4.5-x"); f.State != "ok" || f.Found != "3.4.5" {
		t.Errorf("a tool that is there: %+v", f)
	}
	if f := checkTool(t.Context(), "sh", true, "4", "upgrade it", "-c", "echo version 3.4.5-x"); f.State != "missing" || !strings.Contains(f.Found, "3.4.5, but 4 or newer") {
		t.Errorf("an old tool: %+v", f)
	}
	if f := checkTool(t.Context(), "sh", true, "", "mend it", "-c", "exit 7"); f.State != "missing" || !strings.Contains(f.Found, "exit status 7") {
		t.Errorf("a broken tool: %+v", f)
	}
}
