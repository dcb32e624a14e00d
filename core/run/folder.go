package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ErrExists says that a new run's folder has something in it.
var ErrExists = errors.New("the folder exists and is not empty")

// Folder is the folder of a run that this process writes. Its methods are called from one goroutine at a time, but for
// the writer that Log returns.
type Folder struct {
	dir      string
	manifest Manifest
	disk     disk
	lock     *lock
	now      func() time.Time

	completions, events, metrics, evals *records

	log     *os.File
	resumed *Checkpoint
	step    int   // of the last AppendStep
	saved   int   // of the last checkpoint; -1 where there is none
	dirty   bool  // records were written since the last checkpoint
	table   int64 // the size of completions.jsonl when completions.parquet was last made
	failed  error // the write that did not succeed: what follows it in the records is not to be trusted
}

// Create makes the folder of a new run and locks it. A folder with anything in it is refused with ErrExists, unless all of
// it was left by a Create that was killed.
func Create(dir string, m Manifest) (*Folder, error) { return create(disk{}, dir, m) }

func create(d disk, dir string, m Manifest) (*Folder, error) {
	text, err := m.encode()
	if err != nil {
		return nil, fmt.Errorf("create run: %w", err)
	}
	if err := d.mkdir(dir); err != nil {
		return nil, fmt.Errorf("create run: %w", err)
	}
	if err := Vacant(dir); err != nil { // before the lock, so that a foreign folder stays as it is
		return nil, fmt.Errorf("create run: %w", err)
	}
	l, err := acquire(dir)
	if err != nil {
		return nil, fmt.Errorf("create run: %w", err)
	}
	f := &Folder{dir: dir, disk: d, lock: l, now: time.Now, saved: -1}
	err = Vacant(dir)
	if err == nil {
		err = d.sweep(dir)
	}
	if err == nil {
		err = f.stamp(func(t *Times) { t.Created = f.now() })
	}
	if err == nil { // this makes the folder a run, which Open can bring to its beginning
		err = d.replace(filepath.Join(dir, manifestName), text)
	}
	if err == nil {
		f.manifest, err = ReadManifest(dir)
	}
	if err == nil {
		err = f.openRecords(nil)
	}
	if err != nil {
		return nil, fmt.Errorf("create run: %w", errors.Join(err, f.abandon()))
	}
	return f, nil
}

// Vacant says why Create would refuse a folder: it is ErrExists where the folder has something in it. A folder that does not
// exist is vacant.
func Vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	ours := []string{lockName, timesName, timesName + temporary, manifestName + temporary}
	if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == manifestName }) {
		return fmt.Errorf("%s: %w: it holds a run; continue it with --resume %s, or choose another folder", dir, ErrExists, dir)
	}
	for _, e := range entries {
		if slices.Contains(ours, e.Name()) {
			continue
		}
		return fmt.Errorf("%s: %w (%s); choose another folder", dir, ErrExists, e.Name())
	}
	return nil
}

// Open locks the folder of an earlier run and brings it back to its newest checkpoint that can be used: records and
// adapters that came later are removed. Resumed says which checkpoint that is.
func Open(dir string) (*Folder, error) { return open(disk{}, dir) }

func open(d disk, dir string) (*Folder, error) {
	if _, err := ReadManifest(dir); err != nil { // before the lock, so that a foreign folder stays as it is
		return nil, fmt.Errorf("open run: %w", err)
	}
	l, err := acquire(dir)
	if err != nil {
		return nil, fmt.Errorf("open run: %w", err)
	}
	f := &Folder{dir: dir, disk: d, lock: l, now: time.Now, saved: -1}
	if err := f.resume(); err != nil {
		return nil, fmt.Errorf("open run: %w", errors.Join(err, f.abandon()))
	}
	return f, nil
}

func (f *Folder) resume() error {
	var err error
	if f.manifest, err = ReadManifest(f.dir); err != nil {
		return err
	}
	checkpoints, adapters := filepath.Join(f.dir, checkpointName), filepath.Join(f.dir, adaptersName)
	for _, dir := range []string{f.dir, checkpoints, adapters} {
		if err := f.disk.sweep(dir); err != nil {
			return err
		}
	}
	steps, err := stepsIn(checkpoints)
	if err != nil {
		return err
	}
	f.resumed = &Checkpoint{}
	for _, step := range slices.Backward(steps) {
		dir := filepath.Join(checkpoints, stepDir(step))
		x, err := readIndex(dir, step)
		if err == nil {
			err = f.openRecords(x.marks())
		}
		if err == nil {
			f.resumed.Step, f.resumed.Dir, f.resumed.State = step, dir, x.State
			f.step, f.saved = step, step
			break
		}
		f.resumed.Skipped = append(f.resumed.Skipped, fmt.Sprintf("checkpoint of step %d: %v", step, err))
	}
	if f.resumed.Dir == "" {
		if len(steps) > 0 {
			return fmt.Errorf("%s: no checkpoint can be used: %s; start the run anew in another folder", f.dir, f.resumed.Skipped[0])
		}
		if err := f.openRecords(nil); err != nil {
			return err
		}
	}
	for _, dir := range []string{checkpoints, adapters} {
		steps, err := stepsIn(dir)
		if err != nil {
			return err
		}
		for _, step := range steps {
			if f.resumed.Dir == "" || step > f.resumed.Step {
				if err := f.disk.remove(filepath.Join(dir, stepDir(step))); err != nil {
					return err
				}
			}
		}
	}
	return f.stamp(func(t *Times) { t.Resumed = append(t.Resumed, f.now()); t.Finished = nil })
}

