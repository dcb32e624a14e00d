package run

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestCreateRefusesAFolderThatIsNotEmpty(t *testing.T) {
	for name, put := range map[string]func(dir string) error{
		"a run": func(dir string) error {
			f, err := Create(dir, small(1).manifest())
			if err != nil {
				return err
			}
			return f.Close()
		},
		"a file":        func(dir string) error { return os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600) },
		"a hidden file": func(dir string) error { return os.WriteFile(filepath.Join(dir, ".env"), nil, 0o600) },
		"a folder":      func(dir string) error { return os.Mkdir(filepath.Join(dir, "adapters"), 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := put(dir); err != nil {
				t.Fatal(err)
			}
			before := list(t, dir)
			_, err := Create(dir, small(1).manifest())
			if !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "choose another") {
				t.Errorf("create: %v", err)
			}
			if name == "a run" && !strings.Contains(err.Error(), "--resume") {
				t.Errorf("create does not say how to go on: %v", err)
			}
			if after := list(t, dir); after != before {
				t.Errorf("the folder held %s and now holds %s", before, after)
			}
		})
	}
}

func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestOpenRefusesWhatIsNoRun(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "holds no run") {
		t.Errorf("open: %v", err)
	}
	if got := list(t, dir); got != "" {
		t.Errorf("open left %s", got)
	}
}

