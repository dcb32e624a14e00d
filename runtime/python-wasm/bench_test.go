package pythonwasm

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// BenchmarkVerdict is one verdict on a small program: candidate, comparison and both resets.
func BenchmarkVerdict(b *testing.B) {
	p := open(b, Config{Workers: 1})
	task := core.Task{Code: "def f(x): return x * x", Tests: []string{"assert f(2) == 4", "assert f(3) == 9", "assert f(0) == 0"}}
	program := "def f(x):\n    total = 0\n    for _ in range(x):\n        total += x\n    return total\n"
	if v, err := p.Verify(b.Context(), task, program); err != nil || v.Class != core.Passed {
		b.Fatal(v, err)
	}
	for b.Loop() {
		if _, err := p.Verify(b.Context(), task, program); err != nil {
			b.Fatal(err)
		}
	}
}

// TestCompare measures two tasks beside this machine's Python, and wants an error where a solution does not pass on either side: what
// it costs to fail is another number.
func TestCompare(t *testing.T) {
	python, _ := plainPython(t)
	good := []core.Task{
		{ID: "1", Code: "def f(x): return x * x", Tests: square},
		{ID: "2", Code: "def f(x): return sum(x for _ in range(x))", Tests: square},
		{ID: "3", Code: "def f(x):\n  for _ in range(10**6): pass\n  return x * x", Tests: square},
	}
	c, err := pool(t).Compare(t.Context(), good, python, 2, 3_000_000, Peer{"peer", func(context.Context, []core.Task) (float64, error) { return 5, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if c.Programs != 2 || !slices.Equal(c.Heavy, []string{"3"}) || len(c.Rounds) != 2 || c.Baseline <= 0 || c.PerSecond <= 0 || len(c.Peers) != 1 || c.Peers[0].Milliseconds != 5 {
		t.Errorf("%+v", c)
	}
	for _, tt := range []struct {
		task core.Task
		want string
	}{
		{core.Task{ID: "wrong", Code: "def f(x): return x", Tests: square}, "task wrong: its reference solution is failed: got 2"},
		{core.Task{ID: "only here", Code: "import sys\nassert sys.maxsize < 2**32\ndef f(x): return x * x", Tests: square}, "task only here: its reference solution, run by " + python + ": exit status 1: AssertionError"},
	} {
		if _, err := pool(t).Compare(t.Context(), []core.Task{tt.task}, python, 1, 20_000_000); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
	if _, err := pool(t).Compare(t.Context(), good, python, 0, 20_000_000); err == nil || !strings.Contains(err.Error(), "nothing to measure") {
		t.Error(err)
	}
}

// BenchmarkReferences compares verdicts on MBPP's solutions with subprocesses, in CPU time.
func BenchmarkReferences(b *testing.B) {
	p := open(b, Config{})
	python, err := exec.LookPath("python3")
	if err != nil {
		b.Log("no python3: ours alone")
	}
	tasks := mbpp(b)[500:700]
	for b.Loop() {
		c, err := p.Compare(b.Context(), tasks, python, 1, 20_000_000)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(c.Ours, "cpu-ms/verdict")
		b.ReportMetric(c.Baseline, "cpu-ms/subprocess")
		b.ReportMetric(c.Ratio, "ratio")
		b.ReportMetric(c.PerSecond, "verdicts/s")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkOpen is a start with machine code already on disk.
func BenchmarkOpen(b *testing.B) {
	dir := imageFolder(b)
	for b.Loop() {
		p, err := Open(b.Context(), Config{Image: dir, Workers: 1})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Verify(b.Context(), core.Task{Tests: square}, "def f(x): return x * x"); err != nil {
			b.Fatal(err)
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