// openRecords opens all files of records and cuts them to their marks.
func (f *Folder) openRecords(marks map[string]mark) error {
	into := map[string]**records{
		completionsName: &f.completions, eventsName: &f.events, metricsName: &f.metrics, evalsName: &f.evals,
	}
	for _, form := range forms() {
		r, err := openRecords(f.disk, f.dir, form, marks[form.name])
		if err != nil {
			return errors.Join(err, f.closeRecords())
		}
		*into[form.name] = r
	}
	if f.events.n == 0 {
		return f.events.append(versionEvent(f.now()))
	}
	return nil
}

func (f *Folder) all() []*records {
	var list []*records
	for _, r := range []*records{f.completions, f.events, f.metrics, f.evals} {
		if r != nil {
			list = append(list, r)
		}
	}
	return list
}

func (f *Folder) closeRecords() error {
	var errs []error
	for _, r := range f.all() {
		errs = append(errs, r.file.Close())
	}
	f.completions, f.events, f.metrics, f.evals = nil, nil, nil, nil
	return errors.Join(errs...)
}

// Dir is the folder's path, as it was given.
func (f *Folder) Dir() string { return f.dir }

// Manifest is what manifest.json says.
func (f *Folder) Manifest() Manifest { return f.manifest }

// Resumed is where an opened run goes on from; nil for a new run.
func (f *Folder) Resumed() *Checkpoint { return f.resumed }

// AppendStep records a step with its completions. Steps come in order, the first is 1. All of it belongs to the run only
// when a checkpoint follows.
func (f *Folder) AppendStep(s Step, rows []Row) error {
	if err := f.appendStep(s, rows); err != nil {
		return f.fail(fmt.Errorf("record step %d: %w", s.Step, err))
	}
	return nil
}

func (f *Folder) appendStep(s Step, rows []Row) error {
	if s.Step != f.step+1 {
		return fmt.Errorf("the last one was %d", f.step)
	}
	text, err := line(s)
	if err != nil {
		return fmt.Errorf("%s: %w", metricsName, err)
	}
	for _, r := range rows {
		if r.Step != s.Step {
			return fmt.Errorf("%s: a row of task %s says step %d", completionsName, r.TaskID, r.Step)
		}
	}
	if err := f.appendRows(rows); err != nil {
		return err
	}
	if err := f.events.append(stepEvents(s, rows, f.now())...); err != nil {
		return err
	}
	if err := f.metrics.append(text); err != nil {
		return err
	}
	f.step, f.dirty = s.Step, true
	return nil
}

// AppendRows records completions that belong to no step, as those of an evaluation.
func (f *Folder) AppendRows(rows []Row) error {
	if err := f.appendRows(rows); err != nil {
		return f.fail(fmt.Errorf("record completions: %w", err))
	}
	return nil
}

func (f *Folder) appendRows(rows []Row) error {
	if f.failed != nil {
		return f.failed
	}
	lines := make([][]byte, len(rows))
	for i, r := range rows {
		r.valid()
		var err error
		if lines[i], err = line(r); err != nil {
			return fmt.Errorf("%s: task %s, sample %d: %w", completionsName, r.TaskID, r.Sample, err)
		}
	}
	f.dirty = f.dirty || len(rows) > 0
	return f.completions.append(lines...)
}

// AppendEvaluation records an evaluation that was made after a step, or before the first with step 0. The result is any
// value that marshals to an Evaluation's JSON; members that Evaluation does not have are kept.
func (f *Folder) AppendEvaluation(step int, result any) error {
	text, e, err := encodeEvaluation(step, result)
	if err == nil && f.failed != nil {
		err = f.failed
	}
	if err == nil {
		err = f.events.append(evaluationEvents(e, f.now())...)
	}
	if err == nil {
		err = f.evals.append(append(text, '\n'))
	}
	if err != nil {
		return f.fail(fmt.Errorf("record the evaluation after step %d: %w", step, err))
	}
	f.dirty = true
	return nil
}

