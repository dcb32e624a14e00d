// Package cpython is the recipe of CPython 3.13.5 for WASI: a static library, its headers and its compiled standard
// library, made from the official sources with zig cc. Nothing in the result names a path of the machine that made it,
// and two machines make the same bytes.
//
// A build of the same CPython for the machine itself comes first: it freezes the core modules and compiles the standard
// library. The two configure scripts, which use one core each, run side by side.
//
// The package ends with the library. Package image links the interpreter from it, starts it and takes the snapshot.
package cpython
