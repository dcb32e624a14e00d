package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rlvr-harness/harness/core/run"
)

// smallRun are the flags of a run of the real model, real plugins, real Python and real Ruff that takes seconds.
func smallRun(optimizer, reward, out string, more ...string) []string {
	return append([]string{
		"run", "--optimizer", optimizer, "--reward", reward, "--out", out, "--steps", "3", "--prompts", "2", "--group", "2",
		"--max-tokens", "24", "--save-every", "1", "--eval-every", "3", "--eval-tasks", "2", "--seed", "5",
	}, more...)
}

func harness(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("harness", args...)
	cmd.Env = append(os.Environ(), "HARNESS_CACHE="+cacheDir(t), "HARNESS_PLUGIN_PATH="+pluginDir(t))
	return cmd
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	cmd := harness(t, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("harness %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// Two runs with one seed give the same bytes, and so does one that was killed without warning and resumed.
func TestRunRepeatsAndResumes(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a real model three times; leave out -short")
	}
	dir := t.TempDir()
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	out := mustRun(t, smallRun("gspo", "combined", a, "--json")...)
	var summary runSummary
	if err := json.Unmarshal([]byte(out), &summary); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if !summary.Done || summary.Steps != 3 || len(summary.HeldOut) != 2 {
		t.Errorf("the summary says %+v", summary)
	}
	if d := summary.Change; d == nil || d.Tasks != 2 || d.A.Value != summary.HeldOut[0].PassAtK["1"].Value || d.B.Value != summary.HeldOut[1].PassAtK["1"].Value {
		t.Errorf("the summary compares %+v with %+v as %+v", summary.HeldOut[0], summary.HeldOut[1], d)
	}
	mustRun(t, smallRun("gspo", "combined", b)...)
	if err := run.Equal(a, b); err != nil {
		t.Errorf("two runs of one seed: %v", err)
	}

	killed := harness(t, smallRun("gspo", "combined", c)...)
	stderr, err := killed.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "step 2/3") { // step 2 is recorded, its checkpoint is being written
			if err := killed.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := killed.Wait(); err == nil {
		t.Fatalf("the run ended before it could be killed:\n%s", log.String())
	}
	mustRun(t, "run", "--resume", c)
	if err := run.Equal(a, c); err != nil {
		t.Errorf("a run that was killed and resumed: %v", err)
	}

	for _, name := range []string{"manifest.json", "metrics.jsonl", "completions.parquet", "evals.jsonl", "report.html", "adapters/step-3/adapter_config.json", "adapters/step-3/adapter_model.safetensors", "checkpoint"} {
		if _, err := os.Stat(filepath.Join(a, name)); err != nil {
			t.Errorf("the run's folder: %v", err)
		}
	}
	if events, err := filepath.Glob(filepath.Join(a, "events.out.tfevents.*")); err != nil || len(events) != 1 {
		t.Errorf("event files: %v, %v", events, err)
	}

	// what exists is not written over
	refused := harness(t, smallRun("gspo", "combined", a)...)
	message, err := refused.CombinedOutput()
	if refused.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(message), "--resume") {
		t.Errorf("an existing folder: %v, %s", err, message)
	}
	// a resumed run is the run that was started
	refused = harness(t, "run", "--resume", a, "--lr", "0.5")
	message, err = refused.CombinedOutput()
	if refused.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(message), "--lr") {
		t.Errorf("--resume with another --lr: %v, %s", err, message)
	}

	// the adapter is one that eval loads
	out = mustRun(t, "eval", "--benchmark", "starter", "--split", "test", "--tasks", "2", "--max-tokens", "24", "--adapter", filepath.Join(a, "adapters", "step-3"), "--json")
	var e struct {
		Tasks   int                     `json:"tasks"`
		PassAtK map[string]run.Interval `json:"pass_at_k"`
	}
	if err := json.Unmarshal([]byte(out), &e); err != nil || e.Tasks != 2 || e.PassAtK["1"].High == 0 {
		t.Errorf("eval: %v, %s", err, out)
	}
	if e.PassAtK["1"].Value != summary.HeldOut[1].PassAtK["1"].Value {
		t.Errorf("eval of the saved adapter has pass@1 %v, the run's own last measurement %v", e.PassAtK["1"].Value, summary.HeldOut[1].PassAtK["1"].Value)
	}
}

