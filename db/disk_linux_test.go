package db_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"loa"
	"loa/db"
)

// TestReserve fills a disk slowly, then to the last byte, and makes room again.
func TestReserve(t *testing.T) {
	dir := smallDisk(t) // 2 MB: a ballast of 256 KB, low below 64 KB
	r := &db.Reserve{Dir: dir}
	is := func(when, key string, laid bool) {
		t.Helper()
		got := ""
		if err := r.Short(); err != nil {
			got = loa.KeyOf(err)
		}
		if got != key || r.Laid() > 0 != laid {
			t.Errorf("%s: %q and %d bytes held back, want %q, %v", when, got, r.Laid(), key, laid)
		}
	}
	fill := func(name string, bytes int) {
		t.Helper()
		must(t, os.WriteFile(filepath.Join(dir, name), make([]byte, bytes), 0o600))
	}
	r.Look()
	is("empty", "", true)
	room, err := db.RoomOn(dir)
	must(t, err)
	fill("a", int(room.Free)-48<<10)
	if !r.Look() {
		t.Error("nothing changed")
	}
	is("low", "db.full", true) // the room that is left is for what was begun
	fill("b", 32<<10)
	r.Look()
	is("lower", "db.full", false)
	fill("c", 200<<10) // what is vital works in the room of the ballast
	again := &db.Reserve{Dir: dir}
	again.Look()
	if loa.KeyOf(again.Short()) != "db.full" {
		t.Error("a process that starts now does not see that the ballast is given up")
	}
	must(t, os.Remove(filepath.Join(dir, "a")))
	r.Look()
	is("room again", "", true)
	r.Hit()
	is("a write found no room", "db.full", false)
	r.Look()
	is("and there was some after all", "", true)
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	r.Look()
	is("read-only", "db.read_only", true)
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""))
	r.Look()
	is("writable again", "", true)
}
