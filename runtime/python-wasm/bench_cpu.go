package pythonwasm

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rlvr-harness/harness/core"
)

// Snippets is the text of nine Python functions that only compute.
//
//go:embed snippets.py
var Snippets string

// SnippetCost is what one snippet costs: medians over the rounds.
type SnippetCost struct {
	Name string `json:"name"`
	// Ours and Native are milliseconds of CPU for one call of the snippet, start-up and the first call not included. Native is 0 where
	// no interpreter was given.
	Ours   float64 `json:"ours"`
	Native float64 `json:"native"`
	// Slower is Ours / Native.
	Slower float64 `json:"slower"`
	// Fuel is that of one call: the same in every round and on every machine.
	Fuel int64 `json:"fuel"`
	// Check is the value that the snippet returned on both sides, as Python writes it; "" without a native interpreter.
	Check string `json:"check"`
}

// SnippetComparison is the cost of computing in the sandbox, beside a native interpreter.
type SnippetComparison struct {
	// Python and Native are the versions of the interpreters.
	Python   string        `json:"python"`
	Native   string        `json:"native"`
	Snippets []SnippetCost `json:"snippets"`
	Rounds   int           `json:"rounds"`
	// OursMean and NativeMean are geometric means of milliseconds, Slower that of the ratios, and Slowest the largest ratio.
	OursMean   float64 `json:"ours_mean"`
	NativeMean float64 `json:"native_mean"`
	Slower     float64 `json:"slower"`
	Slowest    float64 `json:"slowest"`
}

// snippetCalls is how many calls of a snippet are measured at once, after one that is not: by then the interpreter has specialised
// the snippet's bytecode, on either side.
const snippetCalls = 2

// snippetsList is the line of a file of snippets that names them.
var snippetsList = regexp.MustCompile(`(?m)^SNIPPETS\s*=\s*\[([\w\s,]+)\]`)

// SnippetNames returns the functions that text lists in SNIPPETS.
func SnippetNames(text string) ([]string, error) {
	m := snippetsList.FindStringSubmatch(text)
	if m == nil {
		return nil, errors.New("read snippets: there is no line `SNIPPETS = [name, ...]` that lists the functions")
	}
	return strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' }), nil
}

// CompareSnippets runs each of the named functions of text, a Python file, in a sandbox and, where python names an interpreter, in a
// native process, in turns. Each side's time is CPU time: of the thread that runs the snippet natively, and of the whole host for a
// verdict on it here, less that of a verdict on its first call alone. That a snippet returned the native value is the verdict.
func (p *Pool) CompareSnippets(ctx context.Context, text string, names []string, python string, rounds int) (SnippetComparison, error) {
	c := SnippetComparison{Python: p.python, Rounds: rounds}
	if rounds < 1 || len(names) == 0 {
		return c, errors.New("compare: there is nothing to measure")
	}
	if p.isolated != nil {
		return c, errors.New("compare: snippets are measured in this process: open the pool without Config.Isolate")
	}
	native, err := openNative(ctx, python)
	if err != nil {
		return c, err
	}
	c.Native = native.version
	ours, theirs := make([][]float64, len(names)), make([][]float64, len(names))
	for _, name := range names {
		c.Snippets = append(c.Snippets, SnippetCost{Name: name})
	}
	for range rounds {
		for i, name := range names {
			s := &c.Snippets[i]
			if native.path != "" {
				ms, check, err := native.run(ctx, text, name)
				if err != nil {
					return c, err
				}
				if s.Check != "" && s.Check != check {
					return c, fmt.Errorf("compare: snippet %s returned %s and then %s: it must return the same each time", name, s.Check, check)
				}
				s.Check = check
				theirs[i] = append(theirs[i], ms)
			}
			ms, fuel, err := p.runSnippet(ctx, text, name, s.Check)
			if err != nil {
				return c, err
			}
			s.Fuel = fuel
			ours[i] = append(ours[i], ms)
		}
	}
	for i := range c.Snippets {
		s := &c.Snippets[i]
		s.Ours = medianOf(ours[i], func(ms float64) float64 { return ms })
		if native.path != "" {
			s.Native = medianOf(theirs[i], func(ms float64) float64 { return ms })
			s.Slower = s.Ours / s.Native
		}
		if s.Ours <= 0 || (native.path != "" && s.Native <= 0) {
			return c, fmt.Errorf("compare: snippet %s takes too little CPU time to be told from the rest: have it do more in a call", s.Name)
		}
	}
	c.OursMean = geometricMean(c.Snippets, func(s SnippetCost) float64 { return s.Ours })
	if native.path != "" {
		c.NativeMean = geometricMean(c.Snippets, func(s SnippetCost) float64 { return s.Native })
		c.Slower = geometricMean(c.Snippets, func(s SnippetCost) float64 { return s.Slower })
		c.Slowest = slices.MaxFunc(c.Snippets, func(a, b SnippetCost) int { return cmp.Compare(a.Slower, b.Slower) }).Slower
	}
	return c, nil
}

