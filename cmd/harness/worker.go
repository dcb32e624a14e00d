package main

import (
	"github.com/urfave/cli/v2"

	pythonwasm "github.com/rlvr-harness/harness/runtime/python-wasm"
)

// workerCommand is the process that --isolate starts; it is not for people.
func workerCommand() *cli.Command {
	return &cli.Command{
		Name:   pythonwasm.WorkerCommand,
		Hidden: true,
		Usage:  "make verdicts for the process that started this one",
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("%s takes no arguments; what is %q?", pythonwasm.WorkerCommand, c.Args().First())
			}
			return pythonwasm.ServeWorker(c.Context)
		},
	}
}
