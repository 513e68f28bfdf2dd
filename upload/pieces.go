package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"loa"
	"loa/db"
)

// Piece keeps bytes that begin at an offset and gives the offset after them:
// when it returns, they survive the power going. The same piece once more is
// acknowledged once more; one that begins anywhere but at the end is refused
// with the true offset (upload.offset), whoever sent it.
func (r *Room) Piece(ctx context.Context, who loa.Actor, id string, offset int64, b []byte) (next int64, err error) {
	var u Upload
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		u, err = load(tx, who, id)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("keep piece: %w", err)
	}
	if u.State != Open {
		return 0, loa.Errorf(loa.Conflict, "upload.ended")
	}
	limit := int64(MaxBytes)
	if u.Bytes >= 0 {
		limit = u.Bytes
	}
	if len(b) > MaxPiece || offset < 0 || offset+int64(len(b)) > limit {
		return 0, loa.Errorf(loa.Invalid, "upload.too_large", MaxBytes>>20)
	}
	end, err := length(r.folder(id))
	if err != nil {
		return 0, err
	}
	if len(b) == 0 && offset == end {
		return end, nil
	}
	if offset != end {
		return again(r.folder(id), offset, end, b)
	}
	name := filepath.Join(r.folder(id), pieceName(offset))
	if err := put(name, b); errors.Is(err, os.ErrExist) { // somebody was faster
		if end, err = length(r.folder(id)); err != nil {
			return 0, err
		}
		return again(r.folder(id), offset, end, b)
	} else if err != nil {
		return 0, r.told(fmt.Errorf("keep piece: %w", err))
	}
	return offset + int64(len(b)), nil
}

// again answers for a piece that does not begin at the end: it is already here,
// byte for byte, or it does not fit.
func again(folder string, offset, end int64, b []byte) (int64, error) {
	have, err := os.ReadFile(filepath.Join(folder, pieceName(offset)))
	if err == nil && bytes.Equal(have, b) {
		return offset + int64(len(b)), nil
	}
	return end, loa.Errorf(loa.Conflict, "upload.offset", end)
}

// put makes a file appear whole or not at all, and never over another: a link
// fails where a name is taken, and of two that come at once one wins.
func put(name string, b []byte) (err error) {
	folder := filepath.Dir(name)
	f, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Link(f.Name(), name)
	}
	if err != nil {
		return err
	}
	return db.SyncFolder(folder)
}

// pieceName sorts as its offset does.
func pieceName(offset int64) string { return fmt.Sprintf("%012d", offset) }

// length is how many bytes stand one after the other from the beginning.
func length(folder string) (int64, error) {
	entries, err := os.ReadDir(folder) // sorted by name
	if errors.Is(err, os.ErrNotExist) {
		return 0, loa.Errorf(loa.NotFound, "upload.unknown")
	}
	if err != nil {
		return 0, fmt.Errorf("read pieces: %w", err)
	}
	var end int64
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if e.Name() != pieceName(end) {
			break
		}
		info, err := e.Info()
		if err != nil {
			return 0, fmt.Errorf("read pieces: %w", err)
		}
		end += info.Size()
	}
	return end, nil
}

// whole reads all pieces.
func whole(folder string) ([]byte, error) {
	end, err := length(folder)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, end)
	for int64(len(b)) < end {
		piece, err := os.ReadFile(filepath.Join(folder, pieceName(int64(len(b)))))
		if err != nil {
			return nil, fmt.Errorf("read pieces: %w", err)
		}
		b = append(b, piece...)
	}
	return b, nil
}

// told passes on what the disk said. When it is full the sender learns that
// what was recorded is still on the device.
func (r *Room) told(err error) error {
	told := r.Blobs.Watch.Tell(err)
	if loa.KeyOf(told) == "db.full" {
		return loa.Errorf(loa.Full, "upload.disk_full").Because(err)
	}
	return told
}

// Whole takes a file that is here already, from its beginning to its end.
func (r *Room) Whole(ctx context.Context, who loa.Actor, path loa.Path, name string, b []byte) (Upload, error) {
	u, err := r.Begin(ctx, who, path, File, name, int64(len(b)))
	if err != nil {
		return u, err
	}
	for at := 0; at < len(b); at += MaxPiece {
		if _, err := r.Piece(ctx, who, u.ID, int64(at), b[at:min(at+MaxPiece, len(b))]); err != nil {
			return u, err
		}
	}
	return r.Finish(ctx, who, u.ID)
}
