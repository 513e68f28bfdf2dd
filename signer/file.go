package signer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"loa"
)

// writeFile puts b under name so that after a power cut the old file or the
// new one is there, whole, readable by this user alone. A disk that fails on the
// way ends the signer (errStorage); one that is full does not.
func writeFile(name string, b []byte) error {
	err := replace(name, b)
	switch {
	case err != nil && noRoom(err):
		return loa.Errorf(loa.Full, "db.full").Because(err)
	case errors.Is(err, syscall.EIO):
		return fmt.Errorf("%w: %w", errStorage, err)
	}
	return err
}

func replace(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), errors.Join(err, os.Remove(f.Name())))
	}
	return syncDir(filepath.Dir(name))
}

// summed puts the SHA-256 of b on a line before it, so that a bit that turned on
// the disk is not believed: in a roster it could be another passkey's person.
func summed(b []byte) []byte { return append([]byte(loa.Hash(b)+"\n"), b...) }

// unsummed takes the sum off again. A file of an earlier version has none and
// begins with its first brace, which no turned bit makes of a hex digit.
func unsummed(b []byte) ([]byte, error) {
	if bytes.HasPrefix(b, []byte("{")) {
		return b, nil
	}
	sum, body, _ := bytes.Cut(b, []byte("\n"))
	if string(sum) != loa.Hash(body) {
		return nil, loa.Errorf(loa.Invalid, "signer.file_damaged")
	}
	return body, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

// lock holds the folder for one signer: two would each give out the same
// number. The kernel lets go when the process ends, however it ends.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, loa.Errorf(loa.Conflict, "signer.already_running").Because(errors.Join(err, f.Close()))
	}
	return f, nil
}
