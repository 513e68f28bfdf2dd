package db_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/db/dbtest"
)

// smallDisk is a folder with room for 2 MB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("a small disk cannot be mounted here (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// A full disk refuses the change and keeps everything before it; with room
// again, the same process goes on.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t)
	d, err := db.Open(t.Context(), "sqlite:"+dir+"/loa.db", loa.WallClock{})
	must(t, err)
	must(t, d.Write(t.Context(), func(tx *db.Tx) error { return entry(tx, "before", "x") }))
	err = d.Write(t.Context(), func(tx *db.Tx) error {
		for i := range 1000 {
			if err := entry(tx, fmt.Sprint(i), strings.Repeat("x", 10_000)); err != nil {
				return err
			}
		}
		return nil
	})
	if loa.KeyOf(err) != "db.full" || loa.CodeOf(err) != loa.Full {
		t.Errorf("got %v, want db.full", err)
	}
	if got := ids(t, d); !cmp.Equal(got, []string{"before"}) {
		t.Errorf("kept %d rows", len(got))
	}
	if err := d.Backup(t.Context(), dir+"/copy.db"); loa.KeyOf(err) != "db.full" {
		t.Errorf("backup: got %v, want db.full", err)
	}
	if _, err := os.Stat(dir + "/copy.db"); !os.IsNotExist(err) {
		t.Errorf("half a backup is left: %v", err)
	}
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=40m"))
	must(t, d.Write(t.Context(), func(tx *db.Tx) error { return entry(tx, "later", "x") }))
	must(t, d.Close())
	if got := ids(t, dbtest.Open(t, "sqlite:"+dir+"/loa.db")); !cmp.Equal(got, []string{"before", "later"}) {
		t.Errorf("opened again: %d rows", len(got))
	}
}

func TestBlobsDiskFull(t *testing.T) {
	dir := smallDisk(t)
	s := &db.Blobs{Dir: filepath.Join(dir, "blobs")}
	before, err := s.Put(t.Context(), []byte("before"))
	must(t, err)
	_, err = s.Put(t.Context(), make([]byte, 3<<20))
	if loa.KeyOf(err) != "db.full" || loa.CodeOf(err) != loa.Full {
		t.Errorf("got %v, want db.full", err)
	}
	if got := files(t, s.Dir); !cmp.Equal(got, []string{before[:2] + "/" + before}) {
		t.Errorf("left %v", got)
	}
	if _, err := s.Put(t.Context(), make([]byte, 1<<20)); err != nil {
		t.Errorf("what fits: %v", err)
	}
}