// WriteEvaluation writes eval.json, the result of an evaluation's own folder. The result is as in AppendEvaluation.
func (f *Folder) WriteEvaluation(result any) error {
	_, _, err := encodeEvaluation(0, result)
	var text []byte
	if err == nil {
		text, err = json.MarshalIndent(result, "", "  ")
	}
	if err == nil {
		err = f.disk.replace(filepath.Join(f.dir, evalName), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", evalName, err)
	}
	return nil
}

// Adapter saves the adapter as it is after a step: save makes the folder that it is given and fills it. It comes before
// the step's Checkpoint.
func (f *Folder) Adapter(step int, save func(dir string) error) error {
	dir := filepath.Join(f.dir, adaptersName)
	err := f.disk.mkdir(dir)
	if err == nil {
		err = f.disk.assemble(filepath.Join(dir, stepDir(step)), save)
	}
	if err != nil {
		return fmt.Errorf("save the adapter of step %d: %w", step, err)
	}
	return nil
}

// Checkpoint makes everything up to a step part of the run: state and the files that save writes into the folder it is
// given come back from Resumed. The step is that of the last AppendStep. Repeating a checkpoint does nothing.
func (f *Folder) Checkpoint(step int, state any, save func(dir string) error) error {
	if err := f.checkpoint(step, state, save); err != nil {
		return fmt.Errorf("checkpoint step %d: %w", step, err)
	}
	return nil
}

func (f *Folder) checkpoint(step int, state any, save func(dir string) error) error {
	if f.failed != nil {
		return f.failed
	}
	if step != f.step {
		return fmt.Errorf("the last step recorded is %d", f.step)
	}
	if step == f.saved && !f.dirty {
		return nil
	}
	x := index{Step: step}
	var err error
	if x.State, err = json.Marshal(state); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	for _, r := range f.all() {
		if err := f.disk.sync(r.file); err != nil {
			return fmt.Errorf("sync %s: %w", r.name, err)
		}
		x.Records = append(x.Records, r.mark())
	}
	dir := filepath.Join(f.dir, checkpointName)
	if err := f.disk.mkdir(dir); err != nil {
		return err
	}
	err = f.disk.assemble(filepath.Join(dir, stepDir(step)), func(dir string) error {
		if err := f.disk.mkdir(dir); err != nil {
			return err
		}
		if err := save(dir); err != nil {
			return err
		}
		var err error
		if x.Files, err = seal(dir); err != nil {
			return err
		}
		text, err := json.MarshalIndent(x, "", "  ")
		if err != nil {
			return err
		}
		return f.disk.replace(filepath.Join(dir, indexName), append(text, '\n'))
	})
	if err != nil {
		return err
	}
	f.saved, f.dirty = step, false
	if err := f.prune(kept); err != nil {
		return err
	}
	// Making the table and the report anew costs their whole length, so it waits until they have grown by a quarter.
	if f.completions.size >= f.table+f.table/4 {
		f.table = f.completions.size
		return f.derive()
	}
	return nil
}

// prune removes all but the newest n checkpoints.
func (f *Folder) prune(n int) error {
	dir := filepath.Join(f.dir, checkpointName)
	steps, err := stepsIn(dir)
	if err != nil {
		return err
	}
	for _, step := range steps[:max(0, len(steps)-n)] {
		if err := f.disk.remove(filepath.Join(dir, stepDir(step))); err != nil {
			return err
		}
	}
	return nil
}

// derive makes the files that follow from the records.
func (f *Folder) derive() error {
	return errors.Join(writeParquet(f.disk, f.dir), writeReport(f.disk, f.dir))
}

// Log returns the writer of run.log, which may be used from several goroutines. Its content takes no part in Equal.
func (f *Folder) Log() (io.Writer, error) {
	if f.log == nil {
		log, err := os.OpenFile(filepath.Join(f.dir, logName), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		if err != nil {
			return nil, fmt.Errorf("open the run's log: %w", err)
		}
		f.log = log
	}
	return f.log, nil
}

// Finish ends a complete run: it makes the table and the report, keeps the newest checkpoint alone, and closes the folder.
func (f *Folder) Finish() error {
	if f.lock == nil {
		return errors.New("finish run: the folder is closed")
	}
	err := f.failed
	if err == nil {
		err = f.prune(1)
	}
	if err == nil {
		err = f.stamp(func(t *Times) { now := f.now(); t.Finished = &now })
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("finish run: %w", err)
	}
	return nil
}

// Close makes the table and the report of what is there and gives the folder up. After Finish or Close it does nothing.
func (f *Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	if err := errors.Join(f.derive(), f.abandon()); err != nil {
		return fmt.Errorf("close run: %w", err)
	}
	return nil
}

// abandon closes everything as it is.
func (f *Folder) abandon() error {
	errs := []error{f.closeRecords()}
	if f.log != nil {
		errs = append(errs, f.log.Close())
		f.log = nil
	}
	errs = append(errs, f.lock.release())
	f.lock = nil
	return errors.Join(errs...)
}

// fail remembers that the records are no longer whole, and says what to do about it.
func (f *Folder) fail(err error) error {
	if f.failed == nil {
		f.failed = fmt.Errorf("%w; the last checkpoint is intact: mend the cause and continue with --resume %s", err, f.dir)
		return f.failed
	}
	return err
}
