package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/core/spelling"
	"github.com/rlvr-harness/harness/runtime/assets"
	"github.com/rlvr-harness/harness/runtime/python-wasm/cpython"
	"github.com/rlvr-harness/harness/runtime/python-wasm/image"
	wazeropatch "github.com/rlvr-harness/harness/runtime/wazero-patch"
)

// artefacts lists every third-party artefact of harness.
func artefacts() []assets.Artefact {
	all := append(append(assets.Builtin(), cpython.Artefacts()...), image.Artefact())
	if wazeropatch.Supported() {
		all = append(all, wazeropatch.Artefact())
	}
	return all
}

// openAssets opens the cache with its progress shown on w.
func openAssets(w io.Writer) (*assets.Cache, error) {
	return assets.Open("", assets.NewProgress(w), artefacts()...)
}

func assetsCommand() *cli.Command {
	return &cli.Command{
		Name:  "assets",
		Usage: "fetch, build and check the third-party artefacts that harness needs",
		Description: `Artefacts are pinned by version and sha256 and lie in a cache outside the repository: $HARNESS_CACHE, by
default "harness" in the user's cache folder. Other commands fetch what they need by themselves.

Example:
   harness assets list`,
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "list the artefacts and how they lie in the cache", ArgsUsage: "[NAME…]",
				Description: "Examples:\n   harness assets list\n   harness assets list --json libtorch",
				Flags:       []cli.Flag{jsonFlag()}, Action: assetsList,
			},
			{
				Name: "fetch", Usage: "fetch or build artefacts, by default all but the optional ones, and print their paths", ArgsUsage: "[NAME…]",
				Description: "What is there and whole is left alone; what is damaged is replaced; a download that broke off is continued.\n\n" +
					"Examples:\n   harness assets fetch\n   harness assets fetch libtorch mbpp",
				Flags: []cli.Flag{jsonFlag()}, Action: assetsFetch,
			},
			{
				Name: "verify", Usage: "hash every file of artefacts, by default of all that are in the cache", ArgsUsage: "[NAME…]",
				Description: "Every use of an artefact compares sizes and times, which is quick; this compares the sha256 of each file.\n\n" +
					"Example:\n   harness assets verify libtorch",
				Flags: []cli.Flag{jsonFlag()}, Action: assetsVerify,
			},
			{
				Name: "env", Usage: "print the shell exports that build plugins/policies/torch against the cached libtorch",
				Description: "Keep them the same between builds: Go compiles the bindings again (about 170 s of one core) when one changes.\n\n" +
					"Example:\n   eval \"$(harness assets env)\" && go build ./plugins/policies/torch",
				Flags: []cli.Flag{jsonFlag()}, Action: assetsEnv,
			},
			{
				Name: "modfile", Usage: "print the go.mod that builds harness with the changed wazero, for go's -modfile (go.mod itself where there are no changes for the processor)",
				Description: "Must be called inside the checkout; the file lies in its bin/. Without it go builds the same harness, only slower.\n\n" +
					"Example:\n   go build -modfile=\"$(harness assets modfile)\" -o bin/harness ./cmd/harness",
				Action: assetsModfile,
			},
			{
				Name: "prune", Usage: "remove what this version of harness does not use from the cache",
				Description: "Other checkouts that share the cache have to make their artefacts again.\n\nExample:\n   harness assets prune",
				Flags:       []cli.Flag{jsonFlag()}, Action: assetsPrune,
			},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return unknownSubcommand(c, "assets", c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// unknownSubcommand names the subcommands that exist and the nearest.
func unknownSubcommand(c *cli.Context, of, typed string) error {
	var names []string
	for _, s := range c.Command.Subcommands {
		if s.Name != "help" {
			names = append(names, s.Name)
		}
	}
	return usagef("%s has no subcommand %q; there are %s%s", of, typed, strings.Join(names, ", "), didYouMean(typed, names))
}

func didYouMean(typed string, names []string) string {
	if n := spelling.Nearest(typed, names); n != "" {
		return "; did you mean " + n + "?"
	}
	return ""
}

// assetsError makes a wrong name a wrong usage.
func assetsError(err error) error {
	var unknown *assets.UnknownError
	if errors.As(err, &unknown) {
		return usageError{fmt.Errorf("%w%s", err, didYouMean(unknown.Name, unknown.Known))}
	}
	return err
}

// assetStatus is a line of "assets list" and "assets fetch".
type assetStatus struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Licence  string `json:"licence"`
	Purpose  string `json:"purpose"`
	Optional bool   `json:"optional"`
	State    string `json:"state"`
	Bytes    int64  `json:"bytes"`            // on disk
	Download int64  `json:"download_bytes"`   // of the fetched file
	SHA256   string `json:"sha256,omitempty"` // of the fetched file
	Digest   string `json:"digest,omitempty"` // of what the entry holds
	Path     string `json:"path"`
	Error    string `json:"error,omitempty"`
}

// assetStates returns the state of the named artefacts, or of all.
func assetStates(c *cli.Context, cache *assets.Cache, names []string) ([]assetStatus, error) {
	list := cache.List()
	if len(names) == 0 {
		for _, a := range list {
			names = append(names, a.Name)
		}
	}
	var out []assetStatus
	for _, n := range names {
		st, err := cache.Status(c.Context, n)
		if err != nil {
			return nil, assetsError(err)
		}
		for _, a := range list {
			if a.Name != n {
				continue
			}
			s := assetStatus{
				Name: a.Name, Version: a.Version, Licence: a.Licence, Purpose: a.Purpose, Optional: a.Optional, State: string(st.State), Bytes: st.Bytes,
				Download: a.Size, SHA256: a.SHA256, Digest: st.Digest, Path: st.Path,
			}
			if st.Err != nil {
				s.Error = st.Err.Error()
			}
			out = append(out, s)
		}
	}
	return out, nil
}

func assetsList(c *cli.Context) error {
	cache, err := openAssets(c.App.ErrWriter)
	if err != nil {
		return err
	}
	list, err := assetStates(c, cache, c.Args().Slice())
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, list)
	}
	fmt.Fprintf(c.App.ErrWriter, "cache: %s\n", cache.Folder())
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tVERSION\tSTATE\tON DISK\tDOWNLOAD\tLICENCE\tPURPOSE")
	for _, s := range list {
		download, name := "built here", s.Name
		if s.Download > 0 {
			download = assets.Bytes(s.Download)
		}
		if s.Optional {
			name += " (optional)"
		}
		licence, _, _ := strings.Cut(s.Licence, ",")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, s.Version, s.State, assets.Bytes(s.Bytes), download, licence, s.Purpose)
	}
	return w.Flush()
}

