// Package scaffold writes the folder of a new plugin: a working reward or optimizer in Go or in Python, with its settings, its
// test and the commands that build and check it. The author changes the rule and keeps the rest.
package scaffold

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/plugins"
)

//go:embed go python
var sources embed.FS

// Languages lists the languages that New writes.
func Languages() []string { return []string{"go", "python"} }

// Options say what is to be written.
type Options struct {
	Kind plugins.Kind // a reward or an optimizer
	Name string
	Lang string
	// Dir is the folder to make; it must not exist.
	Dir string
	// Module is a checkout of harness that a Go plugin is built against, for as long as no version of it can be fetched;
	// "" leaves that to go.mod's reader.
	Module string
}

// New writes the plugin and returns its files, relative to o.Dir.
func New(o Options) ([]string, error) {
	if o.Kind != plugins.KindReward && o.Kind != plugins.KindOptimizer {
		return nil, fmt.Errorf("new plugin: kind %q: want %s or %s", o.Kind, plugins.KindReward, plugins.KindOptimizer)
	}
	if err := plugins.CheckName(o.Name); err != nil {
		return nil, fmt.Errorf("new plugin: %w", err)
	}
	if !slices.Contains(Languages(), o.Lang) {
		return nil, fmt.Errorf("new plugin: language %q: want one of %s", o.Lang, strings.Join(Languages(), ", "))
	}
	if _, err := os.Lstat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("new plugin: %s exists; choose another folder with --dir", o.Dir)
	}
	files, err := render(o)
	if err != nil {
		return nil, fmt.Errorf("new plugin: %w", err)
	}
	// A folder beside the final one, renamed when it is whole: a failure leaves nothing half made.
	parent := filepath.Dir(o.Dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("new plugin: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, ".new-plugin-")
	if err != nil {
		return nil, fmt.Errorf("new plugin: %w", err)
	}
	defer os.RemoveAll(tmp)
	names := make([]string, 0, len(files))
	for _, f := range files {
		path := filepath.Join(tmp, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("new plugin: %w", err)
		}
		if err := os.WriteFile(path, f.text, f.mode); err != nil {
			return nil, fmt.Errorf("new plugin: %w", err)
		}
		names = append(names, f.name)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return nil, fmt.Errorf("new plugin: %w", err)
	}
	if err := os.Rename(tmp, o.Dir); err != nil {
		return nil, fmt.Errorf("new plugin: %w", err)
	}
	slices.Sort(names)
	return names, nil
}

type file struct {
	name string
	text []byte
	mode os.FileMode
}

// render makes the files' texts. In them NAME and KIND stand for the plugin's.
func render(o Options) ([]file, error) {
	words := strings.NewReplacer("NAME", o.Name, "KIND", string(o.Kind))
	var files []file
	add := func(from, to string, mode os.FileMode) error {
		text, err := sources.ReadFile(from)
		if err != nil {
			return err
		}
		files = append(files, file{to, []byte(words.Replace(string(text))), mode})
		return nil
	}
	plugin := plugins.FileName(o.Kind, o.Name)
	if o.Lang == "go" {
		mod := fmt.Sprintf("module %s\n\ngo 1.26.0\n", plugin)
		if o.Module != "" {
			mod += fmt.Sprintf("\nrequire github.com/rlvr-harness/harness v0.0.0\n\nreplace github.com/rlvr-harness/harness => %s\n", o.Module)
		}
		files = append(files,
			file{"go.mod", []byte(mod), 0o644},
			file{".gitignore", []byte("/" + plugin + "\n"), 0o644})
		err := errors.Join(
			add("go/"+string(o.Kind)+".go.txt", "main.go", 0o644),
			add("go/check_test.go.txt", "main_test.go", 0o644),
			add("go/README.md", "README.md", 0o644))
		return files, err
	}
	if err := errors.Join(
		add("python/"+string(o.Kind)+".py", "plugin.py", 0o644),
		add("python/harness_plugin.py", "harness_plugin.py", 0o644),
		add("python/launcher.sh", plugin, 0o755),
		add("python/setup.sh", "setup.sh", 0o755),
		add("python/requirements.txt", "requirements.txt", 0o644),
		add("python/gitignore", ".gitignore", 0o644),
		add("python/README.md", "README.md", 0o644),
	); err != nil {
		return nil, err
	}
	protos, err := fs.Glob(plugins.Protos(), "*.proto")
	if err != nil {
		return nil, err
	}
	for _, name := range protos {
		text, err := fs.ReadFile(plugins.Protos(), name)
		if err != nil {
			return nil, err
		}
		files = append(files, file{"proto/harness/v1/" + name, text, 0o644})
	}
	return files, nil
}
