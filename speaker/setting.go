package speaker

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/wire"
)

// SettingLife is how long a setting waits for a box that is away.
const SettingLife = 24 * time.Hour

// DraftSetting writes the warrant that sets the boxes at a place (place's whole
// subtree, or with codes only those poles of it) and returns its bytes for the
// passkey of a person with the duty over speakers. Nothing is kept: SetBoxes takes
// the bytes.
func (r *Register) DraftSetting(ctx context.Context, who loa.Actor, place loa.Path, codes []string, s wire.Setting) (payload []byte, err error) {
	if err := who.Must(loa.RightSpeakers, place); err != nil {
		return nil, err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		seq, err := NextNow(tx, place)
		if err != nil {
			return err
		}
		w := wire.Warrant{V: wire.Version, Kind: wire.Set, ID: loa.NewID(tx.Now()), Class: wire.Normal, Issuer: place, Author: who.ID,
			Scope: []wire.Place{{Path: place}}, From: tx.NowMS(), Until: tx.NowMS() + SettingLife.Milliseconds(),
			Setting: &s, Poles: codes, Now: true, Seq: seq, Approval: "passkey"}
		if err := w.Check(); err != nil {
			return err
		}
		payload, err = wire.Encode(w)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("draft setting: %w", err)
	}
	return payload, nil
}

// SetBoxes has a setting sealed with a person's approval over its bytes and sends
// it to the boxes it means; the hash names it in what they answer.
func (r *Register) SetBoxes(ctx context.Context, who loa.Actor, payload []byte, approval wire.Approval) (hash string, err error) {
	w, err := wire.ReadWarrant(payload)
	if err != nil {
		return "", err
	}
	if w.Kind != wire.Set {
		return "", loa.Errorf(loa.Invalid, "document.kind", string(w.Kind))
	}
	for _, p := range w.Paths() {
		if err := who.Must(loa.RightSpeakers, p); err != nil {
			return "", err
		}
	}
	sealed, err := r.Signer.Seal(ctx, wire.WarrantType, payload, []wire.Approval{approval})
	if err != nil {
		return "", fmt.Errorf("seal setting: %w", err)
	}
	hash = loa.Hash(sealed)
	err = r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		emits, err := HoldNow(tx, r.Keys, w, sealed)
		return journal.Entry{Verb: "speaker.set", Path: w.Issuer, Subject: hash, Data: w, Emits: emits}, err
	})
	if err != nil {
		return "", fmt.Errorf("set boxes: %w", err)
	}
	return hash, nil
}

// BoxLog is the end of a box's log, as it posted it.
type BoxLog struct {
	Box    string
	At     int64 // by the box, UTC ms
	CameAt int64
	Lines  []string // the oldest first
}

// TakeLog keeps a log that a box sealed because a setting of this node asked for it.
func (r *Register) TakeLog(ctx context.Context, sealed []byte) error {
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		l, err := wire.OpenLog(sealed, func(box string) (ed25519.PublicKey, error) { return KeyOf(tx, box) })
		if err != nil {
			return err
		}
		var asked int
		if err := tx.Row(`SELECT count(*) FROM now_warrant WHERE hash = ? AND rank = ?`, l.Warrant, rankSetting).Scan(&asked); err != nil {
			return fmt.Errorf("take log: %w", err)
		}
		if asked == 0 {
			return loa.Errorf(loa.Forbidden, "log.not_asked")
		}
		lines, err := json.Marshal(l.Lines)
		if err != nil {
			return fmt.Errorf("take log: %w", err)
		}
		_, err = tx.Exec(`INSERT INTO box_log (box, warrant, at, came_at, lines) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (box, warrant) DO UPDATE SET at = excluded.at, came_at = excluded.came_at, lines = excluded.lines`,
			l.Device, l.Warrant, l.At, tx.NowMS(), string(lines))
		return err
	})
}

// LogOf is the last log a box posted; not_found if it never did.
func (r *Register) LogOf(ctx context.Context, who loa.Actor, box string) (l BoxLog, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		b, err := findBox(tx, box)
		if err != nil {
			return err
		}
		if err := who.Must(loa.RightSpeakers, b.Pole.Path); err != nil {
			return err
		}
		var lines string
		err = tx.Row(`SELECT at, came_at, lines FROM box_log WHERE box = ? ORDER BY came_at DESC LIMIT 1`, box).Scan(&l.At, &l.CameAt, &lines)
		if errors.Is(err, db.ErrNone) {
			return loa.Errorf(loa.NotFound, "speaker.no_log")
		}
		if err != nil {
			return err
		}
		l.Box = box
		return json.Unmarshal([]byte(lines), &l.Lines)
	})
	return l, err
}
