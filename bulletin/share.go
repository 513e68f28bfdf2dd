package bulletin

// Beside the line: the public page of a bulletin, for the hamlet's Zalo group.

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/journal"
)

// public are the states in which people may see a bulletin: it was approved and
// its content fixed, and nobody took it back.
func public() []State { return []State{Sealed, Scheduled, Dispatched, Expired} }

// Share gives a bulletin its public address, the same one each time. Whoever may
// write or dispatch for the unit may pass its words on.
func (f *Flow) Share(ctx context.Context, who loa.Actor, id string) (code string, err error) {
	var b [10]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("share bulletin: %w", err)
	}
	fresh := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
	err = f.DB.Write(ctx, func(tx *db.Tx) error {
		b, err := hold(tx, id)
		if err != nil {
			return err
		}
		if !who.May(loa.RightWrite, b.Path) {
			if err := who.Must(loa.RightDispatch, b.Path); err != nil {
				return err
			}
		}
		if !slices.Contains(public(), b.State) {
			return loa.Errorf(loa.Conflict, "share.not_approved")
		}
		if code, err = shareOf(tx, id); err != nil || code != "" {
			return err
		}
		code = fresh
		if _, err := tx.Exec(`INSERT INTO share (code, bulletin_id, who, at) VALUES (?, ?, ?, ?)`, code, id, who.ID, tx.NowMS()); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: "bulletin.shared", Path: b.Path, Subject: id, Data: map[string]string{"code": code}})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("share bulletin: %w", err)
	}
	return code, nil
}

// ShareOf is the public address of a bulletin, "" while it has none.
func (f *Flow) ShareOf(ctx context.Context, id string) (code string, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		code, err = shareOf(tx, id)
		return err
	})
	return code, err
}

func shareOf(tx *db.Tx, id string) (code string, err error) {
	err = tx.Row(`SELECT code FROM share WHERE bulletin_id = ?`, id).Scan(&code)
	if errors.Is(err, db.ErrNone) {
		return "", nil
	}
	return code, err
}

// Public is what everybody may know of a bulletin that was shared: nothing of who
// wrote or approved it.
type Public struct {
	ID         string
	Path       loa.Path
	Title      string
	Renditions []Rendition
	Until      int64
	At         int64 // when it last changed: it was approved by then
	Over       bool  // past its last day
}

// Shared is the bulletin behind a public address. One that was stopped or
// recalled has no page any more.
func (f *Flow) Shared(ctx context.Context, code string) (p Public, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		var id string
		err := tx.Row(`SELECT bulletin_id FROM share WHERE code = ?`, strings.ToLower(code)).Scan(&id)
		if errors.Is(err, db.ErrNone) {
			return loa.Errorf(loa.NotFound, "share.unknown")
		}
		if err != nil {
			return err
		}
		b, err := load(tx, id)
		if err != nil {
			return err
		}
		if !slices.Contains(public(), b.State) {
			return loa.Errorf(loa.NotFound, "share.unknown")
		}
		p = Public{ID: b.ID, Path: b.Path, Title: b.Title, Renditions: b.Renditions, Until: b.Until, At: b.ChangedAt, Over: b.Until <= tx.NowMS()}
		return nil
	})
	return p, err
}
