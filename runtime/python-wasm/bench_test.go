package pythonwasm

import (
	"os/exec"
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
