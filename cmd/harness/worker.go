package main

import (
	"context"

	"github.com/urfave/cli/v2"

	pythonwasm "github.com/rlvr-harness/harness/runtime/python-wasm"
	ruffwasm "github.com/rlvr-harness/harness/runtime/ruff-wasm"
)

// verdictWorkerCommand is one of the two processes that --isolate starts; they are not for people.
func verdictWorkerCommand() *cli.Command {
	return workerCommand(pythonwasm.WorkerCommand, "make verdicts for the process that started this one", pythonwasm.ServeWorker)
}

// lintWorkerCommand is the other.
func lintWorkerCommand() *cli.Command {
	return workerCommand(ruffwasm.WorkerCommand, "lint programs for the process that started this one", ruffwasm.ServeWorker)
}

func workerCommand(name, usage string, serve func(context.Context) error) *cli.Command {
	return &cli.Command{
		Name:   name,
		Hidden: true,
		Usage:  usage,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("%s takes no arguments; what is %q?", name, c.Args().First())
			}
			return serve(c.Context)
		},
	}
}
