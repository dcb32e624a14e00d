package wasi

// function implements one function of the interface; params are its parameter types, i for 32 and I for 64 bits.
type function struct {
	params string
	call   func(h *Host, m memory, a []uint64) errno
}

// functions is the interface as far as the host has it.
var functions = map[string]function{
	"args_get":            {"ii", func(*Host, memory, []uint64) errno { return success }},
	"args_sizes_get":      {"ii", emptyList},
	"environ_get":         {"ii", func(*Host, memory, []uint64) errno { return success }},
	"environ_sizes_get":   {"ii", emptyList},
	"sched_yield":         {"", func(*Host, memory, []uint64) errno { return success }},
	"clock_res_get":       {"ii", clockResolution},
	"clock_time_get":      {"iIi", clockTime},
	"poll_oneoff":         {"iiii", poll},
	"random_get":          {"ii", randomBytes},
	"fd_write":            {"iiii", write},
	"fd_read":             {"iiii", read},
	"fd_pread":            {"iiiIi", readAt},
	"fd_seek":             {"iIii", seek},
	"fd_tell":             {"ii", tell},
	"fd_close":            {"i", closeDescriptor},
	"fd_fdstat_get":       {"ii", descriptorState},
	"fd_filestat_get":     {"ii", descriptorAttributes},
	"fd_prestat_get":      {"ii", preopened},
	"fd_prestat_dir_name": {"iii", preopenedName},
	"fd_readdir":          {"iiiIi", readFolder},
	"path_filestat_get":   {"iiiii", pathAttributes},
	"path_open":           {"iiiiiIIii", open},
	"path_readlink":       {"iiiiii", func(*Host, memory, []uint64) errno { return errInval }},
}

func emptyList(_ *Host, m memory, a []uint64) errno {
	return done(m.putU32(a[0], 0) && m.putU32(a[1], 0))
}
