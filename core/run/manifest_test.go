package run

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestManifestFile(t *testing.T) {
	m := small(1).manifest()
	m.Platform = Platform{OS: "linux", Arch: "amd64", CPU: "a processor", Cores: 2}
	text, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "manifest.json", text)
}

func TestManifestDiff(t *testing.T) {
	dir := small(1).create(t)
	stored, err := ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := stored.Diff(small(1).manifest()); len(d) > 0 {
		t.Errorf("the same manifest differs: %q", d)
	}
	now := small(1).manifest()
	config := now.Config.(map[string]any)
	config["lr"] = 1e-5
	config["beta"] = 0.1
	delete(config, "split")
	now.Plugins[0].SHA256 = "ff"
	want := []string{
		`config.beta: 0.1 is new`,
		`config.lr: 0.00002 became 0.00001`,
		`config.split: "train" is gone`,
		`plugins[0].sha256: "` + strings.Repeat("ab", 32) + `" became "ff"`,
	}
	if got := stored.Diff(now); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestManifestsThatAreWrong(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", `manifest.json:1:1: the file is empty`},
		{"cut", "{\n  \"format\": 1,\n  \"kind\": \"tr", `manifest.json:3:14: field "kind": not JSON: unexpected end of JSON input`},
		{"no object", "[1]", `manifest.json:1:1: array where an object belongs`},
		{"a wrong type", "{\n  \"format\": 1,\n  \"seeds\": {\n    \"run\": -1}}", `manifest.json:4:12: field "seeds.run": number -1 where a whole number that is not negative belongs`},
		{"another format", `{"format": 2, "kind": "train"}`, "format is 2; this version of harness reads format 1"},
		{"another kind", `{"format": 1, "kind": "play"}`, `field "kind" is "play"`},
		{"a byte that is no text", "{\"kind\": \"\xff\"}", `manifest.json:1:11: field "kind": byte 0xff is not UTF-8`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, manifestName), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadManifest(dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestThisPlatform(t *testing.T) {
	p := ThisPlatform()
	if p.OS == "" || p.Arch == "" || p.Cores < 1 {
		t.Errorf("%+v", p)
	}
}
