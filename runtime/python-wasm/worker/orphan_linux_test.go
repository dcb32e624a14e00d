package worker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// starterVariable makes the test's own process the one that is killed.
const starterVariable = "HARNESS_TEST_WORKER_STARTER"

// keepUntilKilled has the process busy and prints its number.
func keepUntilKilled(t *testing.T) {
	k, _, err := Keep(t.Context(), testArgument, nil, 2, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = k.Call(context.Background(), []byte("hang")) }()
	for busy := ""; busy != "1"; {
		b, err := k.Call(t.Context(), []byte("waiting"))
		if err != nil {
			t.Fatal(err)
		}
		busy = string(b)
	}
	fmt.Println(k.PID())
	select {}
}

// TestProcessEndsWithItsStarter kills the starter while the process answers a request that has no end.
func TestProcessEndsWithItsStarter(t *testing.T) {
	if os.Getenv(starterVariable) != "" {
		keepUntilKilled(t)
	}
	starter := exec.Command(os.Args[0], "-test.run=^TestProcessEndsWithItsStarter$")
	starter.Env = append(os.Environ(), starterVariable+"=1")
	starter.Stderr = os.Stderr
	out, err := starter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(time.Minute, func() { _ = starter.Process.Kill() })
	defer late.Stop()
	var pid int
	_, scanErr := fmt.Fscan(out, &pid)
	if err := starter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait() // killed
	if scanErr != nil {
		t.Fatal(scanErr)
	}
	for until := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return
		}
		_, state, _ := bytes.Cut(b, []byte(") "))
		if strings.HasPrefix(string(state), "Z") { // nobody collects its status
			return
		}
		if time.Now().After(until) {
			t.Fatalf("process %d is there a minute after its starter was killed: %s", pid, b)
		}
	}
}
