package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/core"
	pythonwasm "github.com/rlvr-harness/harness/runtime/python-wasm"
)

const peerHelp = `With --peer, other graders take part in every round. COMMAND is run by sh; {tasks} in it stands for a file of the very tasks that are
measured, JSON lines as in MBPP, whose programs are the solutions. If the last JSON object that it prints has a number cpu_ms_per_verdict,
that counts, since a grader may know its start-up from its work; otherwise it is the CPU time of the command and its children divided by
the number of tasks. A command that prints "failed": [ids] with ids in it, or ends with another status than 0, ends the measurement.

Examples:
   harness bench verdicts --tasks mbpp.jsonl --sample 0
   harness bench verdicts --tasks mbpp.jsonl --peer 'fork=python3 verdicts.py --modes fork --repeats 1 --tasks {tasks}'`

// tasksPlaceholder stands for the file of tasks in the command of a peer.
const tasksPlaceholder = "{tasks}"

// openPeers makes a peer of each LABEL=COMMAND. done removes their files.
func openPeers(flags []string) (peers []pythonwasm.Peer, done func() error, err error) {
	done = func() error { return nil }
	if len(flags) == 0 {
		return nil, done, nil
	}
	for _, f := range flags {
		label, command, found := strings.Cut(f, "=")
		if !found || label == "" || !strings.Contains(command, tasksPlaceholder) {
			return nil, nil, usagef("--peer %q: want LABEL=COMMAND with %s where the file of tasks goes", f, tasksPlaceholder)
		}
	}
	dir, err := os.MkdirTemp("", "harness-peers-")
	if err != nil {
		return nil, nil, err
	}
	for _, f := range flags {
		label, command, _ := strings.Cut(f, "=")
		peers = append(peers, pythonwasm.Peer{Label: label, Grade: func(ctx context.Context, tasks []core.Task) (float64, error) {
			return gradeByCommand(ctx, command, filepath.Join(dir, "tasks.jsonl"), tasks)
		}})
	}
	return peers, func() error { return os.RemoveAll(dir) }, nil
}

// gradeByCommand writes tasks to file and has command grade them.
func gradeByCommand(ctx context.Context, command, file string, tasks []core.Task) (float64, error) {
	var lines bytes.Buffer
	e := json.NewEncoder(&lines)
	for _, t := range tasks {
		imports := strings.Join(t.Imports, "\n")
		row := struct {
			ID    string   `json:"task_id"`
			Text  string   `json:"text"`
			Code  string   `json:"code"`
			Setup string   `json:"test_setup_code"`
			Tests []string `json:"test_list"`
		}{t.ID, "", strings.TrimPrefix(imports+"\n"+t.Code, "\n"), strings.TrimPrefix(imports+"\n"+t.Setup, "\n"), t.Tests}
		if err := e.Encode(row); err != nil {
			return 0, err
		}
	}
	if err := os.WriteFile(file, lines.Bytes(), 0o600); err != nil {
		return 0, err
	}
	quoted := "'" + strings.ReplaceAll(file, "'", `'\''`) + "'"
	cmd := exec.CommandContext(ctx, "sh", "-c", strings.ReplaceAll(command, tasksPlaceholder, quoted))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(stderr.String()))
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return readPeer(out, float64(cpu)/float64(time.Millisecond)/float64(len(tasks)))
}

// readPeer looks for the last line of JSON with a cost in what a peer printed; measured is the cost where there is none.
func readPeer(out []byte, measured float64) (float64, error) {
	for line := range bytes.Lines(out) {
		var r struct {
			CPU    *float64          `json:"cpu_ms_per_verdict"`
			Failed []json.RawMessage `json:"failed"`
		}
		if json.Unmarshal(line, &r) != nil {
			continue
		}
		if len(r.Failed) > 0 {
			return 0, fmt.Errorf("it failed tasks %s, which makes its time another one", bytes.Join(rawBytes(r.Failed), []byte(", ")))
		}
		if r.CPU != nil {
			measured = *r.CPU
		}
	}
	if !(measured > 0) {
		return 0, fmt.Errorf("it took %v ms a verdict, which cannot be", measured)
	}
	return measured, nil
}

func rawBytes(v []json.RawMessage) (out [][]byte) {
	for _, x := range v {
		out = append(out, x)
	}
	return out
}

// verdictsResult is a benchResult with those of the peers.
type verdictsResult struct {
	benchResult
	Peers []pythonwasm.PeerCost `json:"peers,omitempty"`
}

func (r verdictsResult) print(c *cli.Context) error {
	if c.Bool("json") {
		return printJSON(c.App.Writer, r)
	}
	if err := r.benchResult.print(c); err != nil {
		return err
	}
	for _, p := range r.Peers {
		fmt.Fprintf(c.App.Writer, "  %-28s %.3f %s, %.1f times ours\n", p.Label, p.Milliseconds, r.Unit, p.Ratio)
	}
	return nil
}
