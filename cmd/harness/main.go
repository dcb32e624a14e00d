// Command harness trains and measures code-writing language models with rewards that a program can check.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/core/spelling"
)

// Exit codes of every command.
const (
	exitFailure = 1 // the command could not do what was asked
	exitUsage   = 2 // what was asked makes no sense: a flag, a name, an input file
)

// usageError marks what the caller must mend in the command line or in an input file; it ends with exitUsage.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usagef makes a usageError.
func usagef(format string, a ...any) error { return usageError{fmt.Errorf(format, a...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// execute runs the command line args and returns the exit code. Results go to stdout, everything else to stderr.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out := &results{w: stdout}
	err := newApp(out, stderr).RunContext(ctx, args)
	if err == nil {
		err = out.err
	}
	switch {
	case err == nil:
		return 0
	case errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "harness: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "harness: %v\n", err)
		return exitFailure
	}
}

// results is where results go. It keeps the first error, so that commands may print as if there were none.
type results struct {
	w   io.Writer
	err error
}

func (r *results) Write(b []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.w.Write(b)
	if err != nil {
		r.err = fmt.Errorf("write the results to standard output: %w", err)
	}
	return n, r.err
}

func newApp(stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name:           "harness",
		Usage:          "reinforcement learning with verifiable rewards for Python code generation",
		Writer:         stdout,
		ErrWriter:      stderr,
		Suggest:        true,
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   wrongUsage(nil),
		Commands:       withUsageError(commands()),
		Action:         noCommand,
	}
}

// noCommand is what happens where no command was named: help, or an error for a name that does not exist.
func noCommand(c *cli.Context) error {
	if c.NArg() == 0 {
		return cli.ShowAppHelp(c)
	}
	var names []string
	for _, command := range c.App.VisibleCommands() {
		names = append(names, command.Name)
	}
	return unknownName("command", c.Args().First(), names)
}

// withUsageError gives every command what to do with a flag that it does not have, and with one behind a word: the app's
// are not inherited.
func withUsageError(list []*cli.Command) []*cli.Command {
	for _, c := range list {
		c.OnUsageError = wrongUsage(c.Flags)
		if c.ArgsUsage != "" && !strings.HasPrefix(c.ArgsUsage, "--") { // study's words are flags
			c.Before = flagsFirst
		}
		withUsageError(c.Subcommands)
	}
	return list
}

// flagsFirst refuses a flag behind a word, which would be taken for one.
func flagsFirst(c *cli.Context) error {
	for _, a := range c.Args().Slice() {
		if len(a) > 1 && strings.HasPrefix(a, "-") {
			return usagef("%s: flags come before the other words, and %s stands behind one", strings.TrimPrefix(c.Command.HelpName, c.App.Name+" "), a)
		}
	}
	return nil
}

// wrongUsage says what is wrong with the flags of a command, and which one was meant.
func wrongUsage(flags []cli.Flag) cli.OnUsageErrorFunc {
	return func(_ *cli.Context, err error, _ bool) error {
		name, undefined := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
		if !undefined {
			return usageError{err}
		}
		var names []string
		for _, f := range flags {
			names = append(names, f.Names()...)
		}
		if near := spelling.Nearest(name, names); near != "" {
			return usagef("there is no flag --%s. Did you mean --%s?", name, near)
		}
		return usagef("there is no flag --%s; --help lists those that there are", name)
	}
}

// commands lists every command; each lives in a file of its own name.
func commands() []*cli.Command {
	return []*cli.Command{
		runCommand(), studyCommand(), evalCommand(), compareCommand(), verifyCommand(), reportCommand(), benchCommand(),
		pluginCommand(), assetsCommand(), doctorCommand(), completionCommand(), versionCommand(),
		verdictWorkerCommand(), lintWorkerCommand(), completeLineCommand(),
	}
}
