// Package assets owns the third-party things that the harness needs and does not contain: where each comes from, its
// version, licence, size and sha256, how it is unpacked or built, and the cache outside the repository where it lies.
//
// An Artefact is either a file fetched as it is, a folder built from a fetched file (a wheel that is unpacked), or a
// folder built from other artefacts (an interpreter compiled from source). Packages that know how to build something
// contribute their own Artefacts; Builtin lists those that need no knowledge but their pin.
//
// Fetched files are hashed while they arrive and refused unless they have the pinned sha256. Every file of a finished
// entry is then recorded in a stamp: path, size, time of change and sha256. Path compares sizes and times on every
// use (9,000 files in about 65 ms of one core) and hashes entries of up to 8 MiB in full; hashing the 500 MB of libtorch at every
// start would cost half a second a process and protect only against a change that also forges the time of a file.
// Verify hashes everything.
//
// What an artefact is used for is left to its user; of the module this package imports core/filelock only.
package assets
