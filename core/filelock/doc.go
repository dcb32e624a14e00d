// Package filelock locks files against other processes, on every system in the same way: the kernel gives a lock up when the last
// process that has the file open ends, however it ends.
//
// It owns the one system call. Who waits for a lock and how long, what is written into the file, and when it goes belongs to its callers.
package filelock
