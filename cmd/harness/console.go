package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// console talks to the person who watches: lines, and a progress bar where the stream is a terminal. In a log file the bars
// are left out and the lines alone tell the story. Any goroutine may write.
type console struct {
	mu       sync.Mutex
	w        io.Writer
	log      io.Writer // a run's log, once there is a run
	early    []byte    // the lines before that
	terminal bool
	bar      *progressbar.ProgressBar
	last     time.Time
}

func newConsole(w io.Writer) *console {
	c := &console{w: w}
	if f, ok := w.(*os.File); ok {
		c.terminal = term.IsTerminal(int(f.Fd()))
	}
	return c
}

// line prints a line, above the bar where there is one.
func (c *console) line(format string, a ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
	line := fmt.Appendf(nil, format+"\n", a...)
	_, _ = c.w.Write(line) // a terminal that went away is no reason to stop
	if c.log == nil {
		if len(c.early) < 1<<20 { // a command without a run's log must not gather lines for ever
			c.early = append(c.early, line...)
		}
		return
	}
	_, _ = c.log.Write(line) // nor is a log that cannot be written: what a run found is in its records
}

// keep writes every line to a run's log too, those from before among them.
func (c *console) keep(log io.Writer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := log.Write(c.early)
	c.log, c.early = log, nil
	return err
}

// quiet is the time between two lines of progress in a log.
const quiet = 30 * time.Second

// progress shows how far a stage is. Without a terminal it prints a line only when the stage has been silent for long.
func (c *console) progress(stage string, done, total int, detail string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.terminal {
		if time.Since(c.last) >= quiet && done < total {
			c.last = time.Now()
			fmt.Fprintf(c.w, "%s: %d of %d %s\n", stage, done, total, detail)
		}
		return
	}
	if c.bar == nil {
		c.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(c.w), progressbar.OptionSetWidth(24), progressbar.OptionThrottle(65*time.Millisecond),
			progressbar.OptionShowCount(), progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(false),
			progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true))
	}
	if c.bar.GetMax() != total {
		c.bar.ChangeMax(total)
	}
	c.bar.Describe(fmt.Sprintf("%-22s %s", stage, detail))
	// the bar shows what it can; a terminal that went away is no reason to stop
	_ = c.bar.Set(done)
}

// clear takes the bar away.
func (c *console) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
}

// drop takes the bar away and starts a new silence; c.mu is held.
func (c *console) drop() {
	c.last = time.Now()
	if c.bar != nil {
		_ = c.bar.Clear()
		c.bar = nil
	}
}
