package sandbox

// PageSize is the unit in which memory is restored and counted, on every machine.
const PageSize = 4096

// Snapshot is the memory of an initialised interpreter, from which every sandbox starts.
type Snapshot interface {
	// Size is the size of the memory in bytes.
	Size() int
	// NewMemory makes a memory that equals the snapshot.
	NewMemory() (Memory, error)
	// Close frees the snapshot; every memory must be closed before.
	Close() error
}

// Memory is the linear memory of one sandbox.
type Memory interface {
	// Bytes is the memory itself; it stays where it is until Close.
	Bytes() []byte
	// Begin is called before anything is written to the memory and End after it, both by the goroutine that writes and never nested.
	Begin()
	End()
	// Restore makes the memory equal to the snapshot and returns how many pages differed from it.
	Restore() (changed int, err error)
	Close() error
}

// restorePage makes one page equal to its original and says whether it differed.
func restorePage(page, original []byte) bool {
	if string(page) == string(original) {
		return false
	}
	copy(page, original)
	return true
}
