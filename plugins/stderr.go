package plugins

import (
	"bytes"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// What is kept of a plugin's output for a message to a person.
const (
	tailLines = 12
	lineBytes = 400
)

// tail cuts a plugin's output into lines, passes each to a logger, and keeps the last ones. The first line of a Go
// panic is kept as well, since its goroutines' stacks would push it out.
type tail struct {
	log    *slog.Logger
	plugin string

	mu      sync.Mutex
	writers []*lineWriter
	lines   []string
	panic   string
}

// writer returns a writer for one stream; the lines of different streams do not mix.
func (t *tail) writer() io.Writer {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &lineWriter{to: t}
	t.writers = append(t.writers, w)
	return w
}

type lineWriter struct {
	to      *tail
	partial []byte // guarded by to.mu
}

// Write takes bytes of a plugin's output; it never fails.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.to.mu.Lock()
	defer w.to.mu.Unlock()
	w.partial = append(w.partial, p...)
	for {
		i := bytes.IndexByte(w.partial, '\n')
		if i < 0 {
			if len(w.partial) > 1<<20 { // a line without end must not grow without end
				w.to.add(w.partial)
				w.partial = nil
			}
			return len(p), nil
		}
		w.to.add(w.partial[:i])
		w.partial = w.partial[i+1:]
	}
}

func (t *tail) add(raw []byte) {
	line := cleanLine(raw)
	if line == "" {
		return
	}
	if t.panic == "" && (strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:")) {
		t.panic = line
	}
	t.lines = append(t.lines, line)
	if len(t.lines) > tailLines {
		t.lines = t.lines[1:]
	}
	if t.log != nil {
		t.log.Info(line, "plugin", t.plugin)
	}
}

// cleanLine makes foreign bytes fit for a log: bounded, valid UTF-8, without control characters.
func cleanLine(raw []byte) string {
	raw = bytes.TrimSpace(raw)
	more := ""
	if len(raw) > lineBytes {
		cut := lineBytes
		for cut > lineBytes-utf8.UTFMax && !utf8.RuneStart(raw[cut]) {
			cut--
		}
		raw, more = raw[:cut], "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(string(raw), "\uFFFD")) + more
}

// last returns the lines that are kept, unfinished ones among them.
func (t *tail) last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	if t.panic != "" && !slices.Contains(t.lines, t.panic) {
		out = append(out, t.panic, "…")
	}
	out = append(out, t.lines...)
	for _, w := range t.writers {
		if rest := cleanLine(w.partial); rest != "" {
			out = append(out, rest)
		}
	}
	return out
}
