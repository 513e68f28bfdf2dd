package db

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"loa"
)

// Watch is told what the disk said to a write, so that the process can act on it
// and not only the one request. Both may be nil.
type Watch struct {
	Full   func()      // there is no room
	Failed func(error) // a write or an fsync failed: what the disk holds is unknown
}

// Tell explains what happened on a disk (Explain) and passes on what concerns
// the whole process.
func (w Watch) Tell(err error) error {
	err = explain(err)
	switch {
	case loa.KeyOf(err) == "db.full" && w.Full != nil:
		w.Full()
	case isFailing(err) && w.Failed != nil:
		w.Failed(err)
	}
	return err
}

// Room is how much a disk still takes.
type Room struct {
	Free     int64 // bytes
	Size     int64 // of the whole disk
	Files    int64 // that may still be made; -1 where the file system does not count
	ReadOnly bool
}

// RoomOn asks the disk of a folder.
func RoomOn(dir string) (Room, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return Room{}, fmt.Errorf("ask for room: %w", err)
	}
	r := Room{Free: int64(fs.Bavail) * int64(fs.Bsize), Size: int64(fs.Blocks) * int64(fs.Bsize), //nolint:unconvert // their types differ between machines
		Files: int64(fs.Ffree), ReadOnly: fs.Flags&unix.ST_RDONLY != 0} // no disk has so many
	if fs.Files == 0 {
		r.Files = -1
	}
	return r, nil
}

// The ballast, and when a disk counts as full.
const (
	maxBallast  = 64 << 20 // bytes; on a small disk an eighth of it
	lowFiles    = 64       // files that must still fit
	ballastName = "ballast"
)

// Reserve holds room back for what must still work on a full disk: signing in,
// stopping, approving. It is a file, the ballast, that is given up when the room
// runs out and laid again when there is plenty. Once the disk is low the rest
// of the work is refused (Short) before anything breaks in the middle.
//
// Every process that shares the folder keeps the same file.
type Reserve struct {
	Dir string

	mu    sync.Mutex
	short error
	hit   bool
	stuck bool // a write was refused: it may be that the disk takes nothing
}

// Short is nil, or why no work may be taken that could wait: db.full,
// db.read_only. It answers from memory.
func (r *Reserve) Short() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.short
}

// Hit says that a write found no room: the ballast goes at once.
func (r *Reserve) Hit() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hit = true
	r.look()
}

// ReadOnly reports whether the disk takes nothing at all, after a write failed.
func (r *Reserve) ReadOnly() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stuck = true
	r.look()
	return loa.KeyOf(r.short) == "db.read_only"
}

// takes tries to make a file. A file system that met a fault of its own takes
// nothing and is still listed as writable (ext4's emergency_ro).
func (r *Reserve) takes() bool {
	f, err := os.CreateTemp(r.Dir, ".probe-*")
	if err != nil {
		return !errors.Is(err, unix.EROFS)
	}
	_ = f.Close()           // nothing was written to it
	_ = os.Remove(f.Name()) // on a disk that goes read-only in this moment it stays
	return true
}

// Look asks the disk and does what follows; it is called every second. It
// reports whether Short has changed.
func (r *Reserve) Look() (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := loa.KeyOf(r.short)
	r.look()
	return loa.KeyOf(r.short) != was
}

func (r *Reserve) look() {
	room, err := RoomOn(r.Dir)
	if err != nil {
		return // the folder is gone: whoever writes next says it better
	}
	ballast := min(maxBallast, room.Size/8)
	low := ballast / 4
	laid := r.Laid() > 0
	few := room.Files >= 0 && room.Files < lowFiles
	// Given up ballast counts as free, so what is free must be more than that.
	plenty := room.Free >= 2*low && !few && (laid || room.Free >= ballast+2*low)
	r.stuck = (r.stuck || loa.KeyOf(r.short) == "db.read_only") && !r.takes()
	switch {
	case room.ReadOnly, r.stuck:
		r.short = loa.Errorf(loa.Full, "db.read_only")
	case r.hit, room.Free < low, few:
		r.short = loa.Errorf(loa.Full, "db.full")
		if r.hit || room.Free < low/2 || room.Files >= 0 && room.Files < lowFiles/4 {
			_ = os.Remove(r.file()) // not there, or on a disk that takes nothing: as it is
		}
		r.hit = false
	case plenty:
		if !laid && r.lay(ballast) != nil {
			return // next time
		}
		r.short = nil
	case !laid: // given up, by this process or the one before it, and not enough room to lay it again
		r.short = loa.Errorf(loa.Full, "db.full")
	}
}

func (r *Reserve) file() string { return filepath.Join(r.Dir, ballastName) }

// Laid is how many bytes are held back now.
func (r *Reserve) Laid() int64 {
	info, err := os.Stat(r.file())
	if err != nil {
		return 0
	}
	return info.Size()
}

// lay takes the room in earnest: a file with holes would hold nothing back.
func (r *Reserve) lay(n int64) error {
	f, err := os.OpenFile(r.file(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, n)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		_, err = f.Write(make([]byte, n))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(r.file()))
	}
	return nil
}

// isFailing: the disk did not do what it was told, and what it holds now is not
// known. Doing it again could succeed and still have lost what was written
// before (https://wiki.postgresql.org/wiki/Fsync_Errors), so the process ends.
func isFailing(err error) bool {
	if errors.Is(err, syscall.EIO) {
		return true
	}
	return isLiteIO(err)
}
