package assets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// install gives the command that installs each tool on Debian and its kin; elsewhere the package has a like name.
var install = map[string]string{
	"python3": "apt-get install python3 python3-pip",
	"pip":     "apt-get install python3-pip",
	"npm":     "apt-get install npm",
	"apt-get": "use a machine with apt-get, or one that reaches the official address",
	"make":    "apt-get install make",
	"g++":     "apt-get install g++",
	"gcc":     "apt-get install gcc",
	"cc":      "apt-get install gcc",
}

// MissingTool is the error for a program that the machine lacks, with the command that installs it.
func MissingTool(tool string) *ToolError {
	how, ok := install[tool]
	if !ok {
		how = "install " + tool
	}
	return &ToolError{Tool: tool, Install: how}
}

// tailBytes is how much of a failed tool's output its error shows; the entry's log has all of it.
const tailBytes = 1500

// Run runs a tool in dir with env added to the environment, its output going to b.Log. When the tool fails, the error
// holds the end of what it printed. The tool dies with this process and its children keep the artefact's lock.
func (b *Build) Run(ctx context.Context, dir string, env []string, tool string, args ...string) error {
	return runTool(ctx, b.lock, b.Log, dir, env, tool, args...)
}

// Run is Build.Run for a Source.
func (r *Request) Run(ctx context.Context, dir string, env []string, tool string, args ...string) error {
	return runTool(ctx, r.lock, r.Log, dir, env, tool, args...)
}

func runTool(ctx context.Context, l *lock, log io.Writer, dir string, env []string, tool string, args ...string) error {
	if _, err := exec.LookPath(tool); err != nil {
		return MissingTool(tool)
	}
	fmt.Fprintf(log, "+ %s %s\n", tool, strings.Join(args, " "))
	var end tail
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Stdout = io.MultiWriter(log, &end)
	cmd.Stderr = cmd.Stdout
	cmd.WaitDelay = 5 * time.Second // for a grandchild that left the group and holds the pipe
	undo := bind(cmd, l)
	defer undo()
	began := time.Now()
	err := cmd.Run()
	if p := cmd.ProcessState; p != nil {
		fmt.Fprintf(log, "+ %s %s took %.1f s, %.1f s of processors\n", tool, firstWord(args), time.Since(began).Seconds(), (p.UserTime() + p.SystemTime()).Seconds())
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%s %s: %w:\n%s", tool, firstWord(args), err, indent(end.String()))
}

// firstWord is the argument that says what the tool was asked to do.
func firstWord(args []string) string {
	for i, a := range args {
		if !strings.HasPrefix(a, "-") && (i == 0 || args[i-1] != "-o") {
			return a
		}
	}
	return strings.Join(args, " ")
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}

// tail keeps the last tailBytes written to it, from the start of a line.
type tail struct {
	buf []byte
	cut bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if extra := len(t.buf) - tailBytes; extra > 0 {
		t.buf, t.cut = append(t.buf[:0], t.buf[extra:]...), true
	}
	return len(p), nil
}

func (t *tail) String() string {
	b := t.buf
	if t.cut {
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	return strings.ToValidUTF8(string(b), "�")
}
