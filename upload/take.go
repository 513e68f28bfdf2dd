package upload

import (
	"context"
	"fmt"
	"os"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/sound"
)

// Keep gives a finished sound to a bulletin: from now on it is not forgotten.
// Only its own sender can hand it over, and the same one may be kept again: a
// bulletin is edited more than once.
func (r *Room) Keep(ctx context.Context, who loa.Actor, id string) (u Upload, err error) {
	err = r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if u, err = hold(tx, who, id); err != nil {
			return journal.Entry{}, err
		}
		switch {
		case u.State == Refused:
			return journal.Entry{}, u.Why()
		case u.State == Open:
			return journal.Entry{}, loa.Errorf(loa.Conflict, "upload.open")
		case u.Media == "":
			return journal.Entry{}, loa.Errorf(loa.Invalid, "upload.no_sound")
		case u.Taken:
			return journal.Entry{}, nil
		}
		u.Taken = true
		_, err := tx.Exec(`UPDATE upload SET taken_at = ? WHERE id = ?`, tx.NowMS(), id)
		return journal.Entry{Verb: "upload.taken", Path: u.Path, Subject: id}, err
	})
	if err != nil {
		return u, fmt.Errorf("keep upload: %w", err)
	}
	return u, nil
}

// Recording gives the canonical sound of an upload that Keep has taken, and the
// hash of what came in: what bulletin.Flow asks when approval is asked for.
func (r *Room) Recording(ctx context.Context, id string) (res sound.Result, source string, err error) {
	var u Upload
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		u, err = one(tx, id)
		return err
	})
	if err != nil {
		return sound.Result{}, "", err
	}
	if !u.Taken || u.Media == "" {
		return sound.Result{}, "", loa.Errorf(loa.NotFound, "upload.unknown")
	}
	if res.MP3, err = r.Blobs.Get(u.Media); err != nil {
		return sound.Result{}, "", err
	}
	res.Duration = time.Duration(u.MediaMS) * time.Millisecond
	res.Before.IntegratedLUFS, res.After.IntegratedLUFS = float64(u.Before)/100, float64(u.After)/100
	return res, u.Source, nil
}

// Sweep forgets what nobody took within Life, pieces first, so that a sweep that
// breaks off is simply repeated. It returns how many it forgot.
func (r *Room) Sweep(ctx context.Context) (n int, err error) {
	var old []string
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		old, err = db.All(tx, `SELECT id FROM upload WHERE taken_at IS NULL AND made_at <= ? ORDER BY made_at LIMIT 500`,
			[]any{tx.NowMS() - Life.Milliseconds()}, func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
		return err
	})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	for _, id := range old {
		if err := os.RemoveAll(r.folder(id)); err != nil {
			return 0, fmt.Errorf("forget uploads: %w", r.told(err))
		}
	}
	err = r.write(ctx, loa.System(), func(tx *db.Tx) (journal.Entry, error) {
		n = 0
		for _, id := range old {
			u, err := held(tx, id)
			if loa.CodeOf(err) == loa.NotFound {
				continue
			}
			if err != nil {
				return journal.Entry{}, err
			}
			if !u.Taken {
				err = tx.Discard(u.Source, u.Media)
			}
			if err != nil {
				return journal.Entry{}, err
			}
			gone, err := tx.Exec(`DELETE FROM upload WHERE id = ? AND taken_at IS NULL`, id)
			if err != nil {
				return journal.Entry{}, err
			}
			n += int(gone)
		}
		return journal.Entry{Verb: "upload.forgotten", Data: map[string]int{"uploads": n}}, nil
	})
	if err != nil {
		return 0, fmt.Errorf("forget uploads: %w", err)
	}
	return n, nil
}

// Needs reports whether an upload needs a blob: one that waits for its bulletin,
// was taken after a moment, or is of a bulletin whose sound is still kept.
func Needs(tx *db.Tx, hash string, after int64) (needed bool, err error) {
	var n int
	err = tx.Row(`SELECT COUNT(*) FROM upload WHERE (media = ? OR source = ?) AND (taken_at IS NULL OR taken_at > ?
		OR EXISTS (SELECT 1 FROM rendition WHERE rendition.upload = upload.id AND rendition.kept_months = 0))`, hash, hash, after).Scan(&n)
	return n > 0, err
}
