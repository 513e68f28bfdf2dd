package bulletin

// Beside the line: the ways back. Return sends a draft home, cancel and expire
// take slots out of the plans, stop silences what is sounding.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
	"loa/wire"
)

// reason checks the sentence a person gives for going back.
func reason(why string) (string, error) {
	why = strings.TrimSpace(why)
	if why == "" || len(why) > 1000 || !utf8.ValidString(why) {
		return "", loa.Errorf(loa.Invalid, "recall.reason")
	}
	return why, nil
}

// Return (trả lại) gives a bulletin back to its author with a reason.
func (f *Flow) Return(ctx context.Context, who loa.Actor, id, why string) (Bulletin, error) {
	why, err := reason(why)
	if err != nil {
		return Bulletin{}, err
	}
	return f.step(ctx, who, id, giveBack, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		g, err := grantFor(tx, who, *b)
		if err != nil {
			return journal.Entry{}, err
		}
		if g == nil || g.Own {
			if err := who.Must(loa.RightApprove, b.Path); err != nil {
				return journal.Entry{}, err
			}
		}
		if err := noteReturn(tx, who, b.ID, why); err != nil {
			return journal.Entry{}, err
		}
		b.Note, b.Payload = why, nil
		return journal.Entry{Data: map[string]string{"why": why}}, nil
	})
}

// Cancel (thu hồi) takes a bulletin off the line: its slots leave the plans. What
// is sounding at this moment plays on; StopNow silences it.
func (f *Flow) Cancel(ctx context.Context, who loa.Actor, id, why string) (Bulletin, error) {
	why, err := reason(why)
	if err != nil {
		return Bulletin{}, err
	}
	return f.step(ctx, who, id, cancel, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		right := loa.RightDispatch
		if b.Author == who.ID {
			right = loa.RightWrite
		}
		if err := who.Must(right, b.Path); err != nil {
			return journal.Entry{}, err
		}
		b.Note = why
		emits, err := f.withdraw(tx, b)
		return journal.Entry{Data: map[string]string{"why": why}, Emits: emits}, err
	})
}

// withdraw cancels the slots of b that lie ahead and writes the plans of their
// communes anew, without b. A slot that has begun is not called cancelled: it
// sounded.
func (f *Flow) withdraw(tx *db.Tx, b *Bulletin) ([]journal.Emit, error) {
	slots, err := slotsOf(tx, b.ID)
	if err != nil {
		return nil, err
	}
	communes := communesOf(slots)
	for _, c := range communes {
		if err := holdStation(tx, c); err != nil {
			return nil, err
		}
	}
	if _, err := tx.Exec(`UPDATE slot SET cancelled_at = ? WHERE bulletin_id = ? AND start_ms > ? AND cancelled_at IS NULL`,
		tx.NowMS(), b.ID, tx.NowMS()); err != nil {
		return nil, fmt.Errorf("cancel slots: %w", err)
	}
	if _, err := tx.Exec(`DELETE FROM unplaced WHERE bulletin_id = ?`, b.ID); err != nil {
		return nil, err
	}
	_, emits, err := f.plans(tx, communes, "", b.ID)
	return emits, err
}

// DraftStop writes the stop warrant (lệnh dừng) for a bulletin that may be
// sounding and returns its bytes for a person's passkey.
func (f *Flow) DraftStop(ctx context.Context, who loa.Actor, id string) (payload []byte, err error) {
	err = f.DB.Write(ctx, func(tx *db.Tx) error {
		b, err := hold(tx, id)
		if err != nil {
			return err
		}
		if err := b.may(stop); err != nil {
			return err
		}
		if err := who.Must(loa.RightDispatch, b.Path); err != nil {
			return err
		}
		seq, err := speaker.NextNow(tx, b.Path)
		if err != nil {
			return err
		}
		w := wire.Warrant{V: wire.Version, Kind: "stop", ID: loa.NewID(tx.Now()), Class: b.Class, Issuer: b.Path, Author: who.ID,
			Title: b.Title, Scope: b.places(), From: tx.NowMS(), Until: b.Until + 1, Stops: []string{b.Warrant},
			Now: true, Seq: seq, Approval: "passkey"}
		if err := w.Check(); err != nil {
			return err
		}
		if payload, err = wire.Encode(w); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE bulletin SET stop_payload = ? WHERE id = ?`, payload, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("draft stop: %w", err)
	}
	return payload, nil
}

// StopNow (dừng phát) has the stop sealed and sends it to every place the
// bulletin means; its slots leave the plans with the same commit.
func (f *Flow) StopNow(ctx context.Context, who loa.Actor, id, why string, yes wire.Approval) (Bulletin, error) {
	ctx = db.Ahead(ctx) // somebody waits for silence
	why, err := reason(why)
	if err != nil {
		return Bulletin{}, err
	}
	b, err := f.Find(ctx, who, id)
	if err != nil {
		return Bulletin{}, err
	}
	if b.StopBytes == nil {
		return Bulletin{}, loa.Errorf(loa.Conflict, "stop.no_draft")
	}
	w, err := wire.ReadWarrant(b.StopBytes)
	if err != nil {
		return Bulletin{}, err
	}
	if err := errors.Join(b.may(stop), who.Must(loa.RightDispatch, b.Path)); err != nil {
		return Bulletin{}, err
	}
	sealed, err := f.Signer.Seal(ctx, wire.WarrantType, b.StopBytes, []wire.Approval{yes})
	if err != nil {
		return Bulletin{}, fmt.Errorf("seal stop: %w", err)
	}
	return f.step(ctx, who, id, stop, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		if err := who.Must(loa.RightDispatch, b.Path); err != nil {
			return journal.Entry{}, err
		}
		b.Note, b.StopBytes = why, nil
		emits, err := f.withdraw(tx, b)
		if err != nil {
			return journal.Entry{}, err
		}
		now, err := speaker.HoldNow(tx, f.Keys, w, sealed)
		if err != nil {
			return journal.Entry{}, err
		}
		return journal.Entry{Data: map[string]string{"why": why, "stop": loa.Hash(sealed)}, Emits: append(now, emits...)}, nil
	})
}

// Expire ends every bulletin whose last day has passed (hết hạn phát) and says
// how many. The warrant's own date silenced the speakers already.
func (f *Flow) Expire(ctx context.Context) (n int, err error) {
	var ids []string
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		ids, err = pastUntil(tx)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("expire: %w", err)
	}
	for _, id := range ids {
		_, err := f.step(ctx, loa.System(), id, expire, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
			if b.Until > tx.NowMS() {
				return journal.Entry{}, loa.Errorf(loa.Conflict, "bulletin.moved", string(b.State))
			}
			emits, err := f.withdraw(tx, b)
			return journal.Entry{Emits: emits}, err
		})
		switch {
		case err == nil:
			n++
		case loa.KeyOf(err) != "bulletin.moved": // somebody moved it meanwhile: fine
			return n, err
		}
	}
	return n, nil
}
