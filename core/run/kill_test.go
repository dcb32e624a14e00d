package run

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the process that is killed: with these variables it drives a synthetic run.
const (
	killDir = "HARNESS_RUN_TEST_DIR"
	killAt  = "HARNESS_RUN_TEST_KILL_AT"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(killDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	at, err := strconv.Atoi(os.Getenv(killAt))
	if err == nil {
		err = mortal().createOrOpen(dying(at), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// mortal is the run that is killed.
func mortal() synthetic {
	s := small(1)
	s.steps = 5
	return s
}

// dying kills the process at the nth change of the folder, counted from 1; a write is made by half before.
func dying(at int) disk {
	n := 0
	return disk{unsynced: true, before: func(op, _ string, file *os.File, data []byte) {
		if n++; n != at {
			return
		}
		if op == "write" {
			_, _ = file.Write(data[:len(data)/2])
		}
		if p, err := os.FindProcess(os.Getpid()); err == nil {
			_ = p.Kill()
		}
		select {}
	}}
}

// createOrOpen does what a person does after a kill: resume where there is a run, and begin where there is none.
func (s synthetic) createOrOpen(d disk, dir string) error {
	f, err := open(d, dir)
	if err != nil {
		if f, err = create(d, dir, s.manifest()); err != nil {
			return err
		}
	}
	return s.run(f)
}

// drive runs the synthetic run in a process of its own and says whether it was killed.
func drive(t *testing.T, dir string, at int) (killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), killDir+"="+dir, killAt+"="+strconv.Itoa(at))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
			return true
		}
	}
	if err != nil {
		t.Fatalf("kill at %d: %v\n%s", at, err, out)
	}
	return false
}

// TestDeathAtEveryChange copies the folder before each of its changes, and in the middle of each write: what a process
// leaves that is killed there. Each copy is resumed.
func TestDeathAtEveryChange(t *testing.T) {
	want := mortal().create(t)
	dir, copies := filepath.Join(t.TempDir(), "run"), t.TempDir()
	var states []string
	state := func(name string) string {
		to := filepath.Join(copies, fmt.Sprintf("%03d %s", len(states), name))
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		states = append(states, to)
		return to
	}
	d := disk{unsynced: true, before: func(op, path string, _ *os.File, data []byte) {
		what := op + " " + filepath.Base(path)
		state("before " + what)
		if len(data) > 1 {
			name, err := filepath.Rel(dir, path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(filepath.Join(state("within "+what), name), os.O_WRONLY|os.O_APPEND, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(data[:len(data)/2]); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}}
	if err := mortal().createOrOpen(d, dir); err != nil {
		t.Fatal(err)
	}
	if err := Equal(want, dir); err != nil {
		t.Fatal(err)
	}
	if len(states) < 80 {
		t.Errorf("%d states; each change should give one, each write two", len(states))
	}
	for _, left := range states {
		if err := mortal().createOrOpen(disk{unsynced: true}, left); err != nil {
			t.Errorf("resume: %v", err)
			continue
		}
		if err := Equal(want, left); err != nil {
			t.Error(err)
		}
	}
}

// TestKilled is the same with the kernel's help, at some of the changes.
func TestKilled(t *testing.T) {
	want := mortal().create(t)
	for at := 1; ; at += 9 {
		dir := filepath.Join(t.TempDir(), "run")
		killed := drive(t, dir, at)
		if killed {
			if err := mortal().createOrOpen(disk{unsynced: true}, dir); err != nil {
				t.Fatalf("resume after death at change %d: %v", at, err)
			}
		}
		if err := Equal(want, dir); err != nil {
			t.Fatalf("after death at change %d: %v", at, err)
		}
		if !killed {
			if at < 50 {
				t.Errorf("the run is over after %d changes", at)
			}
			return
		}
	}
}

func TestKilledAgainAndAgain(t *testing.T) {
	want := mortal().create(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 3 {
		dir := filepath.Join(t.TempDir(), "run")
		deaths := 0
		for drive(t, dir, 20+rng.IntN(40)) {
			deaths++
			if deaths > 100 {
				t.Fatal("the run does not get on")
			}
		}
		if err := Equal(want, dir); err != nil {
			t.Fatalf("round %d, after %d deaths: %v", round, deaths, err)
		}
	}
}

func TestStoppedCleanlyAndResumedEndsWithTheSameBytes(t *testing.T) {
	want := small(1).create(t)
	for stop := 1; stop < 7; stop++ {
		dir := filepath.Join(t.TempDir(), "run")
		s := small(1)
		s.stopAfter = stop
		if err := s.createOrOpen(disk{unsynced: true}, dir); err != nil {
			t.Fatal(err)
		}
		times, err := ReadTimes(dir)
		if err != nil {
			t.Fatal(err)
		}
		if times.Finished != nil {
			t.Errorf("stopped after step %d, the run says that it is finished", stop)
		}
		if err := small(1).createOrOpen(disk{unsynced: true}, dir); err != nil {
			t.Fatal(err)
		}
		if err := Equal(want, dir); err != nil {
			t.Errorf("stopped after step %d: %v", stop, err)
		}
	}
}

func TestKilledAtARandomTime(t *testing.T) {
	want := mortal().create(t)
	dir := filepath.Join(t.TempDir(), "run")
	for i := range 8 {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), killDir+"="+dir, killAt+"=0")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(5+7*i) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed, or it had ended
	}
	if err := mortal().createOrOpen(disk{unsynced: true}, dir); err != nil {
		t.Fatal(err)
	}
	if err := Equal(want, dir); err != nil {
		t.Error(err)
	}
}
