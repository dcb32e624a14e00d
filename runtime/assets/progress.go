package assets

// Progress shows what the cache is doing. Its methods may be called from several goroutines.
type Progress interface {
	// Begin starts the display of one artefact.
	Begin(name string) Job
}

// Job is the display of one artefact that is being fetched or built.
type Job interface {
	// Stage begins a part of the work: "PyPI ziglang 0.17.1", "configure for WASI".
	Stage(text string)
	// Bytes says how much of the stage's download is there. It is called often.
	Bytes(done, total int64)
	// End closes the display; err is why the artefact could not be had.
	End(err error)
}

type silent struct{}

func (silent) Begin(string) Job   { return silent{} }
func (silent) Stage(string)       {}
func (silent) Bytes(int64, int64) {}
func (silent) End(error)          {}
