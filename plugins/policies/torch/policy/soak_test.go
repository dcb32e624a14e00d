package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
)

// resident is the process's memory in use, in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skipf("memory in use is read from /proc/self/statm: %v", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// Two hundred steps of sampling, scoring and updating leave memory and handles as they were after the first fifty.
func TestMemoryStaysFlat(t *testing.T) {
	p := tiny(t, nil)
	step := func(i int) {
		s := core.Sampling{N: 4, MaxTokens: 10 + i%20, Temperature: 1, Seeds: seeds(20)}
		var seqs []core.Sequence
		for _, c := range sampled(t, p, prompts, s) {
			seqs = append(seqs, core.Sequence{Prompt: c.PromptTokens, Completion: c.Tokens})
		}
		if _, err := p.Score(t.Context(), seqs, 1, true); err != nil {
			t.Fatal(err)
		}
		update(t, p, seqs)
	}
	for i := range 50 {
		step(i)
	}
	runtime.GC()
	before, handles := resident(t), engine.LiveTensors()
	for i := range 200 {
		step(i)
	}
	runtime.GC()
	after := resident(t)
	t.Logf("%d MiB before, %d MiB after", before>>20, after>>20)
	if grown := after - before; grown > 16<<20 {
		t.Errorf("memory grew by %d MiB in 200 steps", grown>>20)
	}
	if n := engine.LiveTensors(); n != handles {
		t.Errorf("%d tensor handles, were %d", n, handles)
	}
}

func TestPoliciesFreeTheirHandles(t *testing.T) {
	dir := models(t)[0]
	once := func() {
		s := Defaults()
		s.Model, s.Device = dir, "cpu"
		p, err := Open(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
	}
	once()
	handles := engine.LiveTensors()
	for range 5 {
		once()
	}
	if n := engine.LiveTensors(); n != handles {
		t.Errorf("%d tensor handles, were %d", n, handles)
	}
}

// digest samples, updates and samples again, and hashes all that came of it.
func digest(t *testing.T) string {
	p := tiny(t, nil)
	h := sha256.New()
	for i := range 3 {
		s := core.Sampling{N: 4, MaxTokens: 24, Temperature: 1, TopP: 0.95, Seeds: seeds(20)}
		var seqs []core.Sequence
		for _, c := range sampled(t, p, prompts, s) {
			seqs = append(seqs, core.Sequence{Prompt: c.PromptTokens, Completion: c.Tokens})
			fmt.Fprintln(h, i, c.Tokens, c.LogProbs)
		}
		scores, stats := update(t, p, seqs)
		fmt.Fprintln(h, scores, stats)
	}
	h.Write(state(t, p))
	return hex.EncodeToString(h.Sum(nil))
}

// The same calls give the same bytes in another process.
func TestProcessesAgree(t *testing.T) {
	const marker = "digest of a child: "
	if os.Getenv("HARNESS_TORCH_CHILD") != "" {
		fmt.Println(marker + digest(t))
		return
	}
	want := digest(t)
	for i := range 2 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestProcessesAgree$")
		cmd.Env = append(os.Environ(), "HARNESS_TORCH_CHILD=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("child: %v\n%s", err, out)
		}
		_, rest, found := bytes.Cut(out, []byte(marker))
		if !found {
			t.Fatalf("child printed no digest:\n%s", out)
		}
		if got := strings.Fields(string(rest))[0]; got != want {
			t.Errorf("process %d: digest %s, here %s", i, got, want)
		}
	}
}
