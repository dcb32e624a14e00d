package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/benchmarks/mbpp"
	"github.com/rlvr-harness/harness/benchmarks/rows"
	"github.com/rlvr-harness/harness/benchmarks/samples"
	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/grade"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "grade programs against their tests",
		Description: `Reads tasks (JSON lines in MBPP's fields) and completions (JSON lines with task_id and completion,
completion_base64 or solution) and prints one verdict a line, in the completions' order. The same input gives the same bytes
on any machine, at any load and with any number of workers. Without --completions it grades the tasks' reference solutions.

Examples:
   harness verify --tasks mbpp.jsonl --completions samples.jsonl --out verdicts.jsonl
   harness verify --benchmark humaneval-plus --completions samples.jsonl
   harness verify --tasks mbpp.jsonl --challenge`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "tasks", Usage: "`FILE` of tasks, JSON lines as in MBPP (.gz too)"},
			&cli.StringFlag{Name: "benchmark", Usage: "instead of --tasks, the tasks of a benchmark: " + strings.Join(benchmarkNames(), ", ")},
			&cli.StringFlag{Name: "data", Usage: "`FILE` of the benchmark; default: the asset of its name"},
			&cli.StringFlag{Name: "completions", Usage: "`FILE` of completions; default: the tasks' reference solutions"},
			&cli.BoolFlag{Name: "challenge", Usage: "run the tasks' challenge tests too"},
			&cli.BoolFlag{Name: "strict", Usage: "stop at the first row that cannot be used"},
			&cli.BoolFlag{Name: "explain", Usage: "for a person: print each program with its tests and what each gave, instead of JSON"},
			&cli.StringFlag{Name: "out", Usage: "write the verdicts to `FILE` and print a summary"},
			jsonFlag(),
		}, judgeFlags()...),
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("verify takes no arguments, only flags; what is %q?", c.Args().First())
			}
			return verify(c)
		},
	}
}

// verdictLine is a line of verify's output, as CONTRACT has it.
type verdictLine struct {
	TaskID      json.RawMessage `json:"task_id"`
	Sample      int             `json:"sample"`
	Verdict     core.Class      `json:"verdict"`
	Tests       []testLine      `json:"tests"`
	Weak        bool            `json:"weak"`
	Exception   string          `json:"exception"`
	Message     string          `json:"message"`
	Fuel        int64           `json:"fuel"`
	MemoryBytes int64           `json:"memory_bytes"`
	StdoutBytes int64           `json:"stdout_bytes"`
	Lint        core.Lint       `json:"lint"`
	// SHA256 is of the program that was run.
	SHA256 string `json:"sha256"`
}

type testLine struct {
	Verdict   core.Class `json:"verdict"`
	Exception string     `json:"exception"`
	Message   string     `json:"message"`
	Weak      bool       `json:"weak,omitempty"`
}

// gradedJob is a completion on its way through the workers.
type gradedJob struct {
	sample samples.Sample
	where  string // of the sample: file and line
	task   core.Task
	done   chan gradedResult
}

type gradedResult struct {
	evidence core.Evidence
	err      error
}

func verify(c *cli.Context) (err error) {
	con := newConsole(c.App.ErrWriter)
	j := readJudgeConfig(c)
	if err := j.validate(); err != nil {
		return err
	}
	p := newParts(con)
	defer func() { err = errors.Join(err, p.close()) }()
	tasks, err := p.verifyTasks(c)
	if err != nil {
		return err
	}
	byID := make(map[string]core.Task, len(tasks))
	for _, t := range tasks {
		if c.Bool("challenge") {
			t = challenged(t)
		}
		byID[t.ID] = t
	}
	next, total, closeSamples, err := verifySamples(c, tasks)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSamples()) }()
	judge, err := p.openJudge(c.Context, j)
	if err != nil {
		return err
	}

	var out io.Writer = c.App.Writer
	var file *atomicFile
	if name := c.String("out"); name != "" {
		if file, err = createAtomic(name); err != nil {
			return err
		}
		defer file.abandon()
		out = file
	}
	w := bufio.NewWriter(out)
	sum := newSummary()
	start := time.Now()
	strict := c.Bool("strict")
	bad := func(bad error) error {
		if strict {
			return usageError{bad}
		}
		sum.bad++
		con.line("warning: a completion is left out: %s", printable(bad.Error()))
		return nil
	}
	err = inOrder(c.Context, judge.workers, nextSample(c.String("completions"), next, func(id string) (core.Task, bool) {
		t, ok := byID[id]
		return t, ok
	}, bad), func(ctx context.Context, job *gradedJob) (core.Evidence, error) {
		return judge.judge.Evidence(ctx, job.task, savedPrompt(job.sample), core.Completion{Text: job.sample.Text})
	}, func(job *gradedJob, e core.Evidence) error {
		sum.add(job.task.ID, e)
		con.progress("verify", sum.n, max(total, sum.n), "")
		if c.Bool("explain") {
			return explain(w, job, e)
		}
		return writeVerdict(w, job, e)
	}, bad)
	con.clear()
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the verdicts: %w", err)
	}
	if name := c.String("completions"); name != "" && sum.n == 0 && sum.bad > 0 {
		return usagef("--completions %s: none of its %d rows can be used; the warnings say why", name, sum.bad)
	}
	if file == nil {
		con.line("%s", sum.text(time.Since(start)))
		return nil
	}
	if err := file.commit(); err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, sum.json())
	}
	fmt.Fprintf(c.App.Writer, "%s\n", sum.text(time.Since(start)))
	return nil
}

