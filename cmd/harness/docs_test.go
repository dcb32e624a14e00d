package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A block of docs/plugins.md that a reader is to type in is marked by a comment before its fence: <!-- run --> for commands,
// <!-- file NAME --> for the text of a file. Other commands of the page are not run.
var marked = regexp.MustCompile("(?ms)^<!-- (run|file (\\S+)) -->\n```\\w*\n(.*?)^```$")

// TestDocsPlugins types in what docs/plugins.md says, a section in a shell of its own.
func TestDocsPlugins(t *testing.T) {
	if testing.Short() {
		t.Skip("builds plugins, installs grpcio and trains; leave out -short")
	}
	page, err := os.ReadFile("../../docs/plugins.md")
	if err != nil {
		t.Fatal(err)
	}
	checkout, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	sections := 0
	for _, section := range strings.Split(string(page), "\n## ") {
		title, text, _ := strings.Cut(section, "\n")
		var script strings.Builder
		fmt.Fprintln(&script, "set -eux")
		blocks := marked.FindAllStringSubmatch(text, -1)
		for _, b := range blocks {
			if b[1] == "run" {
				script.WriteString(b[3])
				continue
			}
			fmt.Fprintf(&script, "cat >%s <<'END OF FILE'\n%sEND OF FILE\n", b[2], b[3])
			if n := len(strings.Split(regexp.MustCompile(`\n\s*\n`).ReplaceAllString(b[3], "\n"), "\n")) - 1; n >= 40 {
				t.Errorf("%s: %s has %d lines of code; a plugin takes less than 40", title, b[2], n)
			}
		}
		if n := strings.Count(text, "<!-- "); n != len(blocks) {
			t.Errorf("%s: %d marks and %d blocks", title, n, len(blocks))
		}
		if len(blocks) == 0 {
			continue
		}
		sections++
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "sh", "-c", script.String())
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), "CHECKOUT="+checkout, "HARNESS_CACHE="+cacheDir(t), "HARNESS_PLUGIN_PATH="+pluginDir(t), "XDG_DATA_HOME="+t.TempDir())
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			hold(t, string(out), "plugin new", "plugin check", "step 2/2")
		})
	}
	if sections != 3 {
		t.Errorf("%d sections have commands, want a reward in Go, a reward in Python and an optimizer", sections)
	}
}