func assetsFetch(c *cli.Context) error {
	cache, err := openAssets(c.App.ErrWriter)
	if err != nil {
		return err
	}
	names := c.Args().Slice()
	if err := cache.Fetch(c.Context, names...); err != nil {
		return assetsError(err)
	}
	list, err := assetStates(c, cache, names)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, list)
	}
	for _, s := range list {
		if s.State == string(assets.Ready) {
			fmt.Fprintf(c.App.Writer, "%s %s\n", s.Name, s.Path)
		}
	}
	return nil
}

func assetsVerify(c *cli.Context) error {
	cache, err := openAssets(c.App.ErrWriter)
	if err != nil {
		return err
	}
	names := c.Args().Slice()
	if len(names) == 0 {
		list, err := assetStates(c, cache, nil)
		if err != nil {
			return err
		}
		for _, s := range list {
			if s.State == string(assets.Ready) || s.State == string(assets.Damaged) {
				names = append(names, s.Name)
			}
		}
	}
	type result struct {
		Name  string `json:"name"`
		OK    bool   `json:"ok"`
		Error string `json:"error,omitempty"`
	}
	results := []result{}
	var errs []error
	for _, n := range names {
		err := cache.Verify(c.Context, n)
		if c.Context.Err() != nil {
			return c.Context.Err()
		}
		r := result{Name: n, OK: err == nil}
		if err != nil {
			r.Error = err.Error()
			errs = append(errs, assetsError(err))
		} else if !c.Bool("json") {
			fmt.Fprintf(c.App.Writer, "%s ok\n", n)
		}
		results = append(results, r)
	}
	if c.Bool("json") {
		if err := printJSON(c.App.Writer, results); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// torchEnvironment is what cgo needs to build against the libtorch in the folder dir.
//
// The wheels are made with the old layout of C++ strings, so everything that shares one with them is too. The stubs
// come first, so that a CUDA installed on the machine is not picked up by accident. The include path is a system one,
// which silences warnings from torch's own headers.
func torchEnvironment(dir string) [][2]string {
	lib, include := filepath.Join(dir, "torch", "lib"), filepath.Join(dir, "torch", "include")
	flag := func(prefix, path string) string {
		if strings.ContainsAny(path, " \t") {
			return `"` + prefix + path + `"`
		}
		return prefix + path
	}
	return [][2]string{
		{"CGO_ENABLED", "1"},
		{"CGO_CXXFLAGS", "-D_GLIBCXX_USE_CXX11_ABI=0 -w"},
		{"CGO_LDFLAGS", strings.Join([]string{flag("-L", filepath.Join(dir, "stubs")), flag("-L", lib), flag("-Wl,-rpath,", lib)}, " ")},
		{"CPLUS_INCLUDE_PATH", include + ":" + filepath.Join(include, "torch", "csrc", "api", "include")},
	}
}

func assetsEnv(c *cli.Context) error {
	cache, err := openAssets(c.App.ErrWriter)
	if err != nil {
		return err
	}
	dir, err := cache.Path(c.Context, "libtorch")
	if err != nil {
		return err
	}
	env := torchEnvironment(dir)
	if c.Bool("json") {
		m := map[string]string{}
		for _, e := range env {
			m[e[0]] = e[1]
		}
		return printJSON(c.App.Writer, m)
	}
	for _, e := range env {
		fmt.Fprintf(c.App.Writer, "export %s='%s'\n", e[0], strings.ReplaceAll(e[1], "'", `'\''`))
	}
	return nil
}

func assetsModfile(c *cli.Context) error {
	root, err := checkout()
	if err != nil {
		return err
	}
	file := filepath.Join(root, "go.mod")
	if wazeropatch.Supported() {
		cache, err := openAssets(c.App.ErrWriter)
		if err != nil {
			return err
		}
		dir, err := cache.Path(c.Context, wazeropatch.Name)
		if err != nil {
			return err
		}
		if file, err = wazeropatch.WriteModfile(root, dir); err != nil {
			return err
		}
	}
	fmt.Fprintln(c.App.Writer, file)
	return nil
}

// checkout returns the folder of this module's go.mod: the working directory or one above it.
func checkout() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if first, _, _ := strings.Cut(string(b), "\n"); err == nil && strings.TrimSpace(first) == "module github.com/rlvr-harness/harness" {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not in a checkout of harness: no go.mod of it there or above", start)
		}
	}
}

func assetsPrune(c *cli.Context) error {
	cache, err := openAssets(c.App.ErrWriter)
	if err != nil {
		return err
	}
	freed, err := cache.Prune(c.Context)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, map[string]int64{"freed_bytes": freed})
	}
	fmt.Fprintf(c.App.Writer, "freed %s\n", assets.Bytes(freed))
	return nil
}