// Ctrl-C ends the run after the step at hand, with what is needed to go on.
func TestInterruptStopsAfterTheStep(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a real model; leave out -short")
	}
	out := filepath.Join(t.TempDir(), "run")
	cmd := harness(t, smallRun("grpo", "unit-tests", out, "--save-every", "50", "--steps", "40", "--eval-every", "0")...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	lines := bufio.NewScanner(stderr)
	sent := false
	for lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		if !sent && strings.HasPrefix(lines.Text(), "step ") {
			sent = true
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	steps, err := run.ReadSteps(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) < 1 || len(steps) > 5 {
		t.Errorf("%d steps were made:\n%s", len(steps), log.String())
	}
	if !strings.Contains(log.String(), "stopping after this step") {
		t.Errorf("the log does not say so:\n%s", log.String())
	}
	folder, err := run.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if r := folder.Resumed(); r == nil || r.Step != len(steps) {
		t.Errorf("the checkpoint is %+v after %d steps", r, len(steps))
	}
}

// A run with everything that chooses tasks and makes several updates repeats too, and resumes with the same bytes: the
// curriculum's estimates are part of the checkpoint.
func TestRunWithACurriculumResumes(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a real model twice; leave out -short")
	}
	dir := t.TempDir()
	a, b, results := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "results.jsonl")
	if err := os.WriteFile(results, []byte(`{"task_id":1,"verdict":"passed"}`+"\n"+`{"task_id":"2","verdict":"failed"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	more := []string{
		"--tasks", "8", "--group", "3", "--eval-every", "0", "--dynamic-sampling", "2", "--curriculum", "pass-rate", "--curriculum-decay", "0.9",
		"--curriculum-floor", "0.05", "--curriculum-from", results, "--iterations", "2", "--mini-batches", "2",
	}
	mustRun(t, smallRun("gspo", "ruff", a, more...)...)
	killed := harness(t, smallRun("gspo", "ruff", b, more...)...)
	stderr, err := killed.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "step 2/3") {
			if err := killed.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := killed.Wait(); err == nil {
		t.Fatal("the run ended before it could be killed")
	}
	// the results that the run began with are in its checkpoint by now
	mustRun(t, "run", "--resume", b)
	if err := run.Equal(a, b); err != nil {
		t.Errorf("a run that was killed and resumed: %v", err)
	}

	steps, err := run.ReadSteps(a)
	if err != nil {
		t.Fatal(err)
	}
	groups := map[int]map[string]bool{}
	for row, err := range run.ReadRows(a) {
		if err != nil {
			t.Fatal(err)
		}
		if groups[row.Step] == nil {
			groups[row.Step] = map[string]bool{}
		}
		groups[row.Step][row.TaskID] = row.Dropped
	}
	for _, s := range steps {
		dropped := 0.0
		for _, is := range groups[s.Step] {
			if is {
				dropped++
			}
		}
		m := s.Sampling
		if n := float64(len(groups[s.Step])); m["groups_sampled"] != n || m["groups_dropped"] != dropped || m["groups_trained"] != n-dropped ||
			m["extra_completions"] != 3*(n-2) || m["bound_reached"] != max(0, min(1, 2-(n-dropped))) || m["rounds"] < 1 || m["rounds"] > 3 {
			t.Errorf("step %d has %v for %d groups, of which %v were dropped", s.Step, m, len(groups[s.Step]), dropped)
		}
		if m["curriculum_tasks_seen"] < 2 || m["curriculum_effective_tasks"] <= 0 || m["curriculum_effective_tasks"] > 8 {
			t.Errorf("step %d: the curriculum's metrics are %v", s.Step, m)
		}
		if float64(len(s.Updates)) != s.Optimizer["updates"] {
			t.Errorf("step %d tells %d updates and counts %v", s.Step, len(s.Updates), s.Optimizer["updates"])
		}
		for _, u := range s.Updates {
			if want := 4*(s.Step-1) + 2*(u.Iteration-1) + u.MiniBatch; u.Number != want || u.Rows == 0 || u.Tokens < u.Rows || u.Optimizer["ratio_mean"] == 0 {
				t.Errorf("step %d: update %+v; its number is %d", s.Step, u, want)
			}
		}
	}
	m, err := run.ReadManifest(a)
	if err != nil {
		t.Fatal(err)
	}
	config, _ := m.Config.(map[string]any)
	if config["dynamic_sampling"] != 2.0 || config["curriculum"] != "pass-rate" || config["iterations"] != 2.0 || config["curriculum_floor"] != 0.05 || len(m.SHA256["curriculum"]) != 64 {
		t.Errorf("the manifest says %v and %v", config, m.SHA256)
	}
}
