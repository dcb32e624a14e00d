package assets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// debianSuites are the suites by which an archive is known to be Debian's and not that of some other publisher.
var debianSuites = []string{"bullseye", "bookworm", "trixie", "forky", "duke", "sid", "oldoldstable", "oldstable", "stable", "testing", "unstable"}

// DebianArchives returns the addresses of the Debian archives that this machine's apt is set up for.
func DebianArchives() ([]string, error) { return debianArchives("/etc/apt") }

// debianArchives returns the addresses of the Debian archives in the apt configuration folder etc, without repeats.
func debianArchives(etc string) ([]string, error) {
	var paths []string
	for _, pattern := range []string{"sources.list", "sources.list.d/*.list", "sources.list.d/*.sources"} {
		found, err := filepath.Glob(filepath.Join(etc, pattern))
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	var out []string
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue // a list with a password in it may be closed to us
		}
		if err != nil {
			return nil, fmt.Errorf("read the apt sources: %w", err)
		}
		parse := oneLineSources
		if strings.HasSuffix(p, ".sources") {
			parse = deb822Sources
		}
		for _, uri := range parse(string(b)) {
			if !slices.Contains(out, uri) {
				out = append(out, uri)
			}
		}
	}
	return out, nil
}

// isDebian says whether one apt source (its address, its suites, its components) is a main archive of Debian.
func isDebian(uri string, suites, components []string) bool {
	if !slices.Contains(components, "main") || strings.Contains(uri, "-security") || strings.HasPrefix(uri, "cdrom:") ||
		strings.ContainsAny(uri, " \t\n\"'[]") || !strings.Contains(uri, ":") {
		return false
	}
	return slices.ContainsFunc(suites, func(s string) bool { return slices.Contains(debianSuites, s) })
}

// oneLineSources reads "deb [options] uri suite component…" lines.
func oneLineSources(text string) (uris []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		kind, rest := line, ""
		if i := strings.IndexAny(line, " \t"); i >= 0 {
			kind, rest = line[:i], strings.TrimSpace(line[i:])
		}
		if kind != "deb" && kind != "deb-src" {
			continue
		}
		if strings.HasPrefix(rest, "[") {
			_, after, ok := strings.Cut(rest, "]")
			if !ok {
				continue
			}
			rest = after
		}
		if f := strings.Fields(rest); len(f) >= 3 && isDebian(f[0], f[1:2], f[2:]) {
			uris = append(uris, f[0])
		}
	}
	return uris
}

// deb822Sources reads stanzas of "Field: value" lines, continued by lines that begin with a blank.
func deb822Sources(text string) (uris []string) {
	fields := map[string]string{}
	name := ""
	flush := func() {
		if strings.EqualFold(strings.TrimSpace(fields["enabled"]), "no") {
			fields = map[string]string{}
			return
		}
		for _, uri := range strings.Fields(fields["uris"]) {
			if isDebian(uri, strings.Fields(fields["suites"]), strings.Fields(fields["components"])) {
				uris = append(uris, uri)
			}
		}
		fields, name = map[string]string{}, ""
	}
	for line := range strings.Lines(text) {
		switch line = strings.TrimRight(line, "\r\n"); {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			fields[name] += " " + strings.TrimSpace(line)
		default:
			key, value, _ := strings.Cut(line, ":")
			name = strings.ToLower(strings.TrimSpace(key))
			fields[name] = value
		}
	}
	flush()
	return uris
}