func geometricMean(s []SnippetCost, f func(SnippetCost) float64) float64 {
	sum := 0.0
	for _, x := range s {
		sum += math.Log(f(x))
	}
	return math.Exp(sum / float64(len(s)))
}

// runSnippet returns the CPU milliseconds and the fuel of one call of the snippet. check is the value that it must return; "" is any.
func (p *Pool) runSnippet(ctx context.Context, text, name, check string) (ms float64, fuel int64, err error) {
	var took [2]time.Duration
	var used [2]int64
	for i, calls := range []int{1, 1 + snippetCalls} {
		if took[i], used[i], err = p.callSnippet(ctx, text, name, check, calls); err != nil {
			return 0, 0, err
		}
	}
	return float64(took[1]-took[0]) / snippetCalls / float64(time.Millisecond), (used[1] - used[0]) / snippetCalls, nil
}

// callSnippet gives a verdict on so many calls of the snippet. The file must not take itself for the main program, and so it runs
// under a name of its own, natively too.
func (p *Pool) callSnippet(ctx context.Context, text, name, check string, calls int) (time.Duration, int64, error) {
	quoted, err := json.Marshal(text) // the escapes of a JSON string are Python's
	if err != nil {
		return 0, 0, err
	}
	program := fmt.Sprintf(`names = {"__name__": "snippets"}
exec(compile(%s, "snippets", "exec"), names)
def call(name, times):
    for _ in range(times):
        value = names[name]()
    return repr(value)
`, quoted)
	test := fmt.Sprintf("assert call(%q, %d)", name, calls)
	if check != "" {
		test += fmt.Sprintf(" == %s", strconv.QuoteToASCII(check))
	}
	prepared, err := p.prepare(ctx, core.Task{ID: name, Tests: []string{test}})
	if err != nil {
		return 0, 0, fmt.Errorf("compare: snippet %s: %w", name, err)
	}
	before := p.cpu()
	v, err := p.grade(ctx, prepared.task, program, p.config.limits(equalFuel(fuelOfReferences)))
	took := p.cpu() - before
	if err != nil {
		return 0, 0, fmt.Errorf("compare: snippet %s: %w", name, err)
	}
	if v.Class != core.Passed {
		return 0, 0, fmt.Errorf("compare: snippet %s: in the sandbox, its test `%s` ended as %s: %s %s", name, test, v.Class, v.Exception, v.Message)
	}
	return took, v.Fuel, nil
}

// nativePython is an interpreter of this machine; its path is "" where there is none.
type nativePython struct{ path, version string }

func openNative(ctx context.Context, python string) (nativePython, error) {
	path, err := realPython(ctx, python)
	if err != nil || path == "" {
		return nativePython{}, err
	}
	out, err := exec.CommandContext(ctx, path, "-I", "-S", "-c", "import platform; print(platform.python_version())").Output()
	if err != nil {
		return nativePython{}, fmt.Errorf("compare: ask %s for its version: %w", path, err)
	}
	return nativePython{path, strings.TrimSpace(string(out))}, nil
}

// nativeSnippet is run by the native interpreter. It prints the nanoseconds of CPU that its calls took, and the value.
const nativeSnippet = `import sys, time
names = {"__name__": "snippets"}
exec(compile(sys.stdin.buffer.read(), "snippets", "exec"), names)
snippet, calls = names[sys.argv[1]], range(int(sys.argv[2]))
snippet()
start = time.thread_time_ns()
for _ in calls:
    value = snippet()
print(time.thread_time_ns() - start, repr(value))
`

// run returns the CPU milliseconds of one call and the value that the snippet returned.
func (n nativePython) run(ctx context.Context, text, name string) (ms float64, check string, err error) {
	cmd := exec.CommandContext(ctx, n.path, "-I", "-S", "-X", "utf8", "-c", nativeSnippet, name, strconv.Itoa(snippetCalls))
	cmd.Stdin = strings.NewReader(text)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, "", fmt.Errorf("compare: snippet %s: run %s: %w: %s", name, n.path, err, lastLine(stderr.String()))
	}
	took, check, found := strings.Cut(strings.TrimSpace(lastLine(string(out))), " ")
	ns, err := strconv.ParseInt(took, 10, 64)
	if err != nil || !found {
		return 0, "", fmt.Errorf("compare: snippet %s: %s printed %q; want nanoseconds and a value", name, n.path, out)
	}
	return float64(ns) / snippetCalls / float64(time.Millisecond), check, nil
}

func lastLine(s string) string {
	s = strings.TrimRight(s, "\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}
