package ruffwasm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/rlvr-harness/harness/core"
)

// DefaultMaxSourceBytes is the size of program that is linted where Config does not say otherwise: 64 KiB, four times
// what a completion of 4,096 tokens comes to.
const DefaultMaxSourceBytes = 64 << 10

// maxIdleMemory is the size above which an instance is replaced once its call is done: memory of WebAssembly never shrinks,
// and one made for programs of the usual size has 5 MiB.
const maxIdleMemory = 32 << 20

// ErrUnavailable says that a program cannot be linted: it is too large, nested too deeply, or it broke Ruff.
var ErrUnavailable = errors.New("the program cannot be linted")

// ErrClosed is the error of a Linter after Close.
var ErrClosed = errors.New("ruffwasm: the linter is closed")

// Config says how programs are linted. Only Wasm is required.
type Config struct {
	// Wasm is the path of Ruff's module, or of its folder: what the cache of assets has under the name "ruff-wasm".
	Wasm string
	// Profile is Classic or Default; "" is Default.
	Profile string
	// Workers is the largest number of programs linted at once; each has an instance of 5 MiB, made when it is first
	// needed. 0 means one per processor.
	Workers int
	// MaxSourceBytes is the largest program that is linted; 0 is DefaultMaxSourceBytes. A program takes up to 25 µs a byte.
	MaxSourceBytes int
	// CompileCache is the folder that keeps the machine code (43 MB), so that Open takes 0.2 s rather than the some 5 s of a
	// first compilation. "" is a folder beside that of the module, under its name and ".compiled"; where that cannot be made,
	// the module is compiled at every start.
	CompileCache string
	// Isolate has Ruff run in a process of its own, which has given up files, network and other processes for good; findings are
	// the same. It needs Linux, and a main that calls ServeWorker; Open fails where it cannot be had.
	Isolate bool
}

// Diagnostic is one finding. Rows and columns count from 1, columns in characters; the end is exclusive.
type Diagnostic struct {
	// Code is the rule, as "F401", or InvalidSyntax.
	Code      string        `json:"code"`
	Message   string        `json:"message"`
	Severity  core.Severity `json:"severity"`
	Row       int           `json:"row"`
	Column    int           `json:"column"`
	EndRow    int           `json:"end_row"`
	EndColumn int           `json:"end_column"`
}

// Linter lints programs. It may be used by any number of goroutines; more than Config.Workers wait for their turn.
type Linter struct {
	version   string
	selection []string
	maxBytes  int
	isolated  *isolated // nil: Ruff is in this process, and has what follows

	module  *module
	workers chan *instance // one place per worker; nil: its instance is yet to be made
	closed  chan struct{}
	closing sync.Once
}

// Open loads Ruff.
func Open(ctx context.Context, c Config) (*Linter, error) {
	l, err := open(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("ruffwasm: open: %w", err)
	}
	return l, nil
}

func open(ctx context.Context, c Config) (_ *Linter, err error) {
	if c.Workers < 0 || c.MaxSourceBytes < 0 {
		return nil, fmt.Errorf("%d workers and programs of %d bytes: neither may be negative", c.Workers, c.MaxSourceBytes)
	}
	selection, err := selection(c.Profile)
	if err != nil {
		return nil, err
	}
	c.Workers = cmp.Or(c.Workers, runtime.GOMAXPROCS(0))
	c.MaxSourceBytes = cmp.Or(c.MaxSourceBytes, DefaultMaxSourceBytes)
	if c.Isolate {
		return openIsolated(ctx, c, selection)
	}
	wasm, err := readWasm(c.Wasm)
	if err != nil {
		return nil, err
	}
	if c.CompileCache == "" {
		if c.CompileCache = compiledBeside(c.Wasm); os.MkdirAll(c.CompileCache, 0o755) != nil {
			c.CompileCache = ""
		}
	}
	module, err := compile(ctx, wasm, c.CompileCache)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, module.close(ctx))
		}
	}()
	first, err := module.newInstance(ctx, selection)
	if err != nil {
		return nil, err
	}
	version, err := first.version(ctx)
	if err != nil {
		return nil, err
	}
	l := &Linter{
		module: module, version: version, selection: selection,
		maxBytes: c.MaxSourceBytes,
		workers:  make(chan *instance, c.Workers),
		closed:   make(chan struct{}),
	}
	l.workers <- first
	for range cap(l.workers) - 1 {
		l.workers <- nil
	}
	return l, nil
}

// Close waits for the lints under way and frees the memory. Later calls do nothing; later lints answer ErrClosed.
func (l *Linter) Close() error {
	if l.isolated != nil {
		return l.isolated.keeper.Close()
	}
	var err error
	l.closing.Do(func() {
		close(l.closed)
		for range cap(l.workers) {
			<-l.workers
		}
		err = l.module.close(context.Background())
	})
	return err
}

// Version is the release of Ruff, as the module itself says.
func (l *Linter) Version() string { return l.version }

// SHA256 is that of the module.
func (l *Linter) SHA256() string { return wasmSHA256 }

// Select is the profile as Ruff's option --select takes it. A native Ruff of the same release finds the same with
//
//	ruff check --isolated --no-cache --ignore-noqa --select SELECT --target-version TARGET -
func (l *Linter) Select() string { return strings.Join(l.selection, ",") }

