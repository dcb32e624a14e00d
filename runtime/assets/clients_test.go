package assets

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// offline is what the clients print without a network.
var offline = regexp.MustCompile(`(?i)temporary failure|could not resolve|failed to establish|failed to connect|could not connect|connection (refused|timed out)|network is unreachable|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|name resolution|names no Debian archive`)

// TestClients fetches a small file with each real client.
func TestClients(t *testing.T) {
	for _, tt := range []struct {
		client string
		source Source
		size   int64
		sha256 string
	}{
		{"python3", PyPI{Project: "nvidia-nvtx-cu12", Version: "12.1.105", Python: "3.11", ABI: "none", Platform: "manylinux1_x86_64"}, 99138, "dc21cf308ca5691e7c04d962e213f8a4aa9bbfa23d95412f452254c2caeb09e5"},
		{"npm", NPM{"@astral-sh/ruff-wasm-nodejs", "0.17.4"}, 3761477, "114aa8a86810476791a694c5b9c97d001c3c85fb0ff368ff108be589ac744388"},
		{"apt-get", Debian{Package: "wasi-libc", Suite: "bookworm"}, 842108, "8f9b802736a856942839d32966937c389f46e9f156415a549a6675b7535e5f74"},
	} {
		t.Run(tt.client, func(t *testing.T) {
			if _, err := exec.LookPath(tt.client); err != nil {
				t.Skipf("%s is not installed", tt.client)
			}
			a := Artefact{Name: "thing", Version: "1", Licence: "MIT", File: "f", Size: tt.size, SHA256: tt.sha256, Sources: []Source{tt.source}}
			path, err := open(t, t.TempDir(), a).Path(t.Context(), "thing")
			if err != nil && offline.MatchString(err.Error()) {
				t.Skipf("there is no network for %s: %v", tt.client, err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := matches(path, tt.size, tt.sha256); err != nil {
				t.Error(err)
			}
			a.SHA256 = strings.Repeat("0", 64)
			_, err = open(t, t.TempDir(), a).Path(t.Context(), "thing")
			if err == nil || !strings.Contains(err.Error(), tt.sha256) {
				t.Errorf("with another pin the error is %v; want it to give the hash found", err)
			}
		})
	}
}

func TestMissingClients(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, tt := range []struct {
		source Source
		err    string
	}{
		{PyPI{Project: "x", Version: "1"}, "PyPI x 1: python3 is not installed\n  to mend it: apt-get install python3 python3-pip, then harness assets fetch thing"},
		{NPM{"x", "1"}, "npm x 1: npm is not installed\n  to mend it: apt-get install npm, then harness assets fetch thing"},
		{Debian{"x", "sid"}, "Debian source x (sid): "},
	} {
		_, err := open(t, t.TempDir(), file("thing", content(10), tt.source)).Path(t.Context(), "thing")
		if err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: error %v, want %q", tt.source, err, tt.err)
		}
	}
}

func TestMissingPip(t *testing.T) {
	bin := t.TempDir()
	script := "#!/bin/sh\necho '/usr/bin/python3: No module named pip' >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(bin, "python3"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	_, err := open(t, t.TempDir(), file("thing", content(10), PyPI{Project: "x", Version: "1"})).Path(t.Context(), "thing")
	var tool *ToolError
	if !errors.As(err, &tool) || tool.Tool != "pip" || !strings.Contains(err.Error(), "apt-get install python3-pip, then") {
		t.Errorf("error %v", err)
	}
}

// TestNoNetworkForData: a data set can be brought by hand, and the error says how.
func TestNoNetworkForData(t *testing.T) {
	s := serve(t, status(200))
	s.Close()
	t.Setenv("HARNESS_TEST_DATA", t.TempDir())
	a := file("thing", content(10), Local{Env: "HARNESS_TEST_DATA", Beside: "../x", File: "thing.bin"}, Address{s.URL})
	_, err := open(t, t.TempDir(), a).Path(t.Context(), "thing")
	want := "to mend it: harness assets fetch thing with a network; without one, put thing.bin into a folder DIR, then HARNESS_TEST_DATA=DIR harness assets fetch thing"
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "no source gave it:\n    $HARNESS_TEST_DATA/thing.bin: ") {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestLocal(t *testing.T) {
	good := content(100)
	data := t.TempDir()
	if err := writeFiles(data, map[string]string{"right.bin": string(good), "wrong.bin": string(good[:99]) + "x"}); err != nil {
		t.Fatal(err)
	}
	s := serve(t, whole(good))
	local := func(file string) Source {
		return Local{Env: "HARNESS_TEST_DATA", Beside: "../no-such-folder", File: file}
	}
	for _, tt := range []struct {
		name, dir, file string
		asked           bool // whether the server is
	}{
		{"the file is there", data, "right.bin", false},
		{"another version is there", data, "wrong.bin", true},
		{"no such file", data, "none.bin", true},
		{"no such folder", "", "right.bin", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("HARNESS_TEST_DATA", tt.dir)
			before := len(s.requests())
			path, err := open(t, t.TempDir(), file("thing", good, local(tt.file), Address{s.URL})).Path(t.Context(), "thing")
			if err != nil {
				t.Fatal(err)
			}
			if err := matches(path, 100, sum(good)); err != nil {
				t.Error(err)
			}
			if asked := len(s.requests()) > before; asked != tt.asked {
				t.Errorf("the server was asked: %t", asked)
			}
		})
	}
}
