package node

import (
	"context"
	"fmt"
	"time"

	"loa"
	"loa/bulletin"
	"loa/db"
	"loa/form"
	"loa/journal"
	"loa/sheet"
	"loa/upload"
)

// Retention deletes sound whose time is over (LOA_KEEP_SOUND). First the pages
// let go of it, in SQL; the files follow in a later run, when no request that
// had just begun can still be writing down that it needs one. A run that breaks
// off anywhere is simply repeated.
type Retention struct {
	DB        *db.DB
	Blobs     *db.Blobs
	Bulletins *bulletin.Flow
	Months    int
	Said      func(id string, e journal.Entry)
}

// rest is how long a discarded blob lies before its file goes: longer than any
// request works between putting a blob and writing down that it needs it.
const rest = time.Hour

// sweepAtOnce is how many files go with one journal entry.
const sweepAtOnce = 100

func (n *Node) retention() *Retention {
	return &Retention{DB: n.DB, Blobs: n.Blobs, Bulletins: n.Bulletins, Months: n.Config.KeepSound, Said: n.said}
}

// Run does what is due now.
func (r *Retention) Run(ctx context.Context) error {
	if _, err := r.Bulletins.LetGo(ctx, r.Months); err != nil {
		return err
	}
	for {
		more, err := r.sweep(ctx)
		if err != nil {
			return fmt.Errorf("delete old sound: %w", err)
		}
		if !more {
			return nil
		}
	}
}

// sweep deletes files of discarded blobs that nobody needs and reports whether
// there may be more.
func (r *Retention) sweep(ctx context.Context) (more bool, err error) {
	var due, needed []string
	var rested time.Time
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		needed = nil
		rested = tx.Now().Add(-rest)
		if due, err = tx.Discarded(rested.UnixMilli(), sweepAtOnce); err != nil {
			return err
		}
		for _, hash := range due {
			yes, err := r.needed(tx, hash)
			if err != nil {
				return err
			}
			if yes {
				needed = append(needed, hash)
			}
		}
		return nil
	})
	if err != nil || len(due) == 0 {
		return false, err
	}
	spared := map[string]bool{}
	for _, hash := range needed {
		spared[hash] = true
	}
	var deleted, young []string
	for _, hash := range due {
		if spared[hash] {
			continue
		}
		gone, err := r.Blobs.Remove(hash, rested)
		if err != nil {
			return false, err
		}
		if gone {
			deleted = append(deleted, hash)
		} else {
			young = append(young, hash)
		}
	}
	return len(due) == sweepAtOnce, r.settle(ctx, needed, young, deleted)
}

// settle writes down what became of the marks.
func (r *Retention) settle(ctx context.Context, needed, young, deleted []string) error {
	var row string
	entry := journal.Entry{Verb: "sound.deleted", Data: map[string]any{"count": len(deleted), "hashes": deleted, "months": r.Months}}
	err := r.DB.Write(ctx, func(tx *db.Tx) (err error) {
		row = ""
		for _, hash := range append(append([]string{}, needed...), deleted...) {
			if err := tx.Settled(hash); err != nil {
				return err
			}
		}
		if err := tx.Discard(young...); err != nil { // they rest anew
			return err
		}
		if len(deleted) > 0 {
			row, err = journal.Append(tx, loa.System(), entry)
		}
		return err
	})
	if err == nil && row != "" {
		r.Said(row, entry)
	}
	return err
}

// needed asks everybody who keeps blobs.
func (r *Retention) needed(tx *db.Tx, hash string) (bool, error) {
	taken := tx.Now().In(loa.Zone()).AddDate(0, -r.Months, 0).UnixMilli()
	for _, needs := range []func(*db.Tx, string) (bool, error){bulletin.Needs, form.Needs, sheet.Needs,
		func(tx *db.Tx, hash string) (bool, error) { return upload.Needs(tx, hash, taken) }} {
		if yes, err := needs(tx, hash); yes || err != nil {
			return yes, err
		}
	}
	return false, nil
}
