package cut_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa/e2e/cut"
)

// mount gives a disk and the folder where it stands.
func mount(t *testing.T) (*cut.Disk, string) {
	t.Helper()
	d, dir := cut.New(func() int64 { return time.Now().UnixNano() }), t.TempDir()
	if err := d.Mount(dir); err != nil {
		t.Skipf("no disk can be mounted here (needs root and /dev/fuse): %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put writes a file, and makes it safe if it should be.
func put(t *testing.T, name, text string, sync bool) {
	t.Helper()
	f, err := os.Create(name)
	must(t, err)
	_, err = f.WriteString(text)
	must(t, err)
	if sync {
		must(t, f.Sync())
	}
	must(t, f.Close())
}

func syncDir(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(dir)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
}

// left is what an image holds, by name.
func left(i *cut.Image) map[string]string {
	all := map[string]string{}
	var walk func(at string, e *cut.Entry)
	walk = func(at string, e *cut.Entry) {
		for name, below := range e.Names {
			p := filepath.Join(at, name)
			if below.Names != nil {
				all[p+"/"] = ""
				walk(p, below)
				continue
			}
			all[p] = string(below.Bytes())
		}
	}
	walk("", i.Root)
	return all
}

// TestLoses holds the layer to losing what it should: a torture on a disk that
// is too kind proves nothing.
func TestLoses(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, dir string)
		want map[string]string
	}{
		{"nothing is synced", func(t *testing.T, dir string) { put(t, dir+"/a", "one", false) }, map[string]string{}},
		{"the file alone", func(t *testing.T, dir string) { put(t, dir+"/a", "one", true) }, map[string]string{}},
		{"the folder alone", func(t *testing.T, dir string) { put(t, dir+"/a", "one", false); syncDir(t, dir) }, map[string]string{"a": ""}},
		{"both", func(t *testing.T, dir string) { put(t, dir+"/a", "one", true); syncDir(t, dir) }, map[string]string{"a": "one"}},
		{"written over", func(t *testing.T, dir string) {
			put(t, dir+"/a", "one", true)
			syncDir(t, dir)
			put(t, dir+"/a", "two", false)
		}, map[string]string{"a": "one"}},
		{"renamed over", func(t *testing.T, dir string) {
			put(t, dir+"/a", "one", true)
			syncDir(t, dir)
			put(t, dir+"/b", "two", true)
			must(t, os.Rename(dir+"/b", dir+"/a"))
		}, map[string]string{"a": "one"}},
		{"renamed over and synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "one", true)
			syncDir(t, dir)
			put(t, dir+"/b", "two", true)
			must(t, os.Rename(dir+"/b", dir+"/a"))
			syncDir(t, dir)
		}, map[string]string{"a": "two"}},
		{"renamed over before its bytes were safe", func(t *testing.T, dir string) {
			put(t, dir+"/a", "one", true)
			syncDir(t, dir)
			put(t, dir+"/b", "two", false)
			must(t, os.Rename(dir+"/b", dir+"/a"))
			syncDir(t, dir)
		}, map[string]string{"a": ""}},
		{"removed", func(t *testing.T, dir string) {
			put(t, dir+"/a", "one", true)
			syncDir(t, dir)
			must(t, os.Remove(dir+"/a"))
		}, map[string]string{"a": "one"}},
		{"removed and synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "one", true)
			syncDir(t, dir)
			must(t, os.Remove(dir+"/a"))
			syncDir(t, dir)
		}, map[string]string{}},
		{"a folder whose own name is not safe", func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir+"/d", 0o700))
			put(t, dir+"/d/a", "one", true)
			syncDir(t, dir+"/d")
		}, map[string]string{}},
		{"a folder", func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir+"/d", 0o700))
			put(t, dir+"/d/a", "one", true)
			syncDir(t, dir+"/d")
			syncDir(t, dir)
		}, map[string]string{"d/": "", "d/a": "one"}},
		{"cut short", func(t *testing.T, dir string) {
			put(t, dir+"/a", "one two", true)
			syncDir(t, dir)
			must(t, os.Truncate(dir+"/a", 3))
		}, map[string]string{"a": "one two"}},
		{"moved to another folder", func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir+"/d", 0o700))
			put(t, dir+"/a", "one", true)
			syncDir(t, dir)
			must(t, os.Rename(dir+"/a", dir+"/d/a"))
			syncDir(t, dir+"/d")
		}, map[string]string{"d/": "", "d/a": "one"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, dir := mount(t)
			c.do(t, dir)
			if diff := cmp.Diff(c.want, left(d.Image(cut.Clean, 0))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLies: on a disk that lies the same program loses what it was promised.
func TestLies(t *testing.T) {
	d, dir := mount(t)
	d.Lie()
	put(t, dir+"/a", "one", true)
	syncDir(t, dir)
	if got := left(d.Image(cut.Clean, 0)); len(got) > 0 {
		t.Errorf("left %v", got)
	}
}

// TestTorn: of one unsynced write a cut leaves whole sectors from its start;
// TestReordered's leaves any of them, and later names without earlier ones.
func TestTorn(t *testing.T) {
	d, dir := mount(t)
	old, fresh := strings.Repeat("o", 4096), strings.Repeat("n", 4096)
	put(t, dir+"/a", old, true)
	syncDir(t, dir)
	f, err := os.OpenFile(dir+"/a", os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte(fresh), 0)
	must(t, err)
	must(t, f.Close())
	seen := map[int]bool{}
	for seed := range uint64(200) {
		got := left(d.Image(cut.Torn, seed))["a"]
		n := strings.Count(got, "n")
		if n%512 != 0 || got != fresh[:n]+old[n:] {
			t.Fatalf("seed %d: %d new bytes, torn inside a sector or out of order", seed, n)
		}
		seen[n/512] = true
	}
	if len(seen) < 8 {
		t.Errorf("torn at %d places only", len(seen))
	}
	var gaps int
	for seed := range uint64(200) {
		got := left(d.Image(cut.Reordered, seed))["a"]
		if n := strings.Count(got, "n"); n%512 != 0 {
			t.Fatalf("seed %d: %d new bytes: a sector is torn", seed, n)
		}
		if strings.Contains(got, "on") {
			gaps++
		}
	}
	if gaps < 20 {
		t.Errorf("%d of 200 cuts left a later sector without an earlier one", gaps)
	}
}

func TestReordered(t *testing.T) {
	d, dir := mount(t)
	put(t, dir+"/a", "one", true)
	put(t, dir+"/b", "two", true)
	seen := map[string]bool{}
	for seed := range uint64(100) {
		seen[fmt.Sprint(left(d.Image(cut.Reordered, seed)))] = true
	}
	for _, want := range []string{"map[]", "map[a:one]", "map[b:two]", "map[a:one b:two]"} {
		if !seen[want] {
			t.Errorf("never left %s", want)
		}
	}
	if seen["map[a:]"] || seen["map[b:]"] {
		t.Error("bytes that were made safe are gone")
	}
}

// TestSyncError: the program is told, the bytes are lost, and an fsync after it
// that succeeds does not bring them back.
func TestSyncError(t *testing.T) {
	d, dir := mount(t)
	put(t, dir+"/a", "one", true)
	syncDir(t, dir)
	d.Fail(2, syscall.EIO, false, "/", cut.Sync)
	f, err := os.OpenFile(dir+"/a", os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.WriteString(" two")
	must(t, err)
	must(t, f.Sync())
	_, err = f.WriteString(" three")
	must(t, err)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) || !d.Failed() {
		t.Fatalf("the second fsync said %v", err)
	}
	must(t, f.Sync())
	must(t, f.Close())
	if b, err := os.ReadFile(dir + "/a"); err != nil || string(b) != "one two three" {
		t.Errorf("a program reads %q, %v", b, err)
	}
	if got := left(d.Image(cut.Clean, 0))["a"]; got != "one two" {
		t.Errorf("left %q", got)
	}
}

func TestFull(t *testing.T) {
	d, dir := mount(t)
	d.Room(6000)
	put(t, dir+"/a", strings.Repeat("x", 4000), true)
	if err := os.WriteFile(dir+"/b", make([]byte, 4000), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("said %v", err)
	}
	must(t, os.Remove(dir+"/a"))
	put(t, dir+"/b", strings.Repeat("x", 4000), true)
}

// TestMoments looks at what a cut would leave before every operation, and finds
// each state the program went through.
func TestMoments(t *testing.T) {
	d, dir := mount(t)
	var seen []string
	d.Watch(func(op cut.Op, image func(cut.Mode, uint64) *cut.Image) {
		seen = append(seen, fmt.Sprint(op.Kind, " ", op.Path, " ", left(image(cut.Clean, 0))))
	})
	put(t, dir+"/a", "one", true)
	syncDir(t, dir)
	put(t, dir+"/a", "two", true)
	d.PowerOff()
	if _, err := os.Create(dir + "/b"); !errors.Is(err, syscall.EIO) {
		t.Errorf("without power: %v", err)
	}
	if diff := cmp.Diff([]string{
		"create /a map[]", "write /a map[]", "fsync /a map[]", "fsync folder / map[]",
		"truncate /a map[a:one]", "write /a map[a:one]", "fsync /a map[a:one]",
	}, seen); diff != "" {
		t.Error(diff)
	}
	if got := left(d.Image(cut.Clean, 0))["a"]; got != "two" {
		t.Errorf("left %q", got)
	}
}

// TestLikeAnyDisk does the same thousand things on this disk and on the
// machine's own and finds the same: what a torture finds is the program's fault.
func TestLikeAnyDisk(t *testing.T) {
	d, ours := mount(t)
	theirs := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	name := func() string { return [...]string{"a", "b", "c", "d/a", "d/b"}[r.IntN(5)] }
	for _, dir := range []string{ours, theirs} {
		must(t, os.Mkdir(dir+"/d", 0o700))
	}
	for step := range 1000 {
		what, one, two := r.IntN(6), name(), name()
		off, b := int64(r.IntN(20000)), bytes.Repeat([]byte{byte(step)}, r.IntN(9000))
		var said [2]error
		for i, dir := range []string{ours, theirs} {
			said[i] = step1(what, dir+"/"+one, dir+"/"+two, off, b)
		}
		if (said[0] == nil) != (said[1] == nil) {
			t.Fatalf("seed %d, step %d: ours %v, theirs %v", seed, step, said[0], said[1])
		}
	}
	if diff := cmp.Diff(tree(t, theirs), tree(t, ours)); diff != "" {
		t.Errorf("seed %d: %s", seed, diff)
	}
	// With everything synced, what is left after a cut is what was there.
	for _, dir := range []string{ours, ours + "/d"} {
		list, err := os.ReadDir(dir)
		must(t, err)
		for _, e := range list {
			syncDir(t, filepath.Join(dir, e.Name())) // files too
		}
		syncDir(t, dir)
	}
	out := filepath.Join(t.TempDir(), "out")
	must(t, d.Image(cut.Clean, 0).Extract(out))
	if diff := cmp.Diff(tree(t, theirs), tree(t, out)); diff != "" {
		t.Errorf("seed %d, after a cut: %s", seed, diff)
	}
	i, err := cut.Read(out)
	must(t, err)
	again := cut.New(func() int64 { return 0 })
	again.Load(i)
	if diff := cmp.Diff(left(i), left(again.Image(cut.Clean, 0))); diff != "" {
		t.Error(diff)
	}
}

func step1(what int, one, two string, off int64, b []byte) error {
	switch what {
	case 0, 1:
		f, err := os.OpenFile(one, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		_, err = f.WriteAt(b, off)
		return errors.Join(err, f.Close())
	case 2:
		return os.Truncate(one, off)
	case 3:
		return os.Rename(one, two)
	case 4:
		return os.Remove(one)
	default:
		return os.Link(one, two)
	}
}

func tree(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		all = append(all, fmt.Sprintf("%s %d %x", strings.TrimPrefix(p, dir), len(b), sha256.Sum256(b)))
		return err
	}))
	slices.Sort(all)
	return all
}
