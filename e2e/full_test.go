package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"loa/db"
	"loa/e2e"
)

// loopDisk is an ext4 of 64 MB of its own, with so many inodes (0: as usual).
func loopDisk(t *testing.T, inodes int) (dir, device string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "loa-disk-") //nolint:usetesting // t.TempDir is too long for a Unix socket
	if err != nil {
		t.Fatal(err)
	}
	image := dir + ".ext4"
	t.Cleanup(func() { _ = errors.Join(os.Remove(image), os.Remove(dir)) }) // temporary: the system's to clean otherwise
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 64<<20); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		append([]string{"mkfs.ext4", "-q", "-m", "0"}, append(inodeArgs(inodes), image)...),
		{"mount", "-o", "loop,errors=remount-ro", image, dir},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no disk of its own can be made here (needs root, mkfs.ext4 and a loop device): %v: %s", err, out)
		}
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	out, err := exec.CommandContext(t.Context(), "findmnt", "-no", "SOURCE", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "lost+found")); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Base(strings.TrimSpace(string(out)))
}

func inodeArgs(n int) []string {
	if n == 0 {
		return nil
	}
	return []string{"-N", fmt.Sprint(n)}
}

// TestFullDisk fills the disk under a running town, with one large file and with
// many small ones. What can wait is refused at once, in words, and leaves nothing
// half done; signing in, approving, placing and stopping go on; with room again
// everything does, and nobody restarted anything.
func TestFullDisk(t *testing.T) {
	for name, c := range map[string]struct {
		inodes int
		fill   func(dir string) error
	}{
		"bytes":  {0, fillBytes},
		"inodes": {1024, fillFiles},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, _ := loopDisk(t, c.inodes)
			town := e2e.Start(t, e2e.Options{Dir: dir, Agents: 1})
			town.Agents[0].Stop() // a place to send to; what a box does on a full disk of its own is tried in edge
			server := town.Servers[0]
			town.Author.At(server)
			town.Leader.At(server)
			late := town.Author.Link()
			reserve := &db.Reserve{Dir: dir}
			town.Eventually("a reserve", 20*time.Second, func() bool { return reserve.Laid() > 0 })
			sounding := approved(t, town)
			if err := town.Author.PlayNow(sounding); err != nil {
				t.Fatal(err)
			}
			waiting, err := town.Author.Write("Sơ tán ven sông", "Mời bà con ven sông lên nhà văn hóa.")
			if err != nil {
				t.Fatal(err)
			}
			fillers := filepath.Join(dir, "fillers")
			if err := os.Mkdir(fillers, 0o700); err != nil {
				t.Fatal(err)
			}
			before := count(t, town)
			if err := c.fill(fillers); err != nil {
				t.Fatal(err)
			}
			town.Eventually("the state told", 10*time.Second, func() bool {
				_, body := town.Author.Get("/bulletins")
				return strings.Contains(body, "Máy chủ hết chỗ ghi")
			})
			for _, post := range []string{"/bulletins", "/words", "/speakers"} {
				began := time.Now()
				status, body := town.Author.Post(post, url.Values{"path": {string(e2e.Commune)}, "title": {"Thử"}, "text": {notice}, "do": {"save"}})
				if took := time.Since(began); status != http.StatusInsufficientStorage || !strings.Contains(body, "Ổ đĩa của máy chủ đã đầy") || took > time.Second {
					t.Errorf("POST %s: %d after %v: %s", post, status, took, body)
				}
			}
			if after := count(t, town); after != before {
				t.Errorf("%d bulletins before, %d after what was refused", before, after)
			}
			// Signing in with the link that was made before.
			if status, body := town.Author.Post("/sign-in/link/"+late, nil); status != http.StatusSeeOther {
				t.Errorf("sign in: %d %s", status, body)
			}
			if err := town.Leader.Approve(waiting); err != nil {
				t.Errorf("approve: %v", err)
			}
			if err := town.Author.PlayNow(waiting); err != nil {
				t.Errorf("place: %v", err)
			}
			if err := (&script{t: t, town: town}).stop(sounding); err != nil {
				t.Errorf("stop: %v", err)
			}
			unbroken(t, town)
			// A server that must start now starts.
			server.Kill()
			server.Up()
			if status, body := town.Author.Get("/bulletins"); status != http.StatusOK || !strings.Contains(body, "Máy chủ hết chỗ ghi") {
				t.Errorf("started on a full disk: %d %s", status, body)
			}
			if err := os.RemoveAll(fillers); err != nil {
				t.Fatal(err)
			}
			town.Eventually("work again", 10*time.Second, func() bool { return type1(t.Context(), town, "Có chỗ rồi") != "" })
			if reserve.Laid() == 0 {
				t.Error("the work goes on and no reserve is laid")
			}
		})
	}
}

