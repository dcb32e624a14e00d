package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/urfave/cli/v2"
)

// version is the release; a build from a checkout adds its commit.
const version = "0.1.0"

// buildVersion is the release with the commit it was built from, as far as the binary knows it.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	commit, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-modified"
		}
	}
	if commit == "" {
		return version
	}
	return version + "+" + commit[:min(12, len(commit))] + dirty
}

// dependency returns the version of a module that is linked in, and what replaces it.
func dependency(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, d := range info.Deps {
		if d.Path == path {
			if d.Replace != nil {
				return d.Version + " changed: " + filepath.Base(d.Replace.Path)
			}
			return d.Version
		}
	}
	return ""
}

// replaced reports whether another copy of a module than the pinned is linked in.
func replaced(path string) bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Deps, func(d *debug.Module) bool { return d.Path == path && d.Replace != nil })
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "print the versions of harness and of what it is built on",
		Description: "Example:\n   harness version --json",
		Flags:       []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			v := map[string]string{
				"harness": buildVersion(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
				"wazero": dependency("github.com/tetratelabs/wazero"), "go-plugin": dependency("github.com/hashicorp/go-plugin"),
			}
			if c.Bool("json") {
				return printJSON(c.App.Writer, v)
			}
			for _, k := range []string{"harness", "go", "platform", "wazero", "go-plugin"} {
				fmt.Fprintf(c.App.Writer, "%-10s %s\n", k, v[k])
			}
			return nil
		},
	}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print the result as JSON on stdout"}
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