// verifyTasks reads the tasks that --tasks or --benchmark name.
func (p *parts) verifyTasks(c *cli.Context) ([]core.Task, error) {
	file, name := c.String("tasks"), c.String("benchmark")
	switch {
	case (file == "") == (name == ""):
		return nil, usagef("give either --tasks FILE or --benchmark NAME")
	case file == "":
		d, err := p.openDataset(c.Context, name, c.String("data"))
		if err != nil {
			return nil, err
		}
		return d.tasks, nil
	}
	tasks, bad, err := mbpp.Load(file, mbpp.Options{Strict: c.Bool("strict"), TextOptional: true})
	if err != nil {
		return nil, usageError{err}
	}
	for _, e := range bad {
		p.con.line("warning: a task is left out: %s", printable(e.Error()))
	}
	return tasks, nil
}

// verifySamples returns a function that gives the completions one by one, and their number where it is known.
func verifySamples(c *cli.Context, tasks []core.Task) (next func() (samples.Sample, error), total int, done func() error, err error) {
	if name := c.String("completions"); name != "" {
		r, err := samples.Open(name, rows.Limits{})
		if err != nil {
			return nil, 0, nil, usageError{err}
		}
		return r.Next, 0, r.Close, nil
	}
	i := 0
	return func() (samples.Sample, error) {
		for ; i < len(tasks); i++ {
			t := tasks[i]
			if t.Code == "" {
				continue
			}
			i++
			id, err := json.Marshal(t.ID)
			if err != nil {
				return samples.Sample{}, err
			}
			return samples.Sample{TaskID: t.ID, RawID: id, Text: t.Code, Line: i}, nil
		}
		return samples.Sample{}, io.EOF
	}, len(tasks), func() error { return nil }, nil
}

// errUnknownTask marks a completion of a task that is not at hand.
var errUnknownTask = errors.New("is none of the tasks")

// nextSample gives the next completion that can be judged, nil after the last. What bad says of a row that cannot be used
// decides: nil goes on with the next row.
func nextSample(file string, next func() (samples.Sample, error), task func(id string) (core.Task, bool), bad func(error) error) func() (*gradedJob, error) {
	return func() (*gradedJob, error) {
		for {
			s, err := next()
			if errors.Is(err, io.EOF) {
				return nil, nil
			}
			if err == nil {
				if t, ok := task(s.TaskID); ok {
					return &gradedJob{sample: s, where: where(file, s.Line), task: t}, nil
				}
				err = fmt.Errorf("%s:%d: field \"task_id\": %s %w", file, s.Line, s.RawID, errUnknownTask)
			} else if !errors.As(err, new(*rows.Error)) {
				return nil, err
			}
			if err := bad(err); err != nil {
				return nil, err
			}
		}
	}
}

// where names a line of a file of completions; without one, the completions are the tasks' reference solutions.
func where(file string, line int) string {
	if file == "" {
		return fmt.Sprintf("reference solution %d", line)
	}
	return fmt.Sprintf("%s:%d", file, line)
}

