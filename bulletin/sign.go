package bulletin

// Stage 3 of 7: sign. Before: approve.go. After: schedule.go.
// On screen nobody signs: the page says "duyệt", and "khóa nội dung" if it must.

import (
	"context"
	"fmt"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/speaker"
	"loa/wire"
)

// Sign has the signer seal exactly the approved bytes; the sealed warrant is
// kept by its hash, and goes into the sessions wanted for it. One that replaces another takes its slots in the same
// transaction. If the signer does not believe the approval, the bulletin
// goes back to waiting and the refusal stays with the evidence.
func (f *Flow) Sign(ctx context.Context, id string) (Bulletin, error) {
	var b Bulletin
	var yes []wire.Approval
	err := f.DB.Read(ctx, func(tx *db.Tx) (err error) {
		yes = nil
		if b, err = load(tx, id); err != nil {
			return err
		}
		given, err := approvals(tx, id, loa.Hash(b.Payload))
		for _, a := range given {
			yes = append(yes, a.Yes)
		}
		return err
	})
	if err != nil {
		return Bulletin{}, fmt.Errorf("sign bulletin: %w", err)
	}
	if err := b.may(sealWarrant); err != nil {
		return Bulletin{}, err
	}
	sealed, err := f.Signer.Seal(ctx, wire.WarrantType, b.Payload, yes)
	if code := loa.CodeOf(err); err != nil && (code == loa.Forbidden || code == loa.Invalid || code == loa.NotFound) {
		return Bulletin{}, f.disbelieve(ctx, id, err)
	}
	if err != nil {
		return Bulletin{}, fmt.Errorf("sign bulletin: %w", err) // the signer is away: a job tries again
	}
	var s succession
	b, err = f.step(ctx, loa.System(), id, sealWarrant, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		o, err := seal.Open(sealed, seal.MaxDocument)
		if err != nil {
			return journal.Entry{}, err
		}
		if loa.Hash(o.Payload) != loa.Hash(b.Payload) {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "bulletin.changed_meanwhile")
		}
		if b.Warrant, err = speaker.Keep(tx, wire.WarrantType, b.Path, sealed); err != nil {
			return journal.Entry{}, err
		}
		if s, err = f.succeed(tx, loa.System(), b); err != nil {
			return journal.Entry{}, err
		}
		data := map[string]any{"warrant": b.Warrant}
		if s.row != "" {
			data["replaces"], data["taken"], data["left"] = s.entry.Subject, s.taken, s.left
		}
		return journal.Entry{Data: data, Emits: s.emits}, b.offer(tx)
	})
	if err == nil && s.row != "" {
		f.Said(s.row, s.entry)
	}
	if err != nil || len(b.Wanted) == 0 {
		return b, err
	}
	return f.send(ctx, b)
}

// send takes a sealed bulletin on by itself, into the sessions wanted for it
// and down to the speakers. What fails here a job takes up again.
func (f *Flow) send(ctx context.Context, b Bulletin) (Bulletin, error) {
	placed, err := f.Place(ctx, b.ID)
	if err != nil || placed.State != Scheduled {
		return b, nil //nolint:nilerr // it is sealed, which is what was asked; the rest is tried again
	}
	if sent, err := f.Dispatch(ctx, b.ID); err == nil {
		return sent, nil
	}
	return placed, nil
}

// disbelieve records that the signer refused and hands the bulletin back; the
// signer's reason is what the caller sees.
func (f *Flow) disbelieve(ctx context.Context, id string, why error) error {
	_, err := f.step(ctx, loa.System(), id, disbelieve, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		_, err := tx.Exec(`UPDATE approval SET refused = ? WHERE bulletin_id = ? AND payload_hash = ? AND refused = ''`,
			loa.KeyOf(why), b.ID, loa.Hash(b.Payload))
		return journal.Entry{Data: map[string]string{"why": loa.KeyOf(why)}}, err
	})
	if err != nil {
		return err
	}
	return why
}

// Unsigned lists approved bulletins whose warrant is still missing: the work of
// the job that tries again when the signer was away.
func (f *Flow) Unsigned(ctx context.Context) (ids []string, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		ids, err = idsIn(tx, Approved)
		return err
	})
	return ids, err
}
