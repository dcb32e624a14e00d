package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/cpu"

	"github.com/rlvr-harness/harness/runtime/assets"
	pythonwasm "github.com/rlvr-harness/harness/runtime/python-wasm"
	wazeropatch "github.com/rlvr-harness/harness/runtime/wazero-patch"
)

// finding is what the doctor says about one thing.
type finding struct {
	Name  string `json:"name"`
	State string `json:"state"` // ok, note (works, but not as well as it could) or missing
	Found string `json:"found"`
	Mend  string `json:"mend,omitempty"` // the command that mends it
}

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "say what this machine lacks and the command that mends it",
		Description: `Looks at the compilers and package clients that set-up needs, the disk, the memory, the processor, the kernel and the
cached artefacts. Ends with 1 if something that is needed is missing.

Example:
   harness doctor`,
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("doctor takes no arguments; what is %q?", c.Args().First())
			}
			cache, err := openAssets(c.App.ErrWriter)
			if err != nil {
				return err
			}
			findings, err := checkMachine(c.Context, cache)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				if err := printJSON(c.App.Writer, findings); err != nil {
					return err
				}
			} else {
				for _, f := range findings {
					fmt.Fprintf(c.App.Writer, "%-8s %-14s %s\n", f.State, f.Name, f.Found)
					if f.Mend != "" {
						fmt.Fprintf(c.App.Writer, "%-8s %-14s → %s\n", "", "", f.Mend)
					}
				}
			}
			if n := countState(findings, "missing"); n > 0 {
				return fmt.Errorf("doctor: %d of %d things that harness needs are missing", n, len(findings))
			}
			return nil
		},
	}
}

func countState(findings []finding, state string) (n int) {
	for _, f := range findings {
		if f.State == state {
			n++
		}
	}
	return n
}

// checkMachine makes every check. What only a missing artefact needs is no more than noted once the artefact is there.
func checkMachine(ctx context.Context, cache *assets.Cache) ([]finding, error) {
	missing := map[string]bool{}
	var notReady []string
	var need int64 // bytes of downloads and results to come
	var damaged []finding
	for _, a := range cache.List() {
		st, err := cache.Status(ctx, a.Name)
		if err != nil {
			return nil, err
		}
		switch {
		case st.State == assets.Damaged:
			damaged = append(damaged, finding{"artefact", "missing", a.Name + " was changed after it was made", "harness assets fetch " + a.Name})
		case st.State != assets.Ready && !a.Optional:
			missing[a.Name] = true
			notReady = append(notReady, a.Name)
			need += a.Size + a.Room
		}
	}
	anyOf := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return missing[n] })
	}
	builds := anyOf("cpython-wasi")

	findings := []finding{
		checkPlatform(),
		checkTool(ctx, "go", true, "1.26", "https://go.dev/dl/", "version"),
		checkCompiler(),
		checkTool(ctx, "g++", true, "9", "apt-get install g++", "-dumpfullversion", "-dumpversion"),
		checkTool(ctx, "gcc", builds, "9", "apt-get install gcc", "-dumpfullversion", "-dumpversion"),
		checkTool(ctx, "make", builds, "", "apt-get install make", "--version"),
		checkTool(ctx, "python3", anyOf("ziglang", "libtorch", "smollm2-135m-instruct", "nvidia-cuda-cupti", "nvidia-cuda-runtime"), "", "apt-get install python3", "--version"),
		checkTool(ctx, "pip", anyOf("ziglang", "libtorch", "smollm2-135m-instruct", "nvidia-cuda-cupti", "nvidia-cuda-runtime"), "", "apt-get install python3-pip", "--version"),
		checkTool(ctx, "npm", anyOf("ruff-wasm"), "", "apt-get install npm", "--version"),
		checkArchive(ctx, cache, anyOf("cpython-source", "wasi-libc-source")),
		checkDisk(cache.Folder(), need),
		checkMemory(),
		checkProcessor(),
		checkIsolation(),
		checkGPU(ctx, cache),
	}
	findings = append(findings, checkKernel()...)
	findings = append(findings, damaged...)
	if len(notReady) > 0 {
		findings = append(findings, finding{"artefacts", "note", "not in the cache yet: " + strings.Join(notReady, ", "), "harness assets fetch"})
	} else {
		findings = append(findings, finding{"artefacts", "ok", "in " + cache.Folder(), ""})
	}
	return findings, nil
}

// missingOrNote is "missing" for what is needed and "note" for what is not.
func missingOrNote(needed bool) string {
	if needed {
		return "missing"
	}
	return "note"
}

// checkPlatform checks what the pinned binaries are for.
func checkPlatform() finding {
	f := finding{"platform", "ok", runtime.GOOS + "/" + runtime.GOARCH, ""}
	if f.Found != "linux/amd64" {
		f.State, f.Mend = "missing", "use a linux/amd64 machine: the pinned libtorch and zig are for it"
		return f
	}
	if _, err := os.Stat("/lib64/ld-linux-x86-64.so.2"); err != nil {
		f.State, f.Found, f.Mend = "missing", f.Found+" without glibc", "use a distribution with glibc: libtorch is linked against it"
	}
	return f
}

// versionText finds a version in what a tool prints.
var versionText = regexp.MustCompile(`[0-9]+(\.[0-9]+)+|[0-9]+`)

