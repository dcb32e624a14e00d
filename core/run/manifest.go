package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/jsonlines"
)

// The kinds of run.
const (
	Train = "train"
	Eval  = "eval"
)

// format is the version of the folder's layout.
const format = 1

// Manifest says what was run, in full: enough to run it again. It holds nothing that differs between two runs of one
// seed: no times, no process ids, and not the folder itself.
type Manifest struct {
	// Format is the version of the folder's layout; Create sets it.
	Format int `json:"format"`
	// Kind is Train or Eval.
	Kind string `json:"kind"`
	// Config is the resolved configuration: every flag with its value, defaults too. Any value that marshals to a JSON
	// object. The report's head shows its members model, optimizer, reward, benchmark, split, steps, seed and data,
	// where they are there.
	Config any `json:"config"`
	// Seeds names the run's seeds; all randomness follows from them.
	Seeds map[string]uint64 `json:"seeds"`
	// Versions names the parts that have one: "harness", "go", "libtorch", "ruff", "prompt", …
	Versions map[string]string `json:"versions"`
	Plugins  []Plugin          `json:"plugins"`
	// Policy describes the opened model; nil where there is none.
	Policy *Policy `json:"policy,omitempty"`
	// SHA256 names the files that decide the run's bytes: "binary", "model", "data", "python", "ruff".
	SHA256   map[string]string `json:"sha256"`
	Platform Platform          `json:"platform"`
}

// Plugin identifies a plugin that takes part in a run.
type Plugin struct {
	// Kind is "reward", "optimizer" or "policy".
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// SHA256 is of the plugin's binary.
	SHA256 string `json:"sha256"`
	// Settings are the resolved settings, defaults too: a JSON object.
	Settings any `json:"settings,omitempty"`
}

// Policy is core.PolicyInfo in the manifest's words.
type Policy struct {
	Model         string            `json:"model"`
	Architecture  string            `json:"architecture"`
	SHA256        string            `json:"sha256"`
	Parameters    int64             `json:"parameters"`
	Trainable     int64             `json:"trainable"`
	Device        string            `json:"device"`
	DType         string            `json:"dtype"`
	Threads       int               `json:"threads"`
	ContextLength int               `json:"context_length"`
	VocabSize     int               `json:"vocab_size"`
	EOS           []int32           `json:"eos"`
	Versions      map[string]string `json:"versions"`
}

// PolicyOf returns the manifest's entry for an opened policy.
func PolicyOf(i core.PolicyInfo) *Policy {
	return &Policy{
		Model: i.Model, Architecture: i.Architecture, SHA256: i.SHA256, Parameters: i.Parameters, Trainable: i.Trainable,
		Device: i.Device, DType: i.DType, Threads: i.Threads, ContextLength: i.ContextLength, VocabSize: i.VocabSize,
		EOS: i.EOS, Versions: i.Versions,
	}
}

// Platform is the machine that a run's bytes hold for: floating-point sums differ between processors and thread counts.
type Platform struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
	// CPU is the processor's name, or "".
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
}

// ThisPlatform describes the machine that the process runs on.
func ThisPlatform() Platform {
	p := Platform{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU()}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return p // Linux alone has it; the name is for people
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			p.CPU = strings.TrimSpace(value)
			break
		}
	}
	return p
}

// encode returns the manifest as it is written, and checks what a reader relies on.
func (m Manifest) encode() ([]byte, error) {
	if m.Kind != Train && m.Kind != Eval {
		return nil, fmt.Errorf("manifest: kind is %q; it is %q or %q", m.Kind, Train, Eval)
	}
	m.Format = format
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return append(text, '\n'), nil
}

// ErrNoRun says that a folder has no manifest, or is not there.
var ErrNoRun = errors.New("holds no run")

// ReadManifest reads a run's manifest. Config and Settings come back as JSON's own Go types.
func ReadManifest(dir string) (Manifest, error) {
	name := filepath.Join(dir, manifestName)
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%s %w: %s is missing", dir, ErrNoRun, manifestName)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("read the manifest: %w", err)
	}
	m, err := jsonlines.Decode[Manifest](text, name)
	if err != nil {
		return Manifest{}, err
	}
	if m.Format != format {
		return Manifest{}, fmt.Errorf("%s: format is %d; this version of harness reads format %d", name, m.Format, format)
	}
	if m.Kind != Train && m.Kind != Eval {
		return Manifest{}, fmt.Errorf("%s: field \"kind\" is %q; it is %q or %q", name, m.Kind, Train, Eval)
	}
	return m, nil
}

// Diff says how another manifest differs, one line for each value, as "config.lr: 1e-05 became 2e-05": what a resumed
// run must look at before it goes on with other settings.
func (m Manifest) Diff(now Manifest) []string {
	flat := func(m Manifest) map[string]string {
		m.Format = format
		values := map[string]string{}
		text, err := json.Marshal(m)
		if err != nil {
			return map[string]string{"": err.Error()}
		}
		var v any
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			return map[string]string{"": err.Error()}
		}
		flatten("", v, values)
		return values
	}
	old, current := flat(m), flat(now)
	var lines []string
	for path, was := range old {
		switch is, ok := current[path]; {
		case !ok:
			lines = append(lines, fmt.Sprintf("%s: %s is gone", path, was))
		case is != was:
			lines = append(lines, fmt.Sprintf("%s: %s became %s", path, was, is))
		}
	}
	for path, is := range current {
		if _, ok := old[path]; !ok {
			lines = append(lines, fmt.Sprintf("%s: %s is new", path, is))
		}
	}
	slices.Sort(lines)
	return lines
}

func flatten(path string, v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			p := key
			if path != "" {
				p = path + "." + key
			}
			flatten(p, member, into)
		}
	case []any:
		for i, member := range v {
			flatten(fmt.Sprintf("%s[%d]", path, i), member, into)
		}
	default:
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte(err.Error())
		}
		into[path] = string(text)
	}
}
