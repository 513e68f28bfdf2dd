package bulletin

// Beside the line: how long sound is kept (thời hạn lưu). What was said, who
// approved it and where it played stays; the sound goes once its time is over.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/wire"
)

// aged is what the rule about old sound asks of a bulletin. Times are UTC ms.
type aged struct {
	State    State
	Until    int64 // hết hạn phát
	Changed  int64 // when it was expired, stopped or cancelled
	Sounds   int64 // when its last slot ends, 0 without one
	Standing bool  // a standing programme names it
}

// over are the states in which a bulletin never sounds again.
func over() []State { return []State{Cancelled, Stopped, Expired} }

// expendable reports whether the sound may go: the bulletin has left the line,
// could last be heard before the moment, and no programme holds it.
func (a aged) expendable(before int64) bool {
	return slices.Contains(over(), a.State) && !a.Standing && max(a.Until, a.Changed, a.Sounds) < before
}

// letGoAtOnce is how many bulletins one transaction looks at.
const letGoAtOnce = 100

// LetGo marks the sound of every bulletin that could last be heard so many
// months ago: its pages offer it no more, and its blobs are discarded. It
// returns how many bulletins it marked.
func (f *Flow) LetGo(ctx context.Context, months int) (n int, err error) {
	for last := ""; ; {
		var looked, marked []string
		var row string
		var entry journal.Entry
		err := f.DB.Write(ctx, func(tx *db.Tx) (err error) {
			marked, row = nil, ""
			before := tx.Now().In(loa.Zone()).AddDate(0, -months, 0)
			if looked, err = oldSounds(tx, last, before); err != nil {
				return err
			}
			for _, id := range looked {
				gone, err := letGo(tx, id, months, before.UnixMilli())
				if err != nil {
					return err
				}
				if gone {
					marked = append(marked, id)
				}
			}
			if len(marked) == 0 {
				return nil
			}
			entry = journal.Entry{Verb: "sound.let_go", Data: map[string]any{"months": months, "bulletins": marked}}
			row, err = journal.Append(tx, loa.System(), entry)
			return err
		})
		if err != nil {
			return n, fmt.Errorf("let go of sound: %w", err)
		}
		if row != "" {
			f.Said(row, entry)
		}
		if n += len(marked); len(looked) < letGoAtOnce {
			return n, nil
		}
		last = looked[len(looked)-1]
	}
}

// oldSounds lists, after an id, bulletins off the line that still have sound.
func oldSounds(tx *db.Tx, after string, before time.Time) ([]string, error) {
	args := []any{after, before.UnixMilli(), before.UnixMilli()}
	for _, s := range over() {
		args = append(args, string(s))
	}
	return db.All(tx, `SELECT id FROM bulletin WHERE id > ? AND until_ms < ? AND changed_at < ? AND state IN (?`+strings.Repeat(", ?", len(over())-1)+`)
		AND EXISTS (SELECT 1 FROM rendition WHERE rendition.bulletin_id = bulletin.id AND kept_months = 0 AND (media <> '' OR upload <> ''))
		ORDER BY id LIMIT `+fmt.Sprint(letGoAtOnce), args, func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
}

// letGo marks one bulletin, if the rule says so of it now, and discards its sounds,
// the recordings they were made from and those of the versions that were returned.
func letGo(tx *db.Tx, id string, months int, before int64) (bool, error) {
	b, err := hold(tx, id)
	if err != nil {
		return false, err
	}
	a := aged{State: b.State, Until: b.Until, Changed: b.ChangedAt}
	var named int
	if err := tx.Row(`SELECT (SELECT COUNT(*) FROM standing WHERE bulletin_id = ?), COALESCE(MAX(start_ms + ms), 0) FROM slot
		WHERE bulletin_id = ? AND cancelled_at IS NULL AND out = 0`, id, id).Scan(&named, &a.Sounds); err != nil {
		return false, err
	}
	if a.Standing = named > 0; !a.expendable(before) {
		return false, nil
	}
	hashes, err := db.All(tx, `SELECT media, source FROM upload WHERE id IN (SELECT upload FROM rendition WHERE bulletin_id = ?)`, []any{id},
		func(scan func(...any) error) (pair [2]string, err error) { return pair, scan(&pair[0], &pair[1]) })
	if err != nil {
		return false, err
	}
	var all []string
	for _, h := range hashes {
		all = append(all, h[:]...)
	}
	for _, r := range b.Renditions {
		all = append(all, r.Media, r.SourceHash)
	}
	payloads, err := db.All(tx, `SELECT payload FROM bulletin_version WHERE bulletin_id = ?`, []any{id},
		func(scan func(...any) error) (p []byte, err error) { return p, scan(&p) })
	if err != nil {
		return false, err
	}
	for _, p := range payloads {
		w, err := wire.ReadWarrant(p)
		if err != nil {
			return false, err
		}
		for _, m := range w.Media {
			all = append(all, m.Hash)
		}
	}
	if err := tx.Discard(all...); err != nil {
		return false, err
	}
	_, err = tx.Exec(`UPDATE rendition SET kept_months = ? WHERE bulletin_id = ?`, months, id)
	return true, err
}

// Needs reports whether a bulletin whose sound is kept needs a blob.
func Needs(tx *db.Tx, hash string) (bool, error) {
	var n int
	err := tx.Row(`SELECT COUNT(*) FROM rendition WHERE (media = ? OR source_hash = ?) AND kept_months = 0`, hash, hash).Scan(&n)
	return n > 0, err
}
