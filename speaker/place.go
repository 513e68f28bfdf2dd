package speaker

import (
	"context"
	"errors"
	"fmt"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/wire"
)

// DraftPlacement writes the placement an officer is about to confirm (or, with
// revoke, the one that silences a box taken away) and returns its bytes: the
// officer's passkey approves exactly these.
func (r *Register) DraftPlacement(ctx context.Context, who loa.Actor, box string, revoke bool) (payload []byte, err error) {
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("box", box); err != nil && !errors.Is(err, db.ErrNone) {
			return err
		}
		b, err := findBox(tx, box)
		if err != nil {
			return err
		}
		if err := who.Must(loa.RightSpeakers, b.Pole.Path); err != nil {
			return err
		}
		if b.State == Revoked {
			return loa.Errorf(loa.Conflict, "box.revoked")
		}
		p := wire.Placement{
			V: wire.Version, Kind: "placement", Device: b.ID, Pole: b.Pole.ID, Code: b.Pole.Code, Name: b.Pole.Name,
			Key: b.Key, Version: rise(tx, b.Version), Paths: b.Pole.paths(),
			At: b.Pole.At, Cap: b.Pole.Cap, Volumes: b.Pole.Volumes, Revoked: revoke,
		}
		if p.Hours, err = ownHours(tx, p.Code); err != nil {
			return err
		}
		if err := p.Check(); err != nil {
			return err
		}
		if payload, err = wire.Encode(p); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE box SET draft = ? WHERE id = ?`, payload, box)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("draft placement: %w", err)
	}
	return payload, nil
}

// Confirm has the signer seal the drafted placement with the officer's approval
// and hands it to the box: from now on the box belongs to its pole.
func (r *Register) Confirm(ctx context.Context, who loa.Actor, box string, approval wire.Approval) error {
	var payload []byte
	err := r.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.Row(`SELECT draft FROM box WHERE id = ?`, box).Scan(&payload)
	})
	if errors.Is(err, db.ErrNone) || err == nil && payload == nil {
		return loa.Errorf(loa.NotFound, "box.no_draft")
	}
	if err != nil {
		return fmt.Errorf("confirm placement: %w", err)
	}
	placement, err := wire.ReadPlacement(payload)
	if err != nil {
		return err
	}
	if err := who.Must(loa.RightSpeakers, placement.Paths[0]); err != nil {
		return err
	}
	sealed, err := r.Signer.Seal(ctx, wire.PlacementType, payload, []wire.Approval{approval})
	if err != nil {
		return fmt.Errorf("seal placement: %w", err)
	}
	err = r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if err := tx.Lock("box", box); err != nil {
			return journal.Entry{}, err
		}
		b, err := findBox(tx, box)
		if err != nil {
			return journal.Entry{}, err
		}
		if err := who.Must(loa.RightSpeakers, b.Pole.Path); err != nil {
			return journal.Entry{}, err
		}
		if placement.Version <= b.Version {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "box.changed_meanwhile")
		}
		entry := journal.Entry{Verb: "speaker.placed", Path: b.Pole.Path, Subject: box, Data: placement}
		state := Placed
		if placement.Revoked {
			state, entry.Verb = Revoked, "speaker.revoked"
		}
		if _, err := tx.Exec(`UPDATE box SET state = ?, version = ?, placement = ?, draft = NULL, stale = ? WHERE id = ?`,
			state, placement.Version, sealed, !b.Pole.sealedAs(placement), box); err != nil {
			return journal.Entry{}, err
		}
		if err := expectBeats(tx, box); err != nil {
			return journal.Entry{}, err
		}
		commune := b.Pole.Path.Commune()
		if err := lockCommune(tx, commune); err != nil {
			return journal.Entry{}, err
		}
		if _, err := tx.Exec(`UPDATE commune SET placements = placements + 1 WHERE path = ?`, commune); err != nil {
			return journal.Entry{}, err
		}
		beacon, err := WriteBeacon(tx, r.Keys, commune)
		entry.Emits = []journal.Emit{beacon}
		return entry, err
	})
	if err != nil {
		return fmt.Errorf("confirm placement: %w", err)
	}
	return nil
}
