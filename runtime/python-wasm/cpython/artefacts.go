package cpython

import "github.com/rlvr-harness/harness/runtime/assets"

// Version is the release of CPython that is built. Its bytecode decides how much fuel a program takes, so that another
// release makes other verdicts on programs near a limit.
const Version = "3.13.5"

// Artefacts lists the sources and the build "cpython-wasi", whose folder holds
//
//	libpython3.13.a libmpdec.a libHacl_Hash_SHA2.a libexpat.a   what an interpreter is linked from
//	include/                                                    Python.h, pyconfig.h and what they include
//	dlmalloc.c malloc.c                                         an allocator for the linked program (the first includes the second)
//	lib313/                                                     the standard library as .pyc files without sources
//	licences/                                                   of all of it
//
// It needs "ziglang", which package assets lists.
func Artefacts() []assets.Artefact {
	return []assets.Artefact{
		{
			Name: "cpython-source", Version: Version, Licence: "PSF-2.0", Purpose: "sources of the Python interpreter",
			File: "Python-3.13.5.tar.xz", Size: 22856016, SHA256: "93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640",
			Sources: []assets.Source{
				assets.Debian{Package: "python3.13", Suite: "trixie"},
				assets.Address{URL: "https://www.python.org/ftp/python/3.13.5/Python-3.13.5.tar.xz"},
			},
		},
		{
			Name: "wasi-libc-source", Version: "0.0.20220510", Licence: "CC0-1.0 (dlmalloc)", Purpose: "sources of an allocator for WASI",
			File: "wasi-libc.tar", Size: 842108, SHA256: "8f9b802736a856942839d32966937c389f46e9f156415a549a6675b7535e5f74",
			Sources: []assets.Source{
				assets.Debian{Package: "wasi-libc", Suite: "bookworm"},
				assets.Pinned{
					Source: assets.Address{URL: "https://github.com/WebAssembly/wasi-libc/archive/9886d3d6200fcc3726329966860fc058707406cd.tar.gz"},
					Size:   1251824, SHA256: "bba1676fd658ade3a18662d0db9b23268f188cfc8ae8cb2c6843b0c18043ab08",
				},
			},
		},
		{
			Name: "cpython-wasi", Version: Version, Licence: "PSF-2.0", Purpose: "Python interpreter for WASI",
			Needs: []string{"cpython-source", "wasi-libc-source", "ziglang"}, Room: 900e6,
			Key: key(), Build: build,
		},
	}
}
