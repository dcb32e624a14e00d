package pythonwasm

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/core"
)

// hostileCase is a case of the adversarial corpus; its README says what the fields mean.
type hostileCase struct {
	Name          string   `json:"name"`
	Category      string   `json:"category"`
	Entry         string   `json:"entry_point"`
	Completion    string   `json:"completion"`
	CompletionB64 string   `json:"completion_b64"`
	Imports       []string `json:"test_imports"`
	Setup         string   `json:"setup"`
	Tests         []string `json:"tests"`
	Accept        []string `json:"accept"`
	Why           string   `json:"why"`
	Repeat        int      `json:"repeat"`
	Consistent    bool     `json:"consistent"`
	MustNotExist  []string `json:"must_not_exist"`
	SettleSeconds float64  `json:"settle_s"`
	LeakProbe     bool     `json:"leak_probe"`
	Debatable     bool     `json:"debatable"`
}

// corpusClass is the corpus's word for a class.
func corpusClass(c core.Class) string {
	switch c {
	case core.Passed:
		return "pass"
	case core.Syntax:
		return "syntax"
	case core.Timeout:
		return "timeout"
	case core.Memory, core.Output:
		return "resource"
	case core.Exit:
		return "exit"
	case core.Failed, core.Error, core.NoCode:
		return "wrong"
	case core.Infrastructure:
	}
	return string(c)
}

// readCase reads a case as JSON does, but keeps lone surrogates, which Go's decoder replaces, as the bytes Python would refuse.
func readCase(tb testing.TB, path string) hostileCase {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var c hostileCase
	if err := json.Unmarshal(b, &c); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	if c.CompletionB64 != "" {
		raw, err := base64.StdEncoding.DecodeString(c.CompletionB64)
		if err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		c.Completion = string(raw)
	}
	return c
}

// TestAdversarial runs a corpus of hostile and of odd but honest programs.
func TestAdversarial(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(fixture(t, "HARNESS_ADVERSARIAL", "adversarial"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("RLVR_CANARY_SECRET", "seen-by-nobody")
	p := open(t, Config{Fuel: FuelFloor}) // the corpus has no reference solutions to take a limit from
	ran := 0
	for _, file := range files {
		c := readCase(t, file)
		if c.Name == "" { // the manifest
			continue
		}
		ran++
		t.Run(c.Name, func(t *testing.T) { runHostile(t, p, c) })
	}
	if ran == 0 {
		t.Fatal("the corpus has no case")
	}
}

func runHostile(t *testing.T, p *Pool, c hostileCase) {
	task := core.Task{ID: c.Name, Entry: c.Entry, Imports: c.Imports, Setup: c.Setup, Tests: c.Tests}
	var classes []string
	var v core.Verdict
	for range max(1, c.Repeat) {
		start := time.Now()
		var err error
		if v, err = p.Verify(t.Context(), task, c.Completion); err != nil {
			t.Fatal(err)
		}
		classes = append(classes, corpusClass(v.Class))
		if spent := time.Since(start); spent > 90*time.Second {
			t.Errorf("answered after %v", spent)
		}
	}
	t.Logf("%s: %s: %s (fuel %d, memory %d)", v.Class, v.Exception, v.Message, v.Fuel, v.MemoryBytes)
	deterministic := slices.Contains(c.Accept, "deterministic")
	for _, class := range classes {
		if class != classes[0] && (c.Consistent || deterministic) {
			t.Errorf("verdicts differ: %v", classes)
		}
		if !slices.Contains(c.Accept, class) && !deterministic && !c.Debatable {
			t.Errorf("got %v (%s: %s), accept %v: %s", classes, v.Exception, v.Message, c.Accept, c.Why)
			break
		}
	}
	time.Sleep(time.Duration(c.SettleSeconds * float64(time.Second)))
	for _, path := range c.MustNotExist {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s exists afterwards", path)
		}
	}
	if c.LeakProbe && strings.Contains(v.Message, os.Getenv("RLVR_CANARY_SECRET")) {
		t.Errorf("the secret was seen: %s", v.Message)
	}
}
