package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/plugintest"
	"github.com/rlvr-harness/harness/plugins/scaffold"
)

func pluginCommand() *cli.Command {
	return &cli.Command{
		Name:  "plugin",
		Usage: "list, check and begin plugins: rewards, optimizers, policies",
		Description: `A plugin is a program named harness-reward-NAME, harness-optimizer-NAME or harness-policy-NAME in the folder of
harness, in ./bin, in a folder of $` + plugins.SearchPathVariable + ` or in harness/plugins of the user's data folder. The first one of a name is used.

Example:
   harness plugin list`,
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "list the plugins that are found, with their settings", ArgsUsage: "[NAME…]",
				Description: "With names, every setting of those plugins is told.\n\nExamples:\n   harness plugin list\n   harness plugin list grpo combined",
				Flags:       []cli.Flag{jsonFlag()}, Action: pluginList,
			},
			{
				Name: "check", Usage: "hold a plugin to the suite that all plugins pass", ArgsUsage: "PATH",
				Description: "PATH is a plugin's file, or the name of one that is found. The exit code is 1 where a demand is not met.\n\n" +
					"Examples:\n   harness plugin check ./harness-reward-mine\n   harness plugin check --set preset=trl-1.16 grpo",
				Flags: []cli.Flag{
					jsonFlag(),
					&cli.StringSliceFlag{Name: "set", Usage: "a setting of the plugin, as `KEY=VALUE`"},
					&cli.StringSliceFlag{Name: "skip", Usage: "leave out the demand `NAME`; a loss with a stop-gradient leaves out derivative"},
					&cli.BoolFlag{Name: "sandbox", Usage: "offer the plugin the harness's sandbox and linter, as a run does"},
					&cli.DurationFlag{Name: "timeout", Usage: "the longest time of one call", Value: 30 * time.Second},
				},
				Action: pluginCheck,
			},
			{
				Name: "new", Usage: "write the folder of a new reward or optimizer", ArgsUsage: "reward|optimizer NAME",
				Description: "Examples:\n   harness plugin new reward brevity\n   harness plugin new --lang python optimizer mine",
				Flags: []cli.Flag{
					jsonFlag(),
					&cli.StringFlag{Name: "lang", Usage: "`LANGUAGE` of the plugin: " + strings.Join(scaffold.Languages(), " or "), Value: "go"},
					&cli.StringFlag{Name: "dir", Usage: "the `FOLDER` to make (default: harness-KIND-NAME)"},
					&cli.StringFlag{Name: "harness", Usage: "a `CHECKOUT` of harness to build against (default: the one around the current folder, if there is one)"},
				},
				Action: pluginNew,
			},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return unknownSubcommand(c, "plugin", c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// listed is one entry of "plugin list".
type listed struct {
	plugins.Found
	Info *plugins.Info `json:"info,omitempty"`
	// Error says why the plugin could not be asked.
	Error string `json:"error,omitempty"`
}

func pluginList(c *cli.Context) error {
	found := plugins.Find(plugins.SearchPath())
	var names []string
	for _, f := range found {
		names = append(names, f.Name)
	}
	for _, want := range c.Args().Slice() {
		if !slices.Contains(names, want) {
			return unknownName("plugin", want, names)
		}
	}
	list := []listed{}
	for _, f := range found {
		if c.NArg() > 0 && !slices.Contains(c.Args().Slice(), f.Name) {
			continue
		}
		l := listed{Found: f}
		info, err := plugins.Inspect(c.Context, f.Kind, f.Path)
		if err != nil {
			if c.Context.Err() != nil {
				return err
			}
			l.Error = err.Error()
		} else {
			l.Info = &info
		}
		list = append(list, l)
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, list)
	}
	if len(list) == 0 {
		return fmt.Errorf("no plugins in %s; run ./task build", strings.Join(plugins.SearchPath(), ", "))
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tNAME\tVERSION\tPATH\tDOES")
	for _, l := range list {
		version, doc := "?", l.Error
		if l.Info != nil {
			version, doc = l.Info.Version, l.Info.Doc
		}
		doc, _, _ = strings.Cut(doc, "\n")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.Kind, l.Name, version, l.Path, doc)
		for _, s := range l.Shadowed {
			fmt.Fprintf(w, "\t\t\t%s\tnot used: %s is, since %s\n", s, l.Path, l.Why())
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if c.NArg() > 0 {
		return tellSettings(c, list)
	}
	return nil
}

// tellSettings prints the settings of plugins.
func tellSettings(c *cli.Context, list []listed) error {
	for _, l := range list {
		if l.Info == nil {
			continue
		}
		settings, err := plugins.DescribeSettings(l.Info.Schema)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.App.Writer, "\n%s %s: settings\n", l.Kind, l.Name)
		w := tabwriter.NewWriter(c.App.Writer, 2, 0, 2, ' ', 0)
		for _, s := range settings {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", s.Name, s.Type, s.Default, s.Doc)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func pluginCheck(c *cli.Context) (err error) {
	if c.NArg() != 1 {
		return usagef("plugin check: want one PATH or name, got %d", c.NArg())
	}
	path, err := pluginPath(c.Args().First())
	if err != nil {
		return err
	}
	o := plugintest.Options{Set: map[string]string{}, Skip: c.StringSlice("skip"), Timeout: c.Duration("timeout")}
	for _, kv := range c.StringSlice("set") {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return usagef("--set %s: want KEY=VALUE", kv)
		}
		o.Set[key] = value
	}
	if c.Bool("sandbox") {
		p := newParts(newConsole(c.App.ErrWriter))
		defer func() { err = errors.Join(err, p.close()) }()
		j, err := p.openJudge(c.Context, judgeConfig{Extract: "auto", LintProfile: "classic", Weak: "allow", Wall: "10s"})
		if err != nil {
			return err
		}
		o.Host = hostOf(j)
	}
	report := plugintest.Check(c.Context, path, o)
	var demands []string
	for _, r := range report.Results {
		demands = append(demands, r.Name)
	}
	for _, name := range o.Skip {
		if len(demands) > 1 && !slices.Contains(demands, name) { // a plugin that does not even start is asked one thing
			return unknownName("demand", name, demands)
		}
	}
	if c.Bool("json") {
		if err := printJSON(c.App.Writer, report); err != nil {
			return err
		}
	} else {
		for _, r := range report.Results {
			fmt.Fprintf(c.App.Writer, "%-8s %-32s %6s", r.Outcome, r.Name, r.Took.Round(time.Millisecond))
			if r.Detail != "" {
				fmt.Fprintf(c.App.Writer, "  %s", r.Detail)
			}
			fmt.Fprintln(c.App.Writer)
		}
	}
	if report.OK() {
		return nil
	}
	return fmt.Errorf("plugin check: %s does not meet every demand", path)
}

// pluginPath takes a path as it is, and a name to the file of that name.
func pluginPath(arg string) (string, error) {
	_, err := os.Stat(arg)
	if err == nil || strings.ContainsRune(arg, filepath.Separator) {
		return arg, nil // where there is no such file the suite says so
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var names []string
	for _, f := range plugins.Find(plugins.SearchPath()) {
		if f.Name == arg {
			return f.Path, nil
		}
		names = append(names, f.Name)
	}
	return "", unknownName("plugin", arg, names)
}

func pluginNew(c *cli.Context) error {
	if c.NArg() != 2 {
		return usagef("plugin new: want reward|optimizer and a NAME, got %q", strings.Join(c.Args().Slice(), " "))
	}
	o := scaffold.Options{Kind: plugins.Kind(c.Args().Get(0)), Name: c.Args().Get(1), Lang: c.String("lang"), Dir: c.String("dir"), Module: c.String("harness")}
	if o.Kind != plugins.KindReward && o.Kind != plugins.KindOptimizer {
		return usagef("plugin new: %q is no kind that can be begun; there are reward, optimizer", o.Kind)
	}
	if !slices.Contains(scaffold.Languages(), o.Lang) {
		return unknownName("language", o.Lang, scaffold.Languages())
	}
	if err := plugins.CheckName(o.Name); err != nil {
		return usageError{err}
	}
	if o.Dir == "" {
		o.Dir = plugins.FileName(o.Kind, o.Name)
	}
	if o.Module == "" {
		o.Module = checkoutAround()
	} else if !isCheckout(o.Module) {
		return usagef("--harness %s: that folder holds no checkout of harness", o.Module)
	} else if abs, err := filepath.Abs(o.Module); err == nil {
		o.Module = abs
	}
	files, err := scaffold.New(o)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, map[string]any{"dir": o.Dir, "files": files})
	}
	for _, f := range files {
		fmt.Fprintln(c.App.Writer, filepath.Join(o.Dir, f))
	}
	for _, f := range plugins.Find(plugins.SearchPath()) {
		if f.Kind == o.Kind && f.Name == o.Name {
			fmt.Fprintf(c.App.ErrWriter, "warning: the name %s means %s; open the new plugin by its path, or choose another name\n", f.Name, f.Path)
		}
	}
	if o.Lang == "go" && o.Module == "" {
		fmt.Fprintf(c.App.ErrWriter, "warning: go.mod names no harness yet, since none of its versions can be fetched and no checkout is around this folder; --harness DIR names one, and in the new folder so does\n"+
			"   go mod edit -require github.com/rlvr-harness/harness@v0.0.0 -replace github.com/rlvr-harness/harness=DIR\n")
	}
	fmt.Fprintf(c.App.ErrWriter, "next: read %s\n", filepath.Join(o.Dir, "README.md"))
	return nil
}

// isCheckout says whether a folder is a checkout of harness.
func isCheckout(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && strings.HasPrefix(string(text), "module github.com/rlvr-harness/harness\n")
}

// checkoutAround returns the checkout of harness that the working folder is in, or "".
func checkoutAround() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		if isCheckout(dir) {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
