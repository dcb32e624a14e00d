package filelock

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// holder names the file that a second process of this test binary holds until it is killed.
const holder = "HARNESS_TEST_HOLD"

func TestMain(m *testing.M) {
	if path := os.Getenv(holder); path != "" {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(Try(f))
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() }) // again, where the test has closed it
	return f
}

func try(t *testing.T, f *os.File, want bool) {
	t.Helper()
	if got, err := Try(f); got != want || err != nil {
		t.Errorf("locked: %t, %v; want %t", got, err, want)
	}
}

func TestTry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	a, b := open(t, path), open(t, path)
	try(t, a, true)
	try(t, b, false)
	if _, err := a.WriteString("mine"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
		t.Errorf("a locked file holds %q (%v): it must be readable, to say whose it is", text, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	try(t, b, true)
	if _, err := Try(a); err == nil {
		t.Error("a closed file was locked")
	}
}

// TestTryOfAKilledProcess takes over the lock of a process that had no time to give it up.
func TestTryOfAKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f := open(t, path)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), holder+"="+path)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var held bool
	if _, err := fmt.Fscanln(out, &held, new(string)); err != nil || !held {
		t.Fatalf("the other process: %t, %v", held, err)
	}
	try(t, f, false)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	try(t, f, true)
}
