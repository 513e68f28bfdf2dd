package edge

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"loa"
)

// disk is the folder an agent keeps everything in, by the calls that decide what
// is left after a power cut: folder is one on a real file system, a test has one
// that loses power at any of them. Names are relative, with one level of folders.
type disk interface {
	open(name string, flag int) (file, error)
	rename(from, to string) error
	remove(name string) error
	list(dir string) ([]fs.FileInfo, error) // files only
	touch(name string, at time.Time) error
	sync(dir string) error // the names in it
	free() int64           // bytes it still takes
}

// file is what is done with an open one; *os.File is it.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	Stat() (fs.FileInfo, error)
}

// folder is a disk on the machine's file system.
type folder string

func openFolder(dir string) (folder, error) {
	for _, d := range []string{"", "docs", "media", "mic"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return "", fmt.Errorf("open folder: %w", err)
		}
	}
	return folder(dir), nil
}

func (d folder) path(name string) string { return filepath.Join(string(d), name) }

func (d folder) open(name string, flag int) (file, error) {
	f, err := os.OpenFile(d.path(name), flag, 0o600)
	if err != nil {
		return nil, err // never a nil *os.File in an interface
	}
	return f, nil
}

func (d folder) rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }
func (d folder) remove(name string) error     { return os.Remove(d.path(name)) }

func (d folder) list(dir string) (all []fs.FileInfo, err error) {
	entries, err := os.ReadDir(d.path(dir))
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			all = append(all, info)
		}
	}
	return all, err
}

func (d folder) touch(name string, at time.Time) error { return os.Chtimes(d.path(name), at, at) }

func (d folder) sync(dir string) error {
	f, err := os.Open(d.path(dir))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d folder) free() int64 {
	var fs unix.Statfs_t
	if unix.Statfs(string(d), &fs) != nil {
		return 0
	}
	return int64(fs.Bavail) * int64(fs.Bsize) //nolint:unconvert // Bsize is an int32 on 32-bit ARM
}

// readFile is a whole file.
func readFile(d disk, name string) ([]byte, error) {
	f, err := d.open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	b := make([]byte, info.Size())
	n, err := f.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], errors.Join(err, f.Close())
}

// diskError names what is wrong with the disk: it is full, or it fails. Either
// way nothing was written down, and only an emergency goes on without.
func diskError(err error) error {
	for _, full := range []error{unix.ENOSPC, unix.EDQUOT, unix.EFBIG} {
		if errors.Is(err, full) {
			return loa.Errorf(loa.Unavailable, "disk.full").Because(err)
		}
	}
	for _, broken := range []error{unix.EIO, unix.EROFS, unix.ENXIO, unix.ENODEV} {
		if errors.Is(err, broken) {
			return loa.Errorf(loa.Unavailable, "disk.failed").Because(err)
		}
	}
	return fmt.Errorf("write: %w", err)
}

// noDisk reports whether an error is one of the disk.
func noDisk(err error) bool {
	key := loa.KeyOf(err)
	return key == "disk.full" || key == "disk.failed"
}
