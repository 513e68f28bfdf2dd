package db_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
)

// files lists what is in a folder and below, relative to it.
func files(t *testing.T, folder string) (all []string) {
	t.Helper()
	must(t, filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(folder, name)
			all = append(all, rel)
		}
		return err
	}))
	return all
}

func TestBlobs(t *testing.T) {
	for name, b := range map[string][]byte{"empty": {}, "text": []byte("Loa xã An Bình"), "large": bytes.Repeat([]byte{1, 2, 3}, 1<<20)} {
		t.Run(name, func(t *testing.T) {
			s := &db.Blobs{Dir: filepath.Join(t.TempDir(), "keep", "blobs")}
			hash := loa.Hash(b)
			if s.Has(hash) {
				t.Error("there before it was put")
			}
			for range 2 { // the second time it is there already
				got, err := s.Put(t.Context(), b)
				must(t, err)
				if got != hash {
					t.Errorf("named %s, want %s", got, hash)
				}
			}
			if got := files(t, s.Dir); !cmp.Equal(got, []string{hash[:2] + "/" + hash}) {
				t.Errorf("files %v", got)
			}
			got, err := s.Get(hash)
			must(t, err)
			if !bytes.Equal(got, b) || !s.Has(hash) {
				t.Errorf("has %v, %d bytes", s.Has(hash), len(got))
			}
			file, err := s.Path(hash)
			must(t, err)
			if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, b) {
				t.Errorf("the file has %d bytes, %v", len(got), err)
			}
		})
	}
}

func TestBlobsMissing(t *testing.T) {
	s := &db.Blobs{Dir: t.TempDir()}
	for _, hash := range []string{loa.Hash([]byte("other")), "", "ab", "../../etc/passwd", strings.Repeat("/", 64), strings.ToUpper(loa.Hash(nil))} {
		if s.Has(hash) {
			t.Errorf("has %q", hash)
		}
		if _, err := s.Get(hash); loa.KeyOf(err) != "blob.missing" || loa.CodeOf(err) != loa.NotFound {
			t.Errorf("Get(%q): %v", hash, err)
		}
		if _, err := s.Path(hash); loa.KeyOf(err) != "blob.missing" {
			t.Errorf("Path(%q): %v", hash, err)
		}
	}
}

// Damage is found on reading, and mended by putting the same bytes again.
func TestBlobsDamaged(t *testing.T) {
	s := &db.Blobs{Dir: t.TempDir()}
	b := []byte("Loa xã An Bình")
	hash, err := s.Put(t.Context(), b)
	must(t, err)
	file, err := s.Path(hash)
	must(t, err)
	for name, damaged := range map[string][]byte{"bit": append([]byte("M"), b[1:]...), "short": b[:3], "empty": {}} {
		t.Run(name, func(t *testing.T) {
			must(t, os.WriteFile(file, damaged, 0o600))
			if _, err := s.Get(hash); loa.KeyOf(err) != "blob.damaged" || loa.CodeOf(err) != loa.Unavailable {
				t.Errorf("got %v, want blob.damaged", err)
			}
			if _, err := s.Put(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Get(hash); err != nil || !bytes.Equal(got, b) {
				t.Errorf("not mended: %q, %v", got, err)
			}
		})
	}
}

// Several processes put the same and different blobs into one folder.
func TestBlobsTogether(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			s := &db.Blobs{Dir: dir}
			for i := range 8 {
				b := bytes.Repeat([]byte{byte(i)}, 10_000)
				hash, err := s.Put(context.Background(), b)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := s.Get(hash); err != nil || !bytes.Equal(got, b) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
	group.Wait()
	if got := files(t, dir); len(got) != 8 {
		t.Errorf("files %v", got)
	}
}

func TestBlobsCancelled(t *testing.T) {
	s := &db.Blobs{Dir: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, []byte("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := files(t, s.Dir); len(got) != 0 {
		t.Errorf("left %v", got)
	}
}

// Remove deletes what is old, lets alone what was put since, and does not mind
// what is missing; several at once are as one.
func TestBlobsRemove(t *testing.T) {
	s := &db.Blobs{Dir: t.TempDir()}
	b := []byte("Loa xã An Bình")
	hash, err := s.Put(t.Context(), b)
	must(t, err)
	file, err := s.Path(hash)
	must(t, err)
	then := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	age := func(at time.Time) {
		t.Helper()
		must(t, os.Chtimes(file, at, at))
	}
	age(then)
	if gone, err := s.Remove(hash, then); gone || err != nil || !s.Has(hash) {
		t.Errorf("put at the very moment: gone %v, %v", gone, err)
	}
	if _, err := s.Put(t.Context(), b); err != nil { // needed again
		t.Fatal(err)
	}
	if gone, err := s.Remove(hash, then.Add(time.Hour)); gone || err != nil || !s.Has(hash) {
		t.Errorf("put again since: gone %v, %v", gone, err)
	}
	age(then)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if gone, err := s.Remove(hash, then.Add(time.Hour)); !gone || err != nil {
				t.Errorf("gone %v, %v", gone, err)
			}
		})
	}
	group.Wait()
	if s.Has(hash) || len(files(t, s.Dir)) != 0 {
		t.Errorf("left %v", files(t, s.Dir))
	}
	for _, missing := range []string{hash, "", "../../etc/passwd"} {
		if gone, err := s.Remove(missing, then); !gone || err != nil {
			t.Errorf("Remove(%q): %v, %v", missing, gone, err)
		}
	}
	if _, err := s.Put(t.Context(), b); err != nil || !s.Has(hash) {
		t.Errorf("put after it was removed: %v", err)
	}
}
