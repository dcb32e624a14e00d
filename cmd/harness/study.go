package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/core/study"
)

func studyCommand() *cli.Command {
	return &cli.Command{
		Name:      "study",
		Usage:     "train every reward with every optimizer and compare the runs",
		ArgsUsage: "-- FLAGS OF harness run",
		Description: `Makes one run for each reward, optimizer and seed, all with the flags behind --, and writes results.md, results.json and
figures: held-out pass rate, cells compared task by task, curves of pass rate, length and lint, severity profile, verdicts,
error types, diagnostics. What a seed's first policy can is measured once and taken over by the other runs of the seed.

A study that was stopped goes on where it was: runs that are finished are kept, one that was interrupted is resumed. The
results are written after each run. Other files in the folder of the results are left alone.

Example:
   harness study --rewards unit-tests,ruff,combined --optimizers grpo,gspo --seeds 1,2 --out runs/study --docs docs/study -- --steps 12 --lr 2e-4`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "rewards", Value: "unit-tests,ruff,combined", Usage: "`NAMES` of reward plugins, with commas between them"},
			&cli.StringFlag{Name: "optimizers", Value: "grpo,gspo", Usage: "`NAMES` of optimizer plugins"},
			&cli.StringFlag{Name: "seeds", Value: "1,2", Usage: "seeds of the runs"},
			&cli.StringFlag{Name: "out", Value: "runs/study", Usage: "`DIR` of the runs, one folder each"},
			&cli.StringFlag{Name: "docs", Usage: "`DIR` of the results; default: that of the runs"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be run, and write the results of what is there"},
			jsonFlag(),
		},
		Action: makeStudy,
	}
}

// planName is the file in the folder of a study's runs that says what they were made with.
const planName = "study.json"

func makeStudy(c *cli.Context) error {
	p, err := planOf(c)
	if err != nil {
		return err
	}
	out, docs := c.String("out"), c.String("docs")
	if docs == "" {
		docs = out
	}
	if err := keepPlan(out, p); err != nil {
		return err
	}
	con := newConsole(c.App.ErrWriter)
	command := strings.Join(append([]string{
		"harness", "study", "--rewards", c.String("rewards"), "--optimizers", c.String("optimizers"), "--seeds", c.String("seeds"), "--",
	}, p.Settings...), " ")
	runs := p.Runs()
	began, made := time.Now(), 0
	first := map[uint64]string{} // the folder of each seed's first finished run
	for i, r := range runs {
		dir := filepath.Join(out, r.Name())
		begun, finished, err := study.Finished(dir)
		if err != nil {
			return err
		}
		args := append([]string{"harness", "run", "--reward", r.Reward, "--optimizer", r.Optimizer, "--seed", strconv.FormatUint(r.Seed, 10), "--out", dir}, p.Settings...)
		if from, ok := first[r.Seed]; ok { // one policy: what it can before the first step is measured once
			args = append(args, "--before-from", from)
		}
		if begun {
			args = []string{"harness", "run", "--resume", dir}
		}
		if _, ok := first[r.Seed]; !ok && finished {
			first[r.Seed] = dir
		}
		if finished {
			con.line("run %d/%d %s: finished before", i+1, len(runs), r.Name())
			continue
		}
		con.line("run %d/%d: %s", i+1, len(runs), strings.Join(args, " "))
		if c.Bool("dry-run") {
			continue
		}
		// A run opens and closes all of its parts, and its plugins are processes of their own: nothing of it is left for the next.
		if err := newApp(c.App.ErrWriter, c.App.ErrWriter).RunContext(c.Context, args); err != nil {
			return fmt.Errorf("study: run %s: %w", r.Name(), err)
		}
		if _, err := study.Write(out, docs, command, p); err != nil {
			return err
		}
		if _, finished, err = study.Finished(dir); err != nil {
			return err
		} else if !finished {
			return fmt.Errorf("study: run %s was stopped; the same command goes on with it", r.Name())
		}
		if _, ok := first[r.Seed]; !ok {
			first[r.Seed] = dir
		}
		made++
		each := time.Since(began) / time.Duration(made)
		con.line("run %d/%d %s: finished; %s a run so far, about %s for the rest", i+1, len(runs), r.Name(),
			each.Round(time.Second), (each * time.Duration(len(runs)-i-1)).Round(time.Second))
	}
	missing, err := study.Write(out, docs, command, p)
	if err != nil {
		return err
	}
	results := filepath.Join(docs, study.ResultsName)
	if c.Bool("json") {
		return printJSON(c.App.Writer, map[string]any{"runs": len(runs), "missing": append([]string{}, missing...), "results": results})
	}
	fmt.Fprintf(c.App.Writer, "%d of %d runs finished\n", len(runs)-len(missing), len(runs))
	if len(missing) < len(runs) {
		fmt.Fprintf(c.App.Writer, "results: %s\n", results)
	}
	return nil
}

// planOf reads the flags; what stands behind -- must be flags of run that the study does not set itself.
func planOf(c *cli.Context) (study.Plan, error) {
	p := study.Plan{Settings: append([]string{}, c.Args().Slice()...)}
	names := func(flag string) ([]string, error) {
		var out []string
		for _, name := range strings.Split(c.String(flag), ",") {
			if name = strings.TrimSpace(name); name == "" || slices.Contains(out, name) || strings.ContainsAny(name, `/\=`) {
				return nil, usagef("--%s %q: want names with commas between them, each once", flag, c.String(flag))
			}
			out = append(out, name)
		}
		return out, nil
	}
	var err error
	if p.Rewards, err = names("rewards"); err != nil {
		return p, err
	}
	if p.Optimizers, err = names("optimizers"); err != nil {
		return p, err
	}
	seeds, err := names("seeds")
	if err != nil {
		return p, err
	}
	for _, s := range seeds {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return p, usagef("--seeds %q: %s is no seed; want whole numbers from 0", c.String("seeds"), s)
		}
		p.Seeds = append(p.Seeds, n)
	}
	if len(p.Settings) > 0 && !strings.HasPrefix(p.Settings[0], "-") {
		return p, usagef("study: what is %q? The flags of the runs stand behind --, as: harness study --seeds 1,2 -- --steps 12", p.Settings[0])
	}
	for _, own := range []string{"reward", "optimizer", "seed", "out", "resume", "before-from", "json"} {
		for _, s := range p.Settings {
			if name, _, _ := strings.Cut(strings.TrimLeft(s, "-"), "="); strings.HasPrefix(s, "-") && name == own {
				return p, usagef("study: %s is set by the study itself; leave it out behind --", s)
			}
		}
	}
	return p, nil
}

// keepPlan writes the plan beside the runs, and refuses a folder whose runs were made with other settings. Rewards,
// optimizers and seeds may differ: they name the runs.
func keepPlan(dir string, p study.Plan) error {
	path := filepath.Join(dir, planName)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return fmt.Errorf("study: %w", err)
	default:
		var was study.Plan
		if err := json.Unmarshal(text, &was); err != nil {
			return usagef("study: %s: %w", path, err)
		}
		if !reflect.DeepEqual(was.Settings, p.Settings) {
			return usagef("study: the runs in %s were made with %q, not %q; choose another --out, or remove that folder", dir, strings.Join(was.Settings, " "), strings.Join(p.Settings, " "))
		}
	}
	if text, err = json.MarshalIndent(p, "", "  "); err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(path+".tmp", append(text, '\n'), 0o644)
	}
	if err == nil {
		err = os.Rename(path+".tmp", path)
	}
	if err != nil {
		return fmt.Errorf("study: keep the plan: %w", err)
	}
	return nil
}
