package cpython

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
)

// The recipe as data, so that its key can be computed from it.
var (
	// skipped are the parts of the source that neither build reads; the test suite alone is a third of it.
	skipped = []string{"Doc/", "Lib/test/", "Lib/idlelib/", "Lib/tkinter/", "Lib/turtledemo/", "Lib/ensurepip/_bundled/", "Mac/", "PC/", "PCbuild/", "Android/", "iOS/"}

	nativeConfigure = []string{"--without-ensurepip", "--disable-test-modules"}
	// -O0: it is used for a few seconds, and compiling it is most of the time it takes.
	nativeMake = []string{"OPT=-O0 -w", "python"}

	wasiEnv       = []string{"CONFIG_SITE=../src/Tools/wasm/config.site-wasm32-wasi", "CFLAGS=-g0"}
	wasiConfigure = []string{
		"--config-cache", "--host=wasm32-unknown-wasip1", "--build=x86_64-pc-linux-gnu", "--disable-test-modules", "--without-ensurepip",
		"--with-suffix=.wasm", "--without-mimalloc", "--disable-ipv6", "--with-pkg-config=no",
		// Python's own allocator of small objects, which is off for WASI since there is no mmap. Without one it takes its
		// arenas from malloc, where they are counted.
		"--with-pymalloc", "ac_cv_func_mmap=no",
	}
	// wasiSetup leaves out modules that could do nothing in the sandbox.
	wasiSetup = "*disabled*\n_socket\n"
	wasiMake  = []string{"OPT=-DNDEBUG -O3 -w -fno-sanitize=undefined", "libpython3.13.a"}

	// libraries are kept beside libpython3.13.a, which does not contain them.
	libraries = []string{"libpython3.13.a", "Modules/_decimal/libmpdec/libmpdec.a", "Modules/_hacl/libHacl_Hash_SHA2.a", "Modules/expat/libexpat.a"}

	// environment holds what a build must not take from the machine. The date is that of the release: CPython compiles
	// the time of its build into sys.version.
	environment = []string{"LC_ALL=C", "PYTHONHASHSEED=0", "PYTHONDONTWRITEBYTECODE=1", "SOURCE_DATE_EPOCH=1749600000", "CFLAGS=", "CPPFLAGS=", "LDFLAGS=", "MAKEFLAGS="}
)

// compileLibrary is run by the native build; see its head.
//
//go:embed compile_library.py
var compileLibrary []byte

// key changes whenever the recipe does. The number stands for what is code and not data.
func key() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "1 %q %q %q %q %q %q %q %q %q %q %q", skipped, edits, nativeConfigure, nativeMake, wasiEnv, wasiConfigure, wasiSetup,
		wasiMake, libraries, environment, compileLibrary))
	return hex.EncodeToString(sum[:])
}
