package e2e

import (
	"os"
	"path/filepath"
	"time"

	"loa"
	"loa/db"
	"loa/e2e/cut"
)

// OnDisk moves the town's folder onto a disk whose power can be cut and starts
// its server there. From then on Town.DB is a copy that Peek takes: the test
// process serves the disk and must not open the database on it.
func (w *Town) OnDisk() *cut.Disk {
	w.T.Helper()
	w.Servers[0].Kill()
	w.must(w.DB.Close())
	was, err := cut.Read(w.Dir)
	w.must(err)
	return w.power(was)
}

// Restart puts the town on what a cut left, and starts its server there.
func (w *Town) Restart(left *cut.Image) *cut.Disk {
	w.T.Helper()
	w.Servers[0].Kill()
	w.must(w.disk.Close())
	return w.power(left)
}

func (w *Town) power(i *cut.Image) *cut.Disk {
	w.T.Helper()
	first := w.disk == nil
	w.disk = cut.New(func() int64 { return time.Now().UnixNano() })
	w.disk.Load(i)
	if err := w.disk.Mount(w.Dir); err != nil {
		w.T.Skipf("no disk can be mounted here (needs root and /dev/fuse): %v", err)
	}
	if first {
		w.T.Cleanup(func() { w.must(w.disk.Close()) })
	}
	w.Servers[0].Up()
	w.Peek()
	return w.disk
}

// Peek makes Town.DB a copy of the database as it is now.
func (w *Town) Peek() {
	w.T.Helper()
	w.DB = w.Open(w.disk.Image(cut.Live, 0)).DB
}

// Left is what is in a town's folder after a cut, on the machine's own disk.
type Left struct {
	Dir   string
	DB    *db.DB
	Blobs *db.Blobs
}

// Open takes an image out of the disk and opens its database.
func (w *Town) Open(i *cut.Image) *Left {
	w.T.Helper()
	dir, err := os.MkdirTemp(w.T.TempDir(), "left-")
	w.must(err)
	w.must(i.Extract(dir))
	d, err := db.Open(w.T.Context(), "sqlite:"+filepath.Join(dir, "loa.db"), loa.WallClock{})
	w.must(err)
	w.T.Cleanup(func() { _ = d.Close() }) // a copy nobody needs any more
	return &Left{dir, d, &db.Blobs{Dir: filepath.Join(dir, "blobs")}}
}

// Close forgets it, before the test ends: a torture looks at thousands.
func (l *Left) Close() error {
	if err := l.DB.Close(); err != nil {
		return err
	}
	return os.RemoveAll(l.Dir)
}

// Disk is the disk whose power can be cut, nil before OnDisk.
func (w *Town) Disk() *cut.Disk { return w.disk }
