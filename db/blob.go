package db

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"loa"
)

// Blobs keeps sound and documents as files named by their SHA-256, in a folder
// that several processes may share. A blob is never changed and is whole from
// the moment it is there.
type Blobs struct {
	Dir   string // made when absent
	Watch Watch  // told what the disk says
}

// Put keeps b and gives its name. When Put returns, b survives the power going;
// when it fails, nothing of b is left behind.
func (s *Blobs) Put(ctx context.Context, b []byte) (hash string, err error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("keep blob: %w", err)
	}
	hash = loa.Hash(b)
	// Written even when it is there: it may be damaged, and a file as young as
	// its last Put is what Remove lets alone. One that a Remove took in the very
	// moment is written again.
	for there := false; !there; there = s.Has(hash) {
		if err := write(s.file(hash), b); err != nil {
			return "", s.Watch.Tell(fmt.Errorf("keep blob %s: %w", hash, err))
		}
		for _, folder := range []string{filepath.Dir(s.file(hash)), s.Dir} {
			if err := SyncFolder(folder); err != nil {
				return "", s.Watch.Tell(fmt.Errorf("keep blob %s: %w", hash, err))
			}
		}
	}
	return hash, nil
}

// Remove deletes a blob that was last put before a moment, and reports whether
// it is gone; a missing one is. One that was put since stays: somebody is about
// to write down that it is needed. Several processes may remove the same.
func (s *Blobs) Remove(hash string, before time.Time) (gone bool, err error) {
	if !loa.IsHash(hash) {
		return true, nil
	}
	name := s.file(hash)
	info, err := os.Stat(name)
	if err == nil && !info.ModTime().Before(before) {
		return false, nil
	}
	if err == nil {
		err = os.Remove(name)
	}
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err == nil {
		err = SyncFolder(filepath.Dir(name))
	}
	if err != nil {
		return false, s.Watch.Tell(fmt.Errorf("remove blob %s: %w", hash, err))
	}
	return true, nil
}

// write makes the file appear whole or not at all.
func write(name string, b []byte) error {
	folder := filepath.Dir(name)
	if err := MakeFolder(folder); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	// gofail: var blobWritten string
	// go panic(blobWritten)
	// select {}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	// gofail: var blobNamed string
	// go panic(blobNamed)
	// select {}
	return nil
}

// Get reads a blob and proves it: a disk that lies is found here
// (blob.damaged), not on a loudspeaker.
func (s *Blobs) Get(hash string) ([]byte, error) {
	if !loa.IsHash(hash) {
		return nil, loa.Errorf(loa.NotFound, "blob.missing", hash)
	}
	b, err := os.ReadFile(s.file(hash))
	if errors.Is(err, os.ErrNotExist) {
		return nil, loa.Errorf(loa.NotFound, "blob.missing", hash)
	}
	if err != nil {
		return nil, explain(fmt.Errorf("read blob %s: %w", hash, err))
	}
	if loa.Hash(b) != hash {
		return nil, loa.Errorf(loa.Unavailable, "blob.damaged", hash)
	}
	return b, nil
}

// Path is the file of a blob, for a program that reads files, such as an
// encoder or an HTTP server of ranges; its content is not proved.
func (s *Blobs) Path(hash string) (string, error) {
	if !s.Has(hash) {
		return "", loa.Errorf(loa.NotFound, "blob.missing", hash)
	}
	return s.file(hash), nil
}

// Has reports whether a blob is there, without reading it.
func (s *Blobs) Has(hash string) bool {
	if !loa.IsHash(hash) {
		return false
	}
	info, err := os.Stat(s.file(hash))
	return err == nil && info.Mode().IsRegular()
}

// file is "ab/abcdef…": 256 folders keep each short enough to list.
func (s *Blobs) file(hash string) string { return filepath.Join(s.Dir, hash[:2], hash) }

// MakeFolder makes a folder and those above it, and their names durable.
func MakeFolder(folder string) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	above := filepath.Dir(folder)
	if above != folder {
		if err := MakeFolder(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return SyncFolder(above)
}

// SyncFolder makes the names in a folder durable: a file's own fsync does not.
func SyncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = f.Sync()
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
