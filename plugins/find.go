package plugins

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// SearchPathVariable names the environment variable with folders to search for plugins, separated as in PATH.
const SearchPathVariable = "HARNESS_PLUGIN_PATH"

// Found is a plugin's file on the search path.
type Found struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	Path string `json:"path"`
	// Shadowed are files of the same kind and name in later folders; they are not used.
	Shadowed []string `json:"shadowed,omitempty"`
}

// Why says why Path is used and the files in Shadowed are not.
func (f Found) Why() string {
	if own := ownFolder(); own != "" && filepath.Dir(f.Path) == own {
		return "harness's own folder comes first, so that a built-in's name always means the built-in; open yours by its path"
	}
	return "its folder comes first on the search path; open the other by its path"
}

// FileName returns the name of a plugin's file.
func FileName(kind Kind, name string) string { return "harness-" + string(kind) + "-" + name }

// SearchPath returns the folders that are searched for plugins, the first one first: the folder of the running
// executable, ./bin, those of $HARNESS_PLUGIN_PATH, and harness/plugins in the user's data folder.
//
// The executable's own folder comes first, so that a built-in's name in a command line or a manifest always means the
// built-in; a plugin that replaces one is opened by its path.
func SearchPath() []string {
	var dirs []string
	add := func(dir string) {
		if dir == "" {
			return
		}
		if abs, err := filepath.Abs(dir); err == nil && !slices.Contains(dirs, abs) {
			dirs = append(dirs, abs)
		}
	}
	add(ownFolder())
	add("bin")
	for _, dir := range filepath.SplitList(os.Getenv(SearchPathVariable)) {
		add(dir)
	}
	add(UserFolder())
	return dirs
}

// ownFolder returns the folder of the running executable, or "" where that cannot be told.
func ownFolder() string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	return filepath.Dir(exe)
}

// UserFolder returns the folder for a user's own plugins, or "" where the user has no home.
func UserFolder() string {
	data := os.Getenv("XDG_DATA_HOME")
	if data == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "harness", "plugins")
}

// Find lists the plugins in the folders of search, by kind and name. Folders that do not exist are passed over.
func Find(search []string) []Found {
	var out []Found
	at := map[string]int{}
	for _, dir := range search {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			kind, name, ok := parseFileName(e.Name())
			if !ok {
				continue
			}
			path := filepath.Join(dir, e.Name())
			if st, err := os.Stat(path); err != nil || st.IsDir() {
				continue
			}
			key := string(kind) + "/" + name
			if i, seen := at[key]; seen {
				out[i].Shadowed = append(out[i].Shadowed, path)
				continue
			}
			at[key] = len(out)
			out = append(out, Found{Kind: kind, Name: name, Path: path})
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		if out[i].Kind != out[j].Kind {
			return slices.Index(Kinds(), out[i].Kind) < slices.Index(Kinds(), out[j].Kind)
		}
		return out[i].Name < out[j].Name
	})
	return out
}

// parseFileName is the inverse of FileName.
func parseFileName(file string) (Kind, string, bool) {
	for _, k := range Kinds() {
		if name, ok := strings.CutPrefix(file, FileName(k, "")); ok && CheckName(name) == nil {
			return k, name, true
		}
	}
	return "", "", false
}

// UnknownError says that no plugin has a name.
type UnknownError struct {
	Kind Kind
	Name string
	// Known are the names that exist, in order; Search are the folders that were searched.
	Known, Search []string
}

// Error names the nearest plugin and those that exist.
func (e *UnknownError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("no %s %q: there is no file %s in %s; run ./task build, or set %s", e.Kind, e.Name,
			FileName(e.Kind, "NAME"), strings.Join(e.Search, ", "), SearchPathVariable)
	}
	return fmt.Sprintf("no %s %q;%s there are %s (searched in %s)", e.Kind, e.Name,
		didYouMean(e.Name, e.Known), strings.Join(e.Known, ", "), strings.Join(e.Search, ", "))
}

// locate finds the file of a plugin that is named by its name or, where the name has a separator in it, by its path.
func locate(kind Kind, name string, search []string) (Found, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		path, err := filepath.Abs(name)
		if err != nil {
			return Found{}, err
		}
		f := Found{Kind: kind, Path: path}
		if k, n, ok := parseFileName(filepath.Base(path)); ok && k == kind {
			f.Name = n
		}
		return f, nil
	}
	if search == nil {
		search = SearchPath()
	}
	unknown := &UnknownError{Kind: kind, Name: name, Search: search}
	for _, f := range Find(search) {
		if f.Kind != kind {
			continue
		}
		if f.Name == name {
			return f, nil
		}
		unknown.Known = append(unknown.Known, f.Name)
	}
	return Found{}, unknown
}

// namesake returns the file that the name of a plugin opens, where that is not the plugin's own; "" is the usual case.
func namesake(f Found, search []string) string {
	if f.Name == "" {
		return ""
	}
	other, err := locate(f.Kind, f.Name, search)
	if err != nil {
		return "" // nothing else has that name
	}
	a, errA := os.Stat(f.Path)
	b, errB := os.Stat(other.Path)
	if errA != nil || errB != nil || os.SameFile(a, b) {
		return ""
	}
	return other.Path
}

// checkFile says why a file cannot be a plugin, or nil.
func checkFile(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if st.IsDir() {
		return fmt.Errorf("%s is a folder", path)
	}
	if st.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not executable; run chmod +x %s", path, path)
	}
	return nil
}
