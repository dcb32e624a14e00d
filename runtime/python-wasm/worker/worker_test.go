package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The test binary is also the process.
const testArgument = "test-worker"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == testArgument {
		if err := Serve(context.Background(), Input(), os.Stdout, openTest); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func openTest(hello []byte) ([]byte, Handler, int, error) {
	if string(hello) == "refuse" {
		return nil, nil, 0, errors.New("refused")
	}
	return append([]byte("ready for "), hello...), answerTest, 2, nil
}

var waiting, cancelled atomic.Int64

func answerTest(ctx context.Context, request []byte) ([]byte, error) {
	what, rest, _ := strings.Cut(string(request), " ")
	switch what {
	case "echo":
		return []byte(rest), nil
	case "fail":
		return nil, errors.New(rest)
	case "wait":
		waiting.Add(1)
		<-ctx.Done()
		cancelled.Add(1)
		return nil, ctx.Err()
	case "waiting":
		return fmt.Append(nil, waiting.Load()), nil
	case "cancelled":
		return fmt.Append(nil, cancelled.Load()), nil
	case "pid":
		return fmt.Append(nil, os.Getpid()), nil
	case "environment":
		dir, err := os.Getwd()
		return fmt.Append(nil, len(os.Environ()), " ", dir), err
	case "sleep":
		time.Sleep(100 * time.Millisecond)
		return []byte("slept"), nil
	case "hang":
		waiting.Add(1)
		select {}
	case "exit":
		os.Exit(3)
	case "panic":
		panic("broken")
	case "kill":
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return nil, err
		}
		return nil, self.Kill()
	case "nonsense":
		_, err := os.Stdout.Write(bytes.Repeat([]byte{0xff}, 100))
		return nil, err
	case "end":
		os.Stdout.Close()
		select {}
	}
	return nil, fmt.Errorf("what is %q?", what)
}

func keep(t *testing.T, limit time.Duration) *Keeper {
	t.Helper()
	k, ready, err := Keep(t.Context(), testArgument, []byte("test"), 2, limit)
	if err != nil {
		t.Fatal(err)
	}
	if string(ready) != "ready for test" {
		t.Errorf("the first answer is %q", ready)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func TestCalls(t *testing.T) {
	k := keep(t, time.Minute)
	for _, tt := range []struct{ request, want, wantErr string }{
		{"echo \x00\xff text", "\x00\xff text", ""},
		{"echo ", "", ""},
		{"echo " + strings.Repeat("x", 1<<20), strings.Repeat("x", 1<<20), ""},
		{"fail for a reason", "", "for a reason"},
		{"unknown", "", `what is "unknown"?`},
		{"environment", "0 " + rootFolder, ""},
	} {
		got, err := k.Call(t.Context(), []byte(tt.request))
		if string(got) != tt.want || (err == nil) != (tt.wantErr == "") || (err != nil && err.Error() != tt.wantErr) {
			t.Errorf("%.20q: %.40q, %v", tt.request, got, err)
		}
	}
	if k.Deaths() != 0 {
		t.Errorf("%d processes died", k.Deaths())
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	k := keep(t, time.Minute)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				want := fmt.Sprint(i, j)
				if got, err := k.Call(t.Context(), []byte("echo "+want)); string(got) != want {
					t.Errorf("%q, want %q: %v", got, want, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestDeaths has the process die in every way. A request that was the cause fails with the reason; all others are answered.
func TestDeaths(t *testing.T) {
	for what, want := range map[string]string{
		"exit":     "exit status 3",
		"panic":    "broken",
		"kill":     "signal: killed",
		"nonsense": "at most",
		"end":      "",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			limit := time.Minute
			if what == "end" {
				limit = 500 * time.Millisecond
			}
			k := keep(t, limit)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					for range 4 {
						if got, err := k.Call(t.Context(), []byte("sleep")); string(got) != "slept" {
							t.Errorf("a call beside it: %q, %v", got, err)
						}
					}
				})
			}
			_, err := k.Call(t.Context(), []byte(what))
			var died *Died
			if !errors.As(err, &died) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			wg.Wait()
			if got, err := k.Call(t.Context(), []byte("echo again")); string(got) != "again" {
				t.Errorf("afterwards: %q, %v", got, err)
			}
			if n := k.Deaths(); n < attempts {
				t.Errorf("%d processes died, want %d or more", n, attempts)
			}
			if k.CPU() <= 0 {
				t.Error("the processes took no time")
			}
		})
	}
}

// TestHanging lets a request hang: the net ends its process.
func TestHanging(t *testing.T) {
	k := keep(t, 200*time.Millisecond)
	if _, err := k.Call(t.Context(), []byte("hang")); !errors.As(err, new(*Died)) {
		t.Error(err)
	}
}

// TestCancelling gives up a request: the caller is free at once, and the process is told.
func TestCancelling(t *testing.T) {
	k := keep(t, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	free := make(chan error, 1)
	go func() {
		_, err := k.Call(ctx, []byte("wait"))
		free <- err
	}()
	until := func(what string) {
		t.Helper()
		for range 3000 {
			got, err := k.Call(t.Context(), []byte(what))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) == "1" {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("%s: it never was", what)
	}
	until("waiting")
	cancel()
	if err := <-free; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	until("cancelled")
}

func TestStartFails(t *testing.T) {
	if _, _, err := Start(t.Context(), testArgument, []byte("refuse")); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
	if _, _, err := Start(t.Context(), "-test.run=^$", nil); !errors.As(err, new(*Died)) {
		t.Errorf("a program that is no worker: %v", err)
	}
}

// TestClose ends the process, and is safe at any time.
func TestClose(t *testing.T) {
	k, _, err := Keep(t.Context(), testArgument, []byte("test"), 2, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	process := k.process
	for range 2 {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
	if !process.cmd.ProcessState.Success() {
		t.Errorf("the process ended with %v", process.cmd.ProcessState)
	}
	if _, err := k.Call(t.Context(), []byte("echo")); !errors.Is(err, ErrClosed) {
		t.Errorf("a call after the end: %v", err)
	}
}
