package assets

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// roles are what the second process does. The folder of the cache is in HARNESS_CACHE.
var roles = map[string]func() error{
	// make: counts how often it makes the artefact, slowly.
	"make": func() error {
		c, err := Open("", nil, slowly())
		if err != nil {
			return err
		}
		_, err = c.Path(context.Background(), "slow")
		return err
	},
	// hang: starts the artefact, says so, and stays in a tool until it is killed.
	"hang": func() error {
		c, err := Open("", nil, Artefact{Name: "slow", Version: "1", Licence: "MIT", Key: slowKey, Build: func(ctx context.Context, b *Build) error {
			if err := os.WriteFile(filepath.Join(b.Out, "half"), []byte("unfinished"), 0o644); err != nil {
				return err
			}
			fmt.Println("building")
			return b.Run(ctx, b.Work, nil, "sh", "-c", "echo $$ >child; exec sleep 600")
		}})
		if err != nil {
			return err
		}
		_, err = c.Path(context.Background(), "slow")
		return err
	},
	// fetch: fetches a file of which the server sends half and then waits.
	"fetch": func() error {
		c, err := Open("", nil, file("thing", content(200_000), Address{os.Getenv("HARNESS_ASSETS_TEST_URL")}))
		if err != nil {
			return err
		}
		_, err = c.Path(context.Background(), "thing")
		return err
	},
}

const slowKey = "slow"

// slowly notes every build in a file beside the cache.
func slowly() Artefact {
	return Artefact{Name: "slow", Version: "1", Licence: "MIT", Key: slowKey, Build: func(_ context.Context, b *Build) error {
		f, err := os.OpenFile(filepath.Join(os.Getenv("HARNESS_CACHE"), "builds"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.WriteString("built\n"); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
		return os.WriteFile(filepath.Join(b.Out, "result"), []byte("done"), 0o644)
	}}
}

// another prepares a second process in role with the cache in dir.
func another(t *testing.T, role, dir string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(append(os.Environ(), roleVariable+"="+role, "HARNESS_CACHE="+dir), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestProcessesMakeItOnce(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HARNESS_CACHE", dir)
	var others []*exec.Cmd
	for range 4 {
		cmd := another(t, "make", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		others = append(others, cmd)
	}
	c := open(t, dir, slowly())
	if _, err := c.Path(t.Context(), "slow"); err != nil {
		t.Error(err)
	}
	for _, cmd := range others {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "builds")); string(b) != "built\n" {
		t.Errorf("builds by five processes: %q", b)
	}
}

// TestKilledBuild kills a process in the middle of a build: the tool that it had started dies with it, the entry does not
// exist, and the next process makes it.
func TestKilledBuild(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HARNESS_CACHE", dir)
	cmd := another(t, "hang", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	child := waitForPID(t, filepath.Join(dir, "work", "slow", "tmp", "child"))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	c := open(t, dir, slowly())
	if st, err := c.Status(t.Context(), "slow"); err != nil || st.State != Missing {
		t.Errorf("status after the kill: %+v, %v", st, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	path, err := c.Path(ctx, "slow")
	if err != nil {
		t.Fatal(err)
	}
	// A dead process that nobody has waited for yet has no command line.
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child)); err == nil && len(b) > 0 {
		t.Errorf("the tool of the killed process is still alive: %q", b)
		if p, err := os.FindProcess(child); err == nil {
			_ = p.Kill()
		}
	}
	if _, err := os.Stat(filepath.Join(path, "half")); err == nil {
		t.Error("the entry holds a file of the killed build")
	}
}

func waitForPID(t *testing.T, path string) int {
	t.Helper()
	for range 3000 {
		b, err := os.ReadFile(path)
		var pid int
		if n, _ := fmt.Sscan(string(b), &pid); err == nil && n == 1 {
			return pid
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the tool did not start: no %s", path)
	return 0
}

// TestLockOutlivesItsHolder: a tool that survives the process which started it keeps the lock, since it still writes.
func TestLockOutlivesItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := acquire(t.Context(), path, func(string) { t.Error("waited for a free lock") })
	if err != nil {
		t.Fatal(err)
	}
	tool := exec.Command("sleep", "600")
	tool.ExtraFiles = []*os.File{l.file}
	if err := tool.Start(); err != nil {
		t.Fatal(err)
	}
	l.release()
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	held := ""
	if _, err := acquire(ctx, path, func(pid string) { held = pid }); err == nil {
		t.Error("took the lock while a tool of its holder ran")
	}
	if held != fmt.Sprint(os.Getpid()) {
		t.Errorf("the lock names process %q, want %d", held, os.Getpid())
	}
	if err := tool.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = tool.Wait() // killed
	l, err = acquire(t.Context(), path, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	l.release()
}

func TestKilledDownloadIsContinued(t *testing.T) {
	dir, good := t.TempDir(), content(200_000)
	s := serve(t, cutOnDemand(good), whole(good))
	cmd := another(t, "fetch", dir, "HARNESS_ASSETS_TEST_URL="+s.URL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i := 0; largest(filepath.Join(dir, "fetched")) < 100_000; i++ {
		if i == 3000 {
			t.Fatal("half of the file never came")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	c := open(t, dir, file("thing", good, Address{s.URL}))
	if _, err := c.Path(t.Context(), "thing"); err != nil {
		t.Fatal(err)
	}
	if r := strings.Join(s.requests(), ","); r != ",bytes=100000-" {
		t.Errorf("ranges asked for: %q", r)
	}
}
