package plugins

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/core"
)

// bin is a folder with real plugins, built once: "odd" of each kind is testdata/misbehave.
var bin string

func TestMain(m *testing.M) {
	if dir := os.Getenv("PLUGINS_TEST_HOST"); dir != "" {
		host(dir)
	}
	dir, err := os.MkdirTemp("", "harness-plugins-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = dir
	code := 1
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// host is a harness that opens a plugin, says its process id and waits to be killed; see TestOrphan.
func host(dir string) {
	r, err := OpenReward(context.Background(), Options{Name: "odd", Search: []string{dir}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(r.PID())
	select {}
}

func build(dir string) error {
	odd := filepath.Join(dir, "odd")
	cmd := exec.Command("go", "build", "-o", odd, "./testdata/misbehave")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build testdata/misbehave: %w\n%s", err, out)
	}
	for _, k := range Kinds() {
		if err := os.Link(odd, filepath.Join(dir, FileName(k, "odd"))); err != nil {
			return err
		}
	}
	return nil
}

// odd are options for the plugin that does what it is told.
func odd(do string) Options {
	return Options{Name: "odd", Search: []string{bin}, Set: map[string]string{"do": do}, Timeout: 20 * time.Second}
}

func openReward(t testing.TB, o Options) *Reward {
	t.Helper()
	r, err := OpenReward(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func openOptimizer(t testing.TB, o Options) *Optimizer {
	t.Helper()
	r, err := OpenOptimizer(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func openPolicy(t testing.TB, o Options) *Policy {
	t.Helper()
	r, err := OpenPolicy(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// group returns n samples, of which every second one passes one of two tests.
func group(n int) core.Group {
	g := core.Group{Task: core.Task{ID: "11", Benchmark: "starter", Tests: []string{"assert f(1) == 1", "assert f(2) == 4"}}}
	for i := range n {
		tests := []core.TestResult{{Class: core.Passed}, {Class: core.Passed}}
		class := core.Passed
		if i%2 == 1 {
			tests[1] = core.TestResult{Class: core.Failed, Message: "f(2) is 2"}
			class = core.Failed
		}
		g.Samples = append(g.Samples, core.Sample{
			Index:      i,
			Completion: core.Completion{Text: "```python\ndef f(x):\n    return x\n```", Tokens: []int32{1, 2, 3}, LogProbs: []float32{-1, -2, -3}, Finish: core.FinishEOS},
			Evidence:   core.Evidence{Program: "def f(x):\n    return x\n", Tokens: 3, Verdict: core.Verdict{Class: class, Tests: tests, Fuel: 12}},
		})
	}
	return g
}

// batch returns rows × cols log-probabilities with a mask that leaves out the last column.
func batch(rows, cols int) core.Batch {
	b := core.Batch{Rows: rows, Cols: cols, MaxTokens: cols}
	for i := range rows {
		for t := range cols {
			x := -float64(1+(i*7+t*3)%11) / 4
			b.LogProbs = append(b.LogProbs, x)
			b.OldLogProbs = append(b.OldLogProbs, x-0.01)
			b.Mask = append(b.Mask, t < cols-1)
		}
		b.Advantages = append(b.Advantages, float64(i%3)-1)
		b.Truncated = append(b.Truncated, false)
	}
	return b
}

// record is a logger that keeps what it is told.
type record struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

func (r *record) logger() *slog.Logger { return slog.New(slog.NewTextHandler(r, nil)) }
