package pythonwasm

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/core"
)

var soakVerdicts = flag.Int64("soak", 4000, "verdicts of TestSoak")

// footprint is what a process holds at one moment.
type footprint struct {
	resident, heap          int64 // bytes
	descriptors, goroutines int
}

func (f footprint) String() string {
	return fmt.Sprintf("%d MiB resident, %d MiB of Go heap, %d descriptors, %d goroutines", f.resident>>20, f.heap>>20, f.descriptors, f.goroutines)
}

// measureFootprint counts after a collection, and after what is ending has ended.
func measureFootprint(t *testing.T) (f footprint) {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	time.Sleep(50 * time.Millisecond)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.heap, f.goroutines = int64(m.HeapInuse), runtime.NumGoroutine()
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("the soak counts in /proc, which is Linux's: %v", err)
	}
	f.descriptors = len(descriptors)
	status, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == "VmRSS:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			f.resident = kib << 10
		}
	}
	return f
}

// soakCase is a program of the soak; its first verdict is that of all its verdicts.
type soakCase struct {
	task    core.Task
	program string
	first   atomic.Pointer[string]
}

// soakPrograms are honest and hostile: the tables of this package, the poisons with every kind of death, and MBPP where it is there.
// Honest ones are drawn nine times in ten.
func soakPrograms(t *testing.T) (honest, hostile []*soakCase) {
	for _, x := range programs {
		task := x.task
		if task.Tests == nil {
			task.Tests = square
		}
		hostile = append(hostile, &soakCase{task: task, program: x.program})
		if x.class == core.Passed || x.class == core.Failed {
			honest = append(honest, &soakCase{task: task, program: x.program})
		}
	}
	for _, name := range slices.Sorted(keys(poisons)) {
		hostile = append(hostile, &soakCase{task: core.Task{Tests: poisons[name].tests}, program: poisons[name].program})
	}
	for _, a := range attacks {
		tests := a.tests
		if tests == nil {
			tests = square
		}
		hostile = append(hostile, &soakCase{task: core.Task{Setup: a.setup, Tests: tests}, program: a.program})
	}
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, c := range readCases(t, file) {
			x := &soakCase{task: core.Task{Entry: c.entry, Tests: c.tests}, program: c.program}
			if slices.Equal(c.want, []core.Class{core.Passed}) {
				honest = append(honest, x)
			} else {
				hostile = append(hostile, x)
			}
		}
	}
	return honest, hostile
}

// TestSoak grades programs of every kind, in an order that a seed decides, and holds no more at the end than at half time:
// no memory, descriptor or goroutine is lost to a verdict, however the program ended. Verdicts do not change on the way. -soak
// 200000 is the long one.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of verdicts; run without -short")
	}
	const checkpoints, workers = 8, 2
	honest, hostile := soakPrograms(t)
	p := open(t, Config{Workers: workers, Fuel: 2_000_000, MemoryMiB: 64, OutputBytes: 64 << 10})
	classes := map[core.Class]int64{}
	var lock sync.Mutex
	one := func(n int64) error {
		r := rand.New(rand.NewPCG(7, uint64(n)))
		from := honest
		if r.IntN(10) == 0 {
			from = hostile
		}
		c := from[r.IntN(len(from))]
		v, err := p.Verify(t.Context(), c.task, c.program)
		if err != nil {
			return fmt.Errorf("%.60q: %w", c.program, err)
		}
		lock.Lock()
		classes[v.Class]++
		lock.Unlock()
		got := fmt.Sprint(v.Class, v.Exception, v.Message, v.Fuel, v.Tests)
		if !c.first.CompareAndSwap(nil, &got) && *c.first.Load() != got {
			return fmt.Errorf("%.60q: verdict %d is %s, the first was %s", c.program, n, got, *c.first.Load())
		}
		if v.Class == core.Infrastructure {
			return fmt.Errorf("%.60q: %s", c.program, v.Message)
		}
		return nil
	}
	for i, c := range slices.Concat(honest, hostile) { // every task is compiled, and every worker, which take turns, met every program
		for range workers {
			if _, err := p.Verify(t.Context(), c.task, c.program); err != nil {
				t.Fatalf("program %d: %v", i, err)
			}
		}
	}
	var marks []footprint
	var next atomic.Int64
	for mark := range int64(checkpoints) {
		end := *soakVerdicts * (mark + 1) / checkpoints
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for !t.Failed() {
					n := next.Add(1) - 1
					if n >= end {
						return
					}
					if err := one(n); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		next.Store(end)
		marks = append(marks, measureFootprint(t))
		t.Logf("%7d verdicts: %s", end, marks[mark])
	}
	t.Logf("classes: %v", classes)
	first, last := marks[checkpoints/2-1], marks[checkpoints-1] // until then buffers grow to what the programs need
	const slack = 24 << 20                                      // pages that the kernel and Go's runtime give back when they like
	if last.resident > first.resident+slack || last.heap > first.heap+slack/4 {
		t.Errorf("memory grew: %s; it was %s", last, first)
	}
	if last.descriptors != first.descriptors || last.goroutines != first.goroutines {
		t.Errorf("descriptors or goroutines grew: %s; it was %s", last, first)
	}
	for _, class := range []core.Class{core.Passed, core.Failed, core.Error, core.Syntax, core.Exit, core.Timeout, core.Memory, core.Output} {
		if classes[class] == 0 {
			t.Errorf("no program was %s", class)
		}
	}
}