// fillBytes takes all but 64 KB in one go: written piece by piece it would take
// the room of the ballast too, in the moment it is given up.
func fillBytes(dir string) error {
	room, err := db.RoomOn(dir)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "big"))
	if err != nil {
		return err
	}
	return errors.Join(syscall.Fallocate(int(f.Fd()), 0, 0, room.Free-64<<10), f.Close())
}

func fillFiles(dir string) error {
	for i := 0; ; i++ {
		err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600)
		if errors.Is(err, syscall.ENOSPC) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func count(t *testing.T, town *e2e.Town) (n int) {
	t.Helper()
	if err := town.DB.Read(t.Context(), func(tx *db.Tx) error { return tx.Row(`SELECT COUNT(*) FROM bulletin`).Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// unbroken holds a running town to what a cut must leave.
func unbroken(t *testing.T, town *e2e.Town) {
	t.Helper()
	left := &e2e.Left{Dir: town.Dir, DB: town.DB, Blobs: &db.Blobs{Dir: town.Config.Blobs}}
	if err := town.DB.Read(t.Context(), func(tx *db.Tx) error { return whole(tx, left) }); err != nil {
		t.Error(err)
	}
}

// TestReadOnlyDisk has the file system meet a fault of its own and take nothing
// any more. The server stays, shows what it has, says why nothing can be
// written, and does not pretend; a server that starts there says so and ends.
func TestReadOnlyDisk(t *testing.T) {
	dir, device := loopDisk(t, 0)
	town := e2e.Start(t, e2e.Options{Dir: dir})
	server := town.Servers[0]
	town.Author.At(server)
	town.Leader.At(server)
	id := approved(t, town)
	if err := town.DB.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/sys/fs/ext4/"+device+"/trigger_fs_error", []byte("1"), 0); err != nil {
		t.Skipf("a file system cannot be made to fail here: %v", err)
	}
	began := time.Now()
	status, body := town.Author.Post("/bulletins", url.Values{"path": {string(e2e.Commune)}, "title": {"Thử"}, "text": {notice}, "do": {"save"},
		"class": {"normal"}, "scope": {string(e2e.Commune)}, "accent": {"north"}, "until": {time.Now().AddDate(0, 0, 3).Format(time.DateOnly)}})
	if status != http.StatusInsufficientStorage && status != http.StatusServiceUnavailable || time.Since(began) > time.Second {
		t.Errorf("the first change: %d after %v: %s", status, time.Since(began), body)
	}
	town.Eventually("the state told", 10*time.Second, func() bool {
		status, body = town.Author.Post("/words", nil)
		return status == http.StatusInsufficientStorage && strings.Contains(body, "chỉ đọc")
	})
	if status, body := town.Author.Get("/bulletins/" + id); status != http.StatusOK || !strings.Contains(body, "Máy chủ hết chỗ ghi") {
		t.Errorf("reading: %d %s", status, body)
	}
	server.Kill()
	if said := server.Refused(); !strings.Contains(said, "db.read_only") {
		t.Errorf("started on a disk that takes nothing: %s", said)
	}
}