func TestManifestNeedsAKind(t *testing.T) {
	if _, err := Create(filepath.Join(t.TempDir(), "x"), Manifest{}); err == nil || !strings.Contains(err.Error(), "kind") {
		t.Errorf("create: %v", err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(dir, small(1).manifest())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("a second open: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f, err = Open(dir)
	if err != nil {
		t.Fatalf("open after close: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(list(t, dir), lockName) {
		t.Error("the lock file stays")
	}
}

// TestHammerLock lets many goroutines open one run at once: never do two hold it.
func TestHammerLock(t *testing.T) {
	dir := t.TempDir()
	var holders, wins atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 50 {
				l, err := acquire(dir)
				if errors.Is(err, ErrLocked) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if holders.Add(1) != 1 {
					t.Error("two hold the lock")
				}
				wins.Add(1)
				holders.Add(-1)
				if err := l.release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if wins.Load() == 0 {
		t.Error("nobody ever held the lock")
	}
}

func TestStepsComeInOrder(t *testing.T) {
	f, err := Create(filepath.Join(t.TempDir(), "run"), small(1).manifest())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.AppendStep(Step{Step: 2}, nil); err == nil || !strings.Contains(err.Error(), "record step 2: the last one was 0") {
		t.Errorf("step 2 first: %v", err)
	}
}

func TestWriteThatFailsStopsTheRunAndKeepsTheCheckpoint(t *testing.T) {
	want := small(1).create(t)
	s := small(1)
	dir := filepath.Join(t.TempDir(), "run")
	s.stopAfter = 2
	if err := s.createOrOpen(disk{unsynced: true}, dir); err != nil {
		t.Fatal(err)
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.metrics.file.Close(); err != nil { // as a full disk: the next write fails
		t.Fatal(err)
	}
	rows := s.rows(3)
	err = f.AppendStep(s.step(3, rows), rows)
	if err == nil || !strings.Contains(err.Error(), "metrics.jsonl") || !strings.Contains(err.Error(), "--resume "+dir) {
		t.Errorf("append: %v", err)
	}
	if err := f.Checkpoint(2, nil, func(string) error { t.Error("state is saved after a failed write"); return nil }); err == nil {
		t.Error("a checkpoint is made after a failed write")
	}
	if err := f.Finish(); err == nil {
		t.Error("the run finishes after a failed write")
	}
	if err := small(1).createOrOpen(disk{unsynced: true}, dir); err != nil {
		t.Fatal(err)
	}
	if err := Equal(want, dir); err != nil {
		t.Error(err)
	}
}

func TestBrokenCheckpointIsPassedOver(t *testing.T) {
	want := small(1).create(t)
	for name, damage := range map[string]func(dir string) error{
		"a shorter state":   func(dir string) error { return os.Truncate(filepath.Join(dir, "policy.state"), 3) },
		"another state":     func(dir string) error { return flip(filepath.Join(dir, "policy.state")) },
		"no state":          func(dir string) error { return os.Remove(filepath.Join(dir, "policy.state")) },
		"no index":          func(dir string) error { return os.Remove(filepath.Join(dir, indexName)) },
		"a malformed index": func(dir string) error { return os.Truncate(filepath.Join(dir, indexName), 30) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			s := small(1)
			s.stopAfter = 4
			if err := s.createOrOpen(disk{unsynced: true}, dir); err != nil {
				t.Fatal(err)
			}
			if err := damage(filepath.Join(dir, checkpointName, "step-4")); err != nil {
				t.Fatal(err)
			}
			f, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			r := f.Resumed()
			if r.Step != 2 || len(r.Skipped) != 1 || !strings.Contains(r.Skipped[0], "step 4") {
				t.Errorf("resumed from step %d, skipped %q", r.Step, r.Skipped)
			}
			if err := small(1).run(f); err != nil {
				t.Fatal(err)
			}
			if err := Equal(want, dir); err != nil {
				t.Error(err)
			}
		})
	}
}

// flip changes the last byte of a file.
func flip(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[len(data)-1] ^= 1
	return os.WriteFile(path, data, 0o600)
}

func TestRecordsThatWereChangedAreNotContinued(t *testing.T) {
	for _, name := range []string{metricsName, completionsName, evalsName, eventsName} {
		for what, damage := range map[string]func(path string) error{
			"changed": func(path string) error {
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				data[len(data)/4] ^= 1
				return os.WriteFile(path, data, 0o600)
			},
			"cut": func(path string) error { return os.Truncate(path, 10) },
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "run")
				s := small(1)
				s.stopAfter = 4
				if err := s.createOrOpen(disk{unsynced: true}, dir); err != nil {
					t.Fatal(err)
				}
				if err := damage(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
				if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("open: %v", err)
				}
			})
		}
	}
}

func TestKeepsTwoCheckpointsAndThenOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	s := small(1)
	s.stopAfter = 6
	if err := s.createOrOpen(disk{unsynced: true}, dir); err != nil {
		t.Fatal(err)
	}
	if got := list(t, filepath.Join(dir, checkpointName)); got != "step-4 step-6" {
		t.Errorf("while it runs: %s", got)
	}
	if err := small(1).createOrOpen(disk{unsynced: true}, dir); err != nil {
		t.Fatal(err)
	}
	if got := list(t, filepath.Join(dir, checkpointName)); got != "step-7" {
		t.Errorf("at the end: %s", got)
	}
}

func TestFailedSaveLeavesNoCheckpoint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(dir, small(1).manifest())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.AppendStep(Step{Step: 1}, nil); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("no space left")
	if err := f.Checkpoint(1, nil, func(string) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("checkpoint: %v", err)
	}
	if err := f.Adapter(1, func(string) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("adapter: %v", err)
	}
	for _, sub := range []string{checkpointName, adaptersName} {
		if steps, err := stepsIn(filepath.Join(dir, sub)); err != nil || len(steps) > 0 {
			t.Errorf("%s has steps %v (%v)", sub, steps, err)
		}
	}
}

func TestLogIsKeptApart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(dir, small(1).manifest())
	if err != nil {
		t.Fatal(err)
	}
	log, err := f.Log()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Write([]byte("gspo: hello\n")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	sums, err := Fingerprint(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := sums[logName]; ok {
		t.Error("the log takes part in the fingerprint")
	}
	if got, err := os.ReadFile(filepath.Join(dir, logName)); err != nil || string(got) != "gspo: hello\n" {
		t.Errorf("the log holds %q (%v)", got, err)
	}
}

func BenchmarkAppendStep(b *testing.B) {
	s := small(1)
	s.groups, s.group = 8, 8
	f, err := Create(filepath.Join(b.TempDir(), "run"), s.manifest())
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	rows := s.rows(1)
	step := s.step(1, rows)
	for b.Loop() {
		step.Step = f.step + 1
		for i := range rows {
			rows[i].Step = step.Step
		}
		if err := f.AppendStep(step, rows); err != nil {
			b.Fatal(err)
		}
	}
}
