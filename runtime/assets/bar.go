package assets

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// NewProgress shows on w what the cache does: on a terminal one bar for everything under way, elsewhere a line for each
// stage and, during long downloads, a line now and then.
func NewProgress(w io.Writer) Progress {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &barDisplay{w: w}
	}
	return &lineDisplay{w: w}
}

// lineEvery is the time between two lines about one download.
const lineEvery = 15 * time.Second

// lineDisplay is for logs.
type lineDisplay struct {
	mu sync.Mutex
	w  io.Writer
}

func (d *lineDisplay) Begin(name string) Job {
	return &lineJob{d: d, name: name, began: time.Now(), said: time.Now()}
}

func (d *lineDisplay) say(name, format string, a ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.w, "%s: %s\n", name, fmt.Sprintf(format, a...))
}

type lineJob struct {
	d           *lineDisplay
	name        string
	began, said time.Time
}

func (j *lineJob) Stage(text string) {
	j.said = time.Now()
	j.d.say(j.name, "%s", text)
}

func (j *lineJob) Bytes(done, total int64) {
	if time.Since(j.said) >= lineEvery {
		j.said = time.Now()
		j.d.say(j.name, "%s of %s", Bytes(done), Bytes(total))
	}
}

func (j *lineJob) End(err error) {
	if err != nil {
		j.d.say(j.name, "failed after %s", seconds(j.began))
		return
	}
	j.d.say(j.name, "ready after %s", seconds(j.began))
}

func seconds(since time.Time) string { return fmt.Sprintf("%.1f s", time.Since(since).Seconds()) }

// barDisplay is for terminals. A bar is as long as the downloads under way together; builds show their stage beside it.
type barDisplay struct {
	mu   sync.Mutex
	w    io.Writer
	bar  *progressbar.ProgressBar
	jobs []*barJob
	done int64 // bytes of downloads that have ended since the display was empty
	stop chan struct{}
}

// refresh is how often the bar is drawn while nothing is reported, so that a long compilation is seen to be alive.
const refresh = 250 * time.Millisecond

// animate draws until stop is closed.
func (d *barDisplay) animate(stop chan struct{}) {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			d.mu.Lock()
			if len(d.jobs) > 0 {
				d.draw()
			}
			d.mu.Unlock()
		}
	}
}

type barJob struct {
	d           *barDisplay
	name, stage string
	began       time.Time
	have, total int64
}

func (d *barDisplay) Begin(name string) Job {
	d.mu.Lock()
	defer d.mu.Unlock()
	j := &barJob{d: d, name: name, began: time.Now()}
	if len(d.jobs) == 0 {
		d.stop = make(chan struct{})
		go d.animate(d.stop)
	}
	d.jobs = append(d.jobs, j)
	d.draw()
	return j
}

func (j *barJob) Stage(text string) {
	j.d.mu.Lock()
	defer j.d.mu.Unlock()
	j.stage = text
	j.d.done += j.have
	j.have, j.total = 0, 0
	j.d.draw()
}

func (j *barJob) Bytes(done, total int64) {
	j.d.mu.Lock()
	defer j.d.mu.Unlock()
	j.have, j.total = done, total
	j.d.draw()
}

func (j *barJob) End(err error) {
	d := j.d
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, other := range d.jobs {
		if other == j {
			d.jobs = append(d.jobs[:i], d.jobs[i+1:]...)
			break
		}
	}
	d.done += j.have
	d.clear()
	word := "ready"
	if err != nil {
		word = "failed"
	}
	fmt.Fprintf(d.w, "%-24s %s after %s\n", j.name, word, seconds(j.began))
	if len(d.jobs) == 0 {
		d.done = 0
		close(d.stop)
		return
	}
	d.draw()
}

// stages is how many characters of a job's stage the bar's line has room for.
const stages = 44

// draw shows the jobs under way. The bar throttles itself.
func (d *barDisplay) draw() {
	have, total := d.done, d.done
	var texts []string
	for _, j := range d.jobs {
		have, total = have+j.have, total+j.total
		texts = append(texts, j.name+": "+j.stage)
	}
	if d.bar == nil {
		d.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(d.w), progressbar.OptionSetWidth(20),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionShowBytes(true), progressbar.OptionUseANSICodes(true),
			progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetSpinnerChangeInterval(0)) // no goroutine of its own: its Clear is not safe beside one
	}
	text := strings.Join(texts, " · ")
	if r := []rune(text); len(r) > stages {
		text = string(r[:stages-1]) + "…"
	}
	d.bar.Describe(text)
	if total > have {
		d.bar.ChangeMax64(total)
	} else {
		d.bar.ChangeMax64(-1) // nothing is being downloaded: a spinner
	}
	_ = d.bar.Set64(have) // what cannot be shown is no reason to stop
}

// clear takes the bar away, so that a line can be written.
func (d *barDisplay) clear() {
	if d.bar != nil {
		_ = d.bar.Clear()
		d.bar = nil
	}
}