// Lint returns the severity profile of a program. Programs that cannot be linted have Unavailable set. An error means that
// the harness failed: the context ended, or the linter is closed.
func (l *Linter) Lint(ctx context.Context, src string) (core.Lint, error) {
	codes, silenced, err := l.count(ctx, src)
	switch {
	case errors.Is(err, ErrUnavailable):
		return core.Lint{Unavailable: true}, nil
	case err != nil:
		return core.Lint{}, fmt.Errorf("ruffwasm: lint: %w", err)
	}
	out := core.Lint{Suppressions: silenced, Codes: codes}
	for code, n := range codes {
		switch SeverityOf(code) {
		case core.Fatal:
			out.Fatal += n
		case core.Bad:
			out.Error += n
		case core.Warning:
			out.Warning += n
		case core.Refactor:
			out.Refactor += n
		case core.Convention:
			out.Convention += n
		}
	}
	return out, nil
}

// count returns the number of findings of each code, nil where there are none, and of the suppressions that were masked.
func (l *Linter) count(ctx context.Context, src string) (codes map[string]int, silenced int, err error) {
	if l.isolated != nil && len(src) <= l.maxBytes { // run refuses a larger one
		return l.isolated.count(ctx, src)
	}
	found, silenced, err := l.run(ctx, src)
	for _, d := range found {
		if codes == nil {
			codes = map[string]int{}
		}
		codes[d.Code]++
	}
	return codes, silenced, err
}

// Diagnostics returns the findings in a program, sorted by place, then by code and message. For a program that cannot be
// linted the error is ErrUnavailable, with the reason.
func (l *Linter) Diagnostics(ctx context.Context, src string) ([]Diagnostic, error) {
	found, err := l.find(ctx, src)
	if err != nil {
		return nil, fmt.Errorf("ruffwasm: lint: %w", err)
	}
	sortDiagnostics(found)
	return found, nil
}

// find returns the findings, in Ruff's order.
func (l *Linter) find(ctx context.Context, src string) ([]Diagnostic, error) {
	if l.isolated != nil && len(src) <= l.maxBytes {
		return l.isolated.find(ctx, src)
	}
	found, _, err := l.run(ctx, src)
	return found, err
}

func sortDiagnostics(d []Diagnostic) {
	slices.SortFunc(d, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.EndRow, b.EndRow), cmp.Compare(a.EndColumn, b.EndColumn),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
}

// run lints src in this process, with the next free instance and returns the findings and the number of suppressions that were masked.
func (l *Linter) run(ctx context.Context, src string) (found []Diagnostic, silenced int, err error) {
	if len(src) > l.maxBytes {
		return nil, 0, fmt.Errorf("%w: it has %d bytes, more than %d", ErrUnavailable, len(src), l.maxBytes)
	}
	if d, ok := notText(src); ok {
		return []Diagnostic{d}, 0, nil
	}
	src = strings.TrimPrefix(src, "\ufeff") // a byte order mark is no column
	if nestingExceeds(src, maxNesting) {
		return nil, 0, fmt.Errorf("%w: more than %d brackets are open at once", ErrUnavailable, maxNesting)
	}
	in, err := l.acquire(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer func() { l.workers <- in }()

	for {
		fresh := in == nil
		if fresh {
			if in, err = l.module.newInstance(ctx, l.selection); err != nil {
				return nil, 0, err
			}
		}
		found, silenced, err = in.lintMasked(ctx, src)
		var t *trap
		trapped := errors.As(err, &t)
		if trapped || in.memory.Size() > maxIdleMemory {
			e := in.close(ctx)
			if in = nil; e != nil {
				return nil, 0, fmt.Errorf("close an instance of ruff: %w", e)
			}
		}
		switch {
		case err == nil:
			return found, silenced, nil
		case trapped && fresh:
			return nil, 0, fmt.Errorf("%w: %s", ErrUnavailable, firstLine(t.Error()))
		case !trapped:
			return nil, 0, err
		}
		// An instance that served before may have trapped for what it still held of others: a new one decides.
	}
}

// acquire takes a worker's place; the instance is nil where the worker has none.
func (l *Linter) acquire(ctx context.Context) (*instance, error) {
	select {
	case <-l.closed:
		return nil, ErrClosed
	default:
	}
	select {
	case in := <-l.workers:
		return in, nil
	case <-l.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// lintMasked masks the suppressions of src and lints the rest.
func (in *instance) lintMasked(ctx context.Context, src string) (found []Diagnostic, silenced int, err error) {
	if mayHoldDirective(src) {
		listing, err := in.listTokens(ctx, src)
		if err != nil {
			return nil, 0, err
		}
		comments, err := commentsIn(listing, len(src))
		if err != nil {
			return nil, 0, err
		}
		src, silenced = mask(src, comments)
	}
	found, err = in.lint(ctx, src)
	return found, silenced, err
}

// notText finds what makes src no source of Python: a byte that is not UTF-8, or a NUL, which CPython 3.12 and later refuse.
func notText(src string) (Diagnostic, bool) {
	d := Diagnostic{Code: InvalidSyntax, Severity: core.Fatal}
	at := strings.IndexByte(src, 0)
	if at >= 0 {
		d.Message = "source code cannot contain null bytes"
	}
	if !utf8.ValidString(src) {
		for i, r := range src {
			if r == utf8.RuneError {
				if _, n := utf8.DecodeRuneInString(src[i:]); n == 1 && (at < 0 || i < at) {
					at = i
					d.Message = fmt.Sprintf("byte 0x%02x is not UTF-8", src[i])
					break
				}
			}
		}
	}
	if at < 0 {
		return d, false
	}
	before := src[:at]
	d.Row = 1 + strings.Count(before, "\n")
	d.Column = 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	d.EndRow, d.EndColumn = d.Row, d.Column+1
	return d, true
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