// checkTool runs a program to learn its version. pip is a module of python3.
func checkTool(ctx context.Context, name string, needed bool, least, mend string, args ...string) finding {
	program := name
	if name == "pip" {
		program, args = "python3", append([]string{"-m", "pip"}, args...)
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout = &out
	f := finding{name, "ok", "", ""}
	if err := cmd.Run(); err != nil {
		f.State, f.Found, f.Mend = missingOrNote(needed), "not found", mend
		if !errors.Is(err, exec.ErrNotFound) {
			f.Found = "does not work: " + err.Error()
		}
		return f
	}
	f.Found = versionText.FindString(out.String())
	if least != "" && olderVersion(f.Found, least) {
		f.State, f.Found, f.Mend = missingOrNote(needed), f.Found+", but "+least+" or newer is needed", mend
	}
	return f
}

// olderVersion compares dotted versions number by number.
func olderVersion(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range y {
		if i >= len(x) {
			return true
		}
		m, _ := strconv.Atoi(x[i]) // the pattern lets digits through only
		n, _ := strconv.Atoi(y[i])
		if m != n {
			return m < n
		}
	}
	return false
}

// checkArchive checks that CPython's sources can be had: by apt-get, or from the official address.
func checkArchive(ctx context.Context, cache *assets.Cache, needed bool) finding {
	f := finding{"apt-get", "ok", "", ""}
	if _, err := exec.LookPath("apt-get"); err == nil {
		if archives, err := assets.DebianArchives(); err == nil && len(archives) > 0 {
			f.Found = "with the Debian archive at " + archives[0]
			return f
		}
		f.Found = "there, but without a Debian archive"
	} else {
		f.Found = "not found"
	}
	if !needed {
		f.State = "note"
		return f
	}
	for _, a := range cache.List() {
		for _, s := range a.Sources {
			address, ok := s.(assets.Address)
			if a.Name != "cpython-source" || !ok {
				continue
			}
			if err := answers(ctx, address.URL); err == nil {
				f.Found += "; " + address.URL + " answers"
				return f
			}
			f.State, f.Found = "missing", f.Found+"; "+address.URL+" does not answer"
			f.Mend = "connect the machine to the network, or point HARNESS_CACHE to a copy of a filled cache"
		}
	}
	return f
}

func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// checkDisk checks the room for what is not fetched yet.
func checkDisk(dir string, need int64) finding {
	f := finding{"disk", "ok", "", ""}
	for dir != filepath.Dir(dir) { // the cache may not exist yet
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	free, err := assets.Free(dir)
	if err != nil {
		return finding{"disk", "note", err.Error(), ""}
	}
	f.Found = fmt.Sprintf("%s free in %s, %s needed", assets.Bytes(free), dir, assets.Bytes(need))
	if free < need {
		f.State, f.Mend = "missing", "free some room, or set HARNESS_CACHE to a folder on a larger disk"
	}
	return f
}

// trainingMemory is what training SmolLM2-135M-Instruct takes, with some to spare.
const trainingMemory = 4e9

func checkMemory() finding {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return finding{"memory", "note", err.Error(), ""}
	}
	m := regexp.MustCompile(`MemAvailable:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		return finding{"memory", "note", "the kernel does not say how much is available", ""}
	}
	kib, _ := strconv.ParseInt(string(m[1]), 10, 64) // at most 2⁶³ by the kernel's own type
	f := finding{"memory", "ok", assets.Bytes(kib*1024) + " available", ""}
	if kib*1024 < trainingMemory {
		f.State, f.Mend = "note", fmt.Sprintf("training needs about %s: close other programs, or train with a smaller --group", assets.Bytes(trainingMemory))
	}
	return f
}

func checkProcessor() finding {
	var has []string
	for name, ok := range map[string]bool{
		"avx2": cpu.X86.HasAVX2, "fma": cpu.X86.HasFMA, "avx512": cpu.X86.HasAVX512F, "avx512-bf16": cpu.X86.HasAVX512BF16, "amx-bf16": cpu.X86.HasAMXBF16,
	} {
		if ok {
			has = append(has, name)
		}
	}
	slices.Sort(has)
	f := finding{"processor", "ok", fmt.Sprintf("%d cores, %s", runtime.NumCPU(), strings.Join(has, " ")), ""}
	if !cpu.X86.HasAVX2 {
		f.State, f.Mend = "note", "use a processor with AVX2: without it libtorch computes several times slower"
	}
	return f
}

// checkIsolation says whether --isolate works here.
func checkIsolation() finding {
	if err := pythonwasm.CanIsolate(); err != nil {
		return finding{"isolation", "note", err.Error(), "run without --isolate (the verdicts are the same), or on Linux where containers may call seccomp"}
	}
	return finding{"isolation", "ok", "programs can run and be linted in processes confined by seccomp: --isolate", ""}
}

// checkGPU says whether CUDA can be used.
func checkGPU(ctx context.Context, cache *assets.Cache) finding {
	if _, err := os.Stat(nvidiaDriver); err != nil {
		return finding{"gpu", "ok", "none with a driver of NVIDIA; models run on the processor", ""}
	}
	f := finding{"gpu", "ok", "driver of NVIDIA", ""}
	if out, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader").Output(); err == nil {
		f.Found = strings.TrimSpace(strings.ReplaceAll(string(out), "\n", "; "))
	}
	if st, err := cache.Status(ctx, "libtorch-cuda"); err == nil && st.State != assets.Ready {
		f.State, f.Mend = "note", "harness assets fetch libtorch-cuda"
	}
	return f
}

// checkCompiler says which wazero is linked in. With the one that go.mod names harness gives the same verdicts and takes longer.
func checkCompiler() finding {
	const module = wazeropatch.Module
	f := finding{State: "ok", Name: "wazero", Found: dependency(module)}
	if wazeropatch.Supported() && !replaced(module) {
		f.State, f.Found, f.Mend = "note", f.Found+" as released: verdicts take a third longer than with harness's changes", "./task build"
	}
	return f
}
