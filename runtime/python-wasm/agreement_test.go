package pythonwasm

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rlvr-harness/harness/core"
)

var (
	agreementMutants = flag.Int("agreement", 0, "mutants of each task that TestAgreement compares, with the reference solutions; 0 is one of every other task")
	agreementSeed    = flag.String("agreement-seed", "1", "which mutants they are")
)

// What a program may use natively. It is far more than the tests need, and far less than a program without end takes.
const (
	nativeSeconds   = 2
	nativeMegabytes = 512
)

// plainPython finds an interpreter of this machine; $HARNESS_NATIVE_PYTHON names another one. Its version is "3.11.7".
func plainPython(t *testing.T) (path, version string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the native side needs POSIX resource limits")
	}
	name, named := os.LookupEnv("HARNESS_NATIVE_PYTHON")
	if !named {
		name = "python3"
	}
	out, err := exec.CommandContext(t.Context(), name, "-I", "-S", "-c", "import sys; print(sys.executable, sys.version.split()[0])").Output()
	switch found := strings.Fields(string(out)); {
	case err == nil && len(found) == 2:
		return found[0], found[1]
	case named:
		t.Fatalf("HARNESS_NATIVE_PYTHON=%s does not run: %v", name, err)
	}
	t.Skipf("no python3 to compare with (%v); set HARNESS_NATIVE_PYTHON to an interpreter", err)
	return "", ""
}

// variant is a program to compare: a reference solution, or one with a change.
type variant struct {
	task    core.Task
	change  string
	program string
}

// mutate makes count mutants of the reference solution of each task.
func mutate(t *testing.T, python string, tasks []core.Task, count int) (out []variant) {
	t.Helper()
	byID := map[string]core.Task{}
	var in bytes.Buffer
	for _, task := range tasks {
		byID[task.ID] = task
		line, err := json.Marshal(map[string]string{"id": task.ID, "code": task.Code})
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.CommandContext(t.Context(), python, "-I", "-S", "-W", "ignore", filepath.Join("testdata", "agreement", "mutate.py"), *agreementSeed, fmt.Sprint(count))
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("make mutants: %v", err)
	}
	for lines := json.NewDecoder(bytes.NewReader(b)); lines.More(); {
		var m struct{ ID, Change, Code string }
		if err := lines.Decode(&m); err != nil {
			t.Fatal(err)
		}
		out = append(out, variant{byID[m.ID], m.Change, m.Code})
	}
	return out
}

// native runs a program as a plain grader does, in a process of its own.
func native(ctx context.Context, python, script, folder string, v variant) (class core.Class, exception string, err error) {
	imports := strings.Join(v.task.Imports, "\n")
	in, err := json.Marshal(map[string][]string{"parts": {imports, v.program, imports, v.task.Setup}, "tests": v.task.Tests})
	if err != nil {
		return "", "", err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // for what uses no CPU; programs that do end by its limit
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "-I", "-S", "-W", "ignore", script, fmt.Sprint(nativeSeconds), fmt.Sprint(nativeMegabytes))
	cmd.Stdin, cmd.Dir = bytes.NewReader(in), folder
	b, err := cmd.Output()
	if cmd.ProcessState == nil {
		return "", "", err
	}
	var o struct{ Class, Exception string }
	switch state := cmd.ProcessState; {
	case json.Unmarshal(b, &o) == nil && o.Class != "":
		return core.Class(o.Class), o.Exception, nil
	case ctx.Err() != nil || strings.Contains(strings.ToLower(state.String()), "cpu time limit"):
		return core.Timeout, "", nil
	case state.ExitCode() == 1:
		return "", "", fmt.Errorf("%s: %w", script, err)
	default:
		return core.Exit, "", nil
	}
}

// difference is why the two verdicts on one program are not the same; docs/agreement.md has the table.
func difference(nativeClass core.Class, nativeException string, v core.Verdict) string {
	switch {
	case nativeClass == v.Class && (nativeException == v.Exception || v.Exception == "" || nativeException == ""):
		return ""
	case nativeClass == core.Timeout && v.Class == core.Memory:
		return "fills memory before its time is up"
	case nativeClass == core.Timeout && v.Class == core.Passed, nativeClass == core.Timeout && v.Class == core.Failed, nativeClass == core.Timeout && v.Class == core.Error:
		return "fuel allows what the clock does not"
	case v.Class == core.Timeout && nativeClass != core.Syntax && nativeClass != core.Exit:
		return "beyond the fuel of its task"
	case nativeClass == core.Memory && v.Exception == "OverflowError":
		return "sizes of 32 bits"
	case v.Class == core.Memory:
		return "memory of 128 MiB, values of 16"
	default:
		return "unexplained"
	}
}

// TestAgreement gives mutants of reference solutions, wrong in one operator, constant, condition or result, to the sandbox and to a
// plain interpreter of this machine: the class of the verdict and the type of the exception are the same, or the difference has a
// known cause. With -agreement N it takes N mutants of every task, and the reference solutions.
func TestAgreement(t *testing.T) {
	if testing.Short() {
		t.Skip("about 500 processes of the native interpreter; run without -short")
	}
	python, version := plainPython(t)
	tasks := mbpp(t)
	var variants []variant
	if *agreementMutants > 0 {
		for _, task := range tasks {
			variants = append(variants, variant{task, "none", task.Code})
		}
		variants = append(variants, mutate(t, python, tasks, *agreementMutants)...)
	} else {
		for i, v := range mutate(t, python, tasks, 1) {
			if i%2 == 0 || i%30 == 1 {
				variants = append(variants, v)
			}
		}
	}
	if len(variants) < 500 {
		t.Fatalf("%d programs", len(variants))
	}
	script, err := filepath.Abs(filepath.Join("testdata", "agreement", "native.py"))
	if err != nil {
		t.Fatal(err)
	}
	p, folder := pool(t), t.TempDir()
	var lock sync.Mutex
	classes, differences := map[string]int{}, map[string]int{}
	var g errgroup.Group
	g.SetLimit(2)
	for _, x := range variants {
		g.Go(func() error {
			class, exception, err := native(t.Context(), python, script, folder, x)
			if err != nil {
				return fmt.Errorf("task %s: %w", x.task.ID, err)
			}
			v, err := p.Verify(t.Context(), x.task, x.program)
			if err != nil {
				return err
			}
			d := difference(class, exception, v)
			lock.Lock()
			defer lock.Unlock()
			classes[string(class)]++
			differences[d]++
			if d != "" {
				t.Logf("task %s, %s: %s: natively %s %s, here %s %s: %s", x.task.ID, x.change, d, class, exception, v.Class, v.Exception, v.Message)
			}
			if d == "unexplained" {
				t.Errorf("task %s, %s:\n%s", x.task.ID, x.change, x.program)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d programs, Python %s and %s; natively: %s", len(variants), version, p.Python(), counts(classes))
	t.Logf("the same: %d; %s", differences[""], counts(differences))
	if differences[""] < len(variants)*95/100 {
		t.Errorf("only %d of %d verdicts agree", differences[""], len(variants))
	}
}

func counts(m map[string]int) string {
	var words []string
	for _, k := range slices.Sorted(keys(m)) {
		if k != "" {
			words = append(words, fmt.Sprintf("%s %d", k, m[k]))
		}
	}
	return strings.Join(words, ", ")
}