func writeVerdict(w io.Writer, job *gradedJob, e core.Evidence) error {
	v := e.Verdict
	l := verdictLine{
		TaskID: job.sample.RawID, Sample: job.sample.Index, Verdict: v.Class, Tests: []testLine{}, Weak: v.Weak,
		Exception: v.Exception, Message: v.Message, Fuel: v.Fuel, MemoryBytes: v.MemoryBytes, StdoutBytes: v.StdoutBytes, Lint: e.Lint,
	}
	if e.Program != "" {
		h := sha256.Sum256([]byte(e.Program))
		l.SHA256 = hex.EncodeToString(h[:])
	}
	if l.Lint.Codes == nil {
		l.Lint.Codes = map[string]int{}
	}
	for _, t := range v.Tests {
		l.Tests = append(l.Tests, testLine{t.Class, t.Exception, t.Message, t.Weak})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// explain prints a verdict for a person.
func explain(w io.Writer, job *gradedJob, e core.Evidence) error {
	v := e.Verdict
	var b strings.Builder
	fmt.Fprintf(&b, "── task %s, sample %d: %s", printable(job.task.ID), job.sample.Index, v.Class)
	if v.Exception != "" {
		fmt.Fprintf(&b, " (%s)", printable(v.Exception))
	}
	fmt.Fprintf(&b, "\n   fuel %d, memory %d bytes, printed %d bytes, lint findings %d\n", v.Fuel, v.MemoryBytes, v.StdoutBytes, e.Lint.Total())
	for i, l := range strings.Split(strings.TrimRight(e.Program, "\n"), "\n") {
		fmt.Fprintf(&b, "   %3d │ %s\n", i+1, printable(l))
	}
	for i, t := range v.Tests {
		test := ""
		if i < len(job.task.Tests) {
			test = job.task.Tests[i]
		}
		fmt.Fprintf(&b, "   %-8s %s\n", t.Class, printable(strings.ReplaceAll(test, "\n", " ⏎ ")))
		if t.Class != core.Passed {
			fmt.Fprintf(&b, "            %s\n", printable(strings.TrimSpace(t.Exception+" "+t.Message)))
		}
		if t.Weak {
			b.WriteString("            weak: compared inside the program's own interpreter\n")
		}
	}
	if len(v.Tests) == 0 && v.Message != "" {
		fmt.Fprintf(&b, "   %s\n", printable(v.Message))
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// printable keeps a hostile program from writing to the terminal anything but text, in the order in which it runs.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '�'
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

// inOrder takes jobs from next, works on them in parallel, and hands the results to emit in the order of the jobs. What bad says of a
// job whose task cannot be graded decides: nil goes on with the next. A few jobs per worker are under way at a time, so that memory
// does not grow with the input.
func inOrder(ctx context.Context, workers int, next func() (*gradedJob, error), work func(context.Context, *gradedJob) (core.Evidence, error), emit func(*gradedJob, core.Evidence) error, bad func(error) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := make(chan *gradedJob)
	for range workers {
		go func() {
			for j := range jobs {
				e, err := work(ctx, j)
				j.done <- gradedResult{e, err}
			}
		}()
	}
	defer close(jobs)
	var queue []*gradedJob
	take := func() error {
		j := queue[0]
		queue = queue[1:]
		r := <-j.done
		if task := (*grade.TaskError)(nil); errors.As(r.err, &task) {
			return bad(fmt.Errorf("%s: task %s cannot be graded: %w", j.where, j.task.ID, task))
		}
		if r.err != nil {
			return r.err
		}
		return emit(j, r.evidence)
	}
	for {
		j, err := next()
		if err != nil {
			return err
		}
		if j == nil {
			break
		}
		j.done = make(chan gradedResult, 1)
		for {
			if len(queue) < 16*workers {
				select {
				case jobs <- j:
				case <-ctx.Done():
					return ctx.Err()
				}
				queue = append(queue, j)
				break
			}
			if err := take(); err != nil {
				return err
			}
		}
	}
	for len(queue) > 0 {
		if err := take(); err != nil {
			return err
		}
	}
	return nil
}

// summary counts verdicts.
type summary struct {
	n, bad, passed, weak int
	verdicts             map[core.Class]int
	tasks                map[string]bool
}

func newSummary() *summary {
	return &summary{verdicts: map[core.Class]int{}, tasks: map[string]bool{}}
}

func (s *summary) add(task string, e core.Evidence) {
	s.n++
	s.verdicts[e.Verdict.Class]++
	s.tasks[task] = true
	if e.Verdict.Class == core.Passed {
		s.passed++
	}
	if e.Verdict.Weak {
		s.weak++
	}
}

func (s *summary) json() map[string]any {
	return map[string]any{"completions": s.n, "tasks": len(s.tasks), "verdicts": s.verdicts, "weak": s.weak, "left_out": s.bad}
}

func (s *summary) text(took time.Duration) string {
	var parts []string
	for _, class := range core.Classes() {
		if n := s.verdicts[class]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, class))
		}
	}
	if len(parts) == 0 {
		parts = []string{"no verdicts"}
	}
	text := fmt.Sprintf("%s (%d completions of %d tasks, %d weak, %.1f s)", strings.Join(parts, ", "), s.n, len(s.tasks), s.weak, took.Seconds())
	if s.bad > 0 {
		text += fmt.Sprintf("; %d rows left out", s.bad)
	}
	return text
}

// atomicFile appears under its name only when it is whole.
type atomicFile struct {
	*os.File
	name string
}

func createAtomic(name string) (*atomicFile, error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return nil, usagef("--out: %w", err)
	}
	return &atomicFile{f, name}, nil
}

// commit makes the file appear.
func (f *atomicFile) commit() error {
	err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), f.name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	return nil
}

// abandon removes what commit has not made appear.
func (f *atomicFile) abandon() {
	_ = f.Close() // after commit it is closed already
	_ = os.Remove(f.Name())
}
