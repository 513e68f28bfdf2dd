// Package cut is a disk whose power can be cut, for tests. It is a file system
// in memory, mounted through FUSE, with two planes: what programs see (live)
// and what would be there after the power went (safe).
//
//	disk.go    the two planes: what a write, an fsync and a name mean to each
//	image.go   what a cut leaves: clean, with a torn tail, or reordered
//	fault.go   a disk that errs or is full, at a chosen moment
//	mount.go   the same disk as the kernel asks for it
//
// A write goes to the live plane. Only fsync of the file makes its bytes safe,
// and only fsync of the folder makes a name in it safe: what POSIX promises and
// no more, so that a program which relies on the kindness of one file system
// loses its file here. An fsync that fails has lost what was written since the
// last one, and the next fsync does not bring it back though it succeeds, which
// is how Linux behaves (https://wiki.postgresql.org/wiki/Fsync_Errors).
//
// The process that mounts a disk must not itself use files on it through
// memory maps (SQLite does): a page fault would stop the very program that has
// to answer it. Programs under test are other processes.
package cut
