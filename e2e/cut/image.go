package cut

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// sectorBytes is what a disk writes whole or not at all.
const sectorBytes = 512

// Mode is what a cut makes of what was written and not made safe.
type Mode int

// The modes.
const (
	Clean     Mode = iota // it is gone
	Torn                  // the oldest of it is there, the next is torn at a sector, the rest is gone
	Reordered             // any of it may be there, by sectors, in no order
	Live                  // no cut: all of it is there, as after kill -9
)

// String names the mode.
func (m Mode) String() string { return [...]string{"clean", "torn", "reordered", "live"}[m] }

// Image is the content of a disk at one moment. It is not changed any more.
type Image struct {
	Root *Entry
}

// Entry is one file, folder or link of an Image.
type Entry struct {
	Mode   uint32
	Target string            // of a symbolic link
	Names  map[string]*Entry // of a folder
	data   content
}

// Bytes is what a file holds.
func (e *Entry) Bytes() []byte {
	b := make([]byte, e.data.size)
	e.data.read(b, 0)
	return b
}

// Extract writes an image into a folder of the machine's own disk. Sockets are
// left out: nobody answers them after a cut.
func (i *Image) Extract(dir string) error { return i.Root.extract(dir) }

func (e *Entry) extract(to string) error {
	switch e.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		if err := os.MkdirAll(to, 0o700); err != nil {
			return fmt.Errorf("extract: %w", err)
		}
		for name, below := range e.Names {
			if err := below.extract(filepath.Join(to, name)); err != nil {
				return err
			}
		}
		return os.Chmod(to, os.FileMode(e.Mode&0o777))
	case syscall.S_IFLNK:
		return os.Symlink(e.Target, to)
	case syscall.S_IFREG:
		return os.WriteFile(to, e.Bytes(), os.FileMode(e.Mode&0o777))
	}
	return nil
}

// Read takes a folder of the machine's own disk as an image.
func Read(dir string) (*Image, error) {
	e, err := read(dir)
	return &Image{Root: e}, err
}

func read(from string) (*Entry, error) {
	info, err := os.Lstat(from)
	if err != nil {
		return nil, fmt.Errorf("read image: %w", err)
	}
	e := &Entry{Mode: uint32(info.Mode().Perm())}
	switch {
	case info.IsDir():
		e.Mode |= syscall.S_IFDIR
		e.Names = map[string]*Entry{}
		list, err := os.ReadDir(from)
		if err != nil {
			return nil, fmt.Errorf("read image: %w", err)
		}
		for _, l := range list {
			if l.Type()&os.ModeSocket != 0 {
				continue
			}
			if e.Names[l.Name()], err = read(filepath.Join(from, l.Name())); err != nil {
				return nil, err
			}
		}
	case info.Mode()&os.ModeSymlink != 0:
		e.Mode |= syscall.S_IFLNK
		if e.Target, err = os.Readlink(from); err != nil {
			return nil, fmt.Errorf("read image: %w", err)
		}
	default:
		e.Mode |= syscall.S_IFREG
		b, err := os.ReadFile(from)
		if err != nil {
			return nil, fmt.Errorf("read image: %w", err)
		}
		e.data.write(b, 0)
	}
	return e, nil
}
