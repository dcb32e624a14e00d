package image

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// memoryBytes is the linear memory of a sandbox, all of it from the start: with copy-on-write, what is not touched costs nothing.
// 128 MiB are the interpreter's and the program's, 8 of them for the stack; the rest is more stack, and the buffers through which it
// talks to the host.
const memoryBytes = 128<<20 + sandbox.Reserved

// stackBytes is the C stack, at the bottom of the memory, so that running over its end is a trap and not corruption. CPython allows
// 10,000 levels of recursion in C, which take about 20 MiB of it where expressions or statements are nested.
const stackBytes = 8<<20 + sandbox.DeepStack

// writeSources puts the C sources into folder and returns the names of those to compile.
func writeSources(folder string) ([]string, error) {
	var names []string
	files, err := fs.ReadDir(sources, "c")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := sources.ReadFile("c/" + f.Name())
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(folder, f.Name()), b, 0o644); err != nil {
			return nil, err
		}
		if strings.HasSuffix(f.Name(), ".c") {
			names = append(names, f.Name())
		}
	}
	return names, nil
}

// compileArguments are those of `zig` that compile one C source; cpython is the output of the cpython-wasi build.
func compileArguments(cpython, file string) []string {
	return []string{
		"cc", "-target", "wasm32-wasi", "-c", "-O2", "-g0", "-w", "-fno-sanitize=undefined", "-DNDEBUG",
		"-I" + filepath.Join(cpython, "include"), "-I" + cpython, file,
	}
}

// linkArguments are those of `zig` that link the compiled sources with the libraries of cpython into the reactor out. The objects
// come first: what they define takes the place of the C library's.
func linkArguments(cpython, out string, files []string) []string {
	args := []string{"cc", "-target", "wasm32-wasi", "-mexec-model=reactor"}
	for _, f := range files {
		args = append(args, strings.TrimSuffix(f, ".c")+".o")
	}
	for _, lib := range []string{"libpython3.13.a", "libmpdec.a", "libHacl_Hash_SHA2.a", "libexpat.a"} {
		args = append(args, filepath.Join(cpython, lib))
	}
	return append(args,
		"-lm", "-lwasi-emulated-signal", "-lwasi-emulated-getpid", "-lwasi-emulated-process-clocks",
		fmt.Sprintf("-Wl,-z,stack-size=%d", stackBytes),
		fmt.Sprintf("-Wl,--initial-memory=%d", memoryBytes), fmt.Sprintf("-Wl,--max-memory=%d", memoryBytes),
		"-o", out)
}
