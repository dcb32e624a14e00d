package main

import (
	"embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/core/prompt"
	"github.com/rlvr-harness/harness/core/train"
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/scaffold"
)

//go:embed completion
var completionScripts embed.FS

// completeLine is the command that the shells' scripts call.
const completeLine = "complete-line"

// shells are those that completion has a script for, with the line that loads it.
var shells = map[string]string{
	"bash": "source <(harness completion bash)",
	"zsh":  "source <(harness completion zsh)",
	"fish": "harness completion fish | source",
}

func shellNames() []string { return slices.Sorted(maps.Keys(shells)) }

func completionCommand() *cli.Command {
	var lines []string
	for _, shell := range shellNames() {
		lines = append(lines, "   "+shells[shell])
	}
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the script that completes commands, flags and names in a shell",
		ArgsUsage: strings.Join(shellNames(), "|"),
		Description: "Put the line of your shell into its start-up file:\n" + strings.Join(lines, "\n") +
			"\nNames of plugins, benchmarks, models and artefacts complete too, also inside chains of rewards.",
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("name one shell: %s", strings.Join(shellNames(), ", "))
			}
			shell := c.Args().First()
			if _, ok := shells[shell]; !ok {
				return unknownName("completion for a shell", shell, shellNames())
			}
			script, err := completionScripts.ReadFile("completion/harness." + shell)
			if err != nil {
				return err
			}
			_, err = c.App.Writer.Write(script)
			return err
		},
	}
}

// completeLineCommand answers the scripts: a line for each way to go on, with a tab before what it means. No line means
// names of files.
func completeLineCommand() *cli.Command {
	return &cli.Command{
		Name:            completeLine,
		Hidden:          true,
		SkipFlagParsing: true,
		Usage:           "say how the last of some words can go on",
		Action: func(c *cli.Context) error {
			words := c.Args().Slice()
			if len(words) == 0 {
				words = []string{""}
			}
			for _, next := range completions(commands(), words) {
				if err := next.print(c.App.Writer); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// completion is one way to go on with the word that is being typed.
type completion struct{ word, means string }

func (n completion) print(w io.Writer) error {
	line := n.word
	if n.means != "" {
		line += "\t" + n.means
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

// completions says how the last of words, which follow the program's name, can go on.
func completions(list []*cli.Command, words []string) []completion {
	var (
		before, typed = words[:len(words)-1], words[len(words)-1]
		path          []string // names of the commands that were entered
		flags         []cli.Flag
		argument      string // the first word that is neither a command nor a flag's
		pending       string // the flag whose value comes next
	)
	for _, word := range before {
		if pending != "" {
			pending = ""
			continue
		}
		if name, isFlag := flagName(word); isFlag {
			if !strings.Contains(word, "=") && takesValue(flags, name) {
				pending = name
			}
			continue
		}
		i := slices.IndexFunc(list, func(c *cli.Command) bool { return c.HasName(word) })
		if i < 0 {
			list = nil
			if argument == "" {
				argument = word
			}
			continue
		}
		path, flags, list = append(path, list[i].Name), list[i].Flags, list[i].Subcommands
	}

	var out []completion
	switch name, isFlag := flagName(typed); {
	case pending != "":
		out = following("", typed, valuesOf(pending))
	case isFlag && strings.Contains(typed, "="):
		head, value, _ := strings.Cut(typed, "=")
		out = following(head+"=", value, valuesOf(name))
	case isFlag:
		for _, f := range flags {
			if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() {
				continue
			}
			out = append(out, completion{"--" + f.Names()[0], firstLine(usageOf(f))})
		}
		out = append(out, completion{"--help", "show help"})
	case len(list) > 0:
		for _, c := range list {
			if !c.Hidden {
				out = append(out, completion{c.Name, firstLine(c.Usage)})
			}
		}
	case argument == "":
		for _, v := range argumentsOf(strings.Join(path, " ")) {
			out = append(out, completion{word: v})
		}
	}
	return slices.DeleteFunc(out, func(n completion) bool { return !strings.HasPrefix(n.word, typed) })
}

// following are the ways to go on with a value that may be a list with commas: the last of its entries goes on.
func following(head, value string, values []string) []completion {
	if i := strings.LastIndex(value, ","); i >= 0 {
		head += value[:i+1]
	}
	var out []completion
	for _, v := range values {
		out = append(out, completion{word: head + v})
	}
	return out
}

// flagName returns the name in a word like --name or --name=value.
func flagName(word string) (string, bool) {
	if !strings.HasPrefix(word, "-") {
		return "", false
	}
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	return name, true
}

func takesValue(flags []cli.Flag, name string) bool {
	for _, f := range flags {
		if d, ok := f.(cli.DocGenerationFlag); ok && slices.Contains(f.Names(), name) {
			return d.TakesValue()
		}
	}
	return false
}

func usageOf(f cli.Flag) string {
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	return strings.ReplaceAll(d.GetUsage(), "`", "")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.ReplaceAll(line, "\t", " ")
}

// valuesOf lists the values of a flag that has a known set of them.
func valuesOf(flag string) []string {
	switch flag {
	case "optimizer", "optimizers":
		return pluginNames(plugins.KindOptimizer)
	case "reward", "rewards":
		return pluginNames(plugins.KindReward)
	case "benchmark":
		return benchmarkNames()
	case "model":
		return models
	case "prompt":
		return prompt.Names()
	case "lr-schedule":
		return train.Decays()
	case "split":
		return []string{"train", "validation", "test", "prompt"}
	case "eval-split":
		return []string{"train", "validation", "test"}
	case "curriculum":
		return []string{"none", "pass-rate"}
	case "dtype":
		return []string{"float32", "bfloat16"}
	case "device":
		return []string{"auto", "cpu", "cuda"}
	case "extract":
		return []string{"auto", "none"}
	case "lint-profile":
		return []string{"classic", "default"}
	case "weak":
		return []string{"allow", "fail"}
	case "lang":
		return scaffold.Languages()
	}
	return nil
}

// argumentsOf lists the first arguments of a command that has a known set of them.
func argumentsOf(command string) []string {
	switch command {
	case "completion":
		return shellNames()
	case "plugin list":
		return pluginNames(plugins.Kinds()...)
	case "plugin new":
		return []string{string(plugins.KindReward), string(plugins.KindOptimizer)}
	case "assets list", "assets fetch", "assets verify":
		var names []string
		for _, a := range artefacts() {
			names = append(names, a.Name)
		}
		return names
	}
	return nil
}

func pluginNames(kinds ...plugins.Kind) []string {
	var names []string
	for _, f := range plugins.Find(plugins.SearchPath()) {
		if slices.Contains(kinds, f.Kind) {
			names = append(names, f.Name)
		}
	}
	return names
}
