package speaker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
		payload, err = draft(tx, who, box, revoke)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("draft placement: %w", err)
	}
	return payload, nil
}

// DraftTogether writes the placements of several boxes and the bytes that one
// touch approves for all of them (wire.Batch).
func (r *Register) DraftTogether(ctx context.Context, who loa.Actor, boxes []string) (batch []byte, err error) {
	if len(boxes) == 0 {
		return nil, loa.Errorf(loa.Invalid, "box.none_chosen")
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		var hashes []string
		for _, id := range slices.Compact(slices.Sorted(slices.Values(boxes))) { // all lock in the same order
			b, err := findBox(tx, id)
			if err != nil {
				return err
			}
			old, err := placedBeside(tx, b)
			if err != nil {
				return err
			}
			if old != "" && b.State == Waiting {
				return loa.Errorf(loa.Conflict, "box.swap_alone", b.Pole.Name)
			}
			if b.Mic { // the signer looks at each of them by itself
				return loa.Errorf(loa.Conflict, "box.mic_alone", b.Pole.Name)
			}
			payload, err := draft(tx, who, id, false)
			if err != nil {
				return err
			}
			hashes = append(hashes, loa.Hash(payload))
		}
		batch, err = wire.Batch(wire.PlacementType, hashes)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("draft placements: %w", err)
	}
	return batch, nil
}

// DraftSwap (thay máy) writes the placement of a box that takes the place of
// another and the one that takes the other away, and the bytes that one touch
// approves for both. Where no other box is at work it is DraftPlacement, and
// swap is false.
func (r *Register) DraftSwap(ctx context.Context, who loa.Actor, box string) (payload []byte, swap bool, err error) {
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		b, err := findBox(tx, box)
		if err != nil {
			return err
		}
		old, err := placedBeside(tx, b)
		if err != nil {
			return err
		}
		if swap = old != ""; !swap || b.State != Waiting {
			swap = false
			payload, err = draft(tx, who, box, false)
			return err
		}
		gone, err := draft(tx, who, old, true) // the older id first, as everywhere
		if err != nil {
			return err
		}
		if payload, err = draft(tx, who, box, false); err != nil {
			return err
		}
		payload, err = wire.Batch(wire.PlacementType, []string{loa.Hash(gone), loa.Hash(payload)})
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("draft swap: %w", err)
	}
	return payload, swap, nil
}

// placedBeside is the box at work on the pole of another, "" for none.
func placedBeside(tx *db.Tx, b Box) (id string, err error) {
	err = tx.Row(`SELECT id FROM box WHERE pole_id = ? AND state = ? AND id <> ? ORDER BY id DESC LIMIT 1`, b.Pole.ID, Placed, b.ID).Scan(&id)
	if errors.Is(err, db.ErrNone) {
		return "", nil
	}
	return id, err
}

// draft writes the placement of one box that waits for an approval.
func draft(tx *db.Tx, who loa.Actor, box string, revoke bool) ([]byte, error) {
	if err := tx.Lock("box", box); err != nil && !errors.Is(err, db.ErrNone) {
		return nil, err
	}
	b, err := findBox(tx, box)
	if err != nil {
		return nil, err
	}
	if err := who.Must(loa.RightSpeakers, b.Pole.Path); err != nil {
		return nil, err
	}
	if b.State == Revoked {
		return nil, loa.Errorf(loa.Conflict, "box.revoked")
	}
	p := wire.Placement{
		V: wire.Version, Kind: "placement", Device: b.ID, Pole: b.Pole.ID, Code: b.Pole.Code, Name: b.Pole.Name,
		Key: b.Key, Version: rise(tx, b.Version), Paths: b.Pole.paths(),
		At: b.Pole.At, Cap: b.Pole.Cap, Volumes: b.Pole.Volumes, LocalMic: b.Mic && !revoke, Revoked: revoke,
	}
	if p.Hours, err = ownHours(tx, p.Code); err != nil {
		return nil, err
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	payload, err := wire.Encode(p)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(`UPDATE box SET draft = ?, draft_hash = ? WHERE id = ?`, payload, loa.Hash(payload), box)
	return payload, err
}

// AllowMic says whether a box at work may have a microphone of its own: for whoever
// manages speakers there. The box learns of it by its placement, which an officer then
// confirms with a passkey as any other change; until then it keeps to what was sealed.
func (r *Register) AllowMic(ctx context.Context, who loa.Actor, box string, allow bool) error {
	err := r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if err := tx.Lock("box", box); err != nil && !errors.Is(err, db.ErrNone) {
			return journal.Entry{}, err
		}
		b, err := findBox(tx, box)
		if err != nil {
			return journal.Entry{}, err
		}
		if err := who.Must(loa.RightSpeakers, b.Pole.Path); err != nil {
			return journal.Entry{}, err
		}
		if b.State != Placed {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "box.revoked")
		}
		if b.Mic == allow {
			return journal.Entry{}, nil // pressed twice
		}
		mic, verb := 0, "speaker.mic_refused"
		if allow {
			mic, verb = 1, "speaker.mic_allowed"
		}
		_, err = tx.Exec(`UPDATE box SET mic = ?, stale = 1 WHERE id = ?`, mic, box)
		return journal.Entry{Verb: verb, Path: b.Pole.Path, Subject: box}, err
	})
	if err != nil {
		return fmt.Errorf("allow microphone: %w", err)
	}
	return nil
}

// Confirm has the signer seal the drafted placement with the officer's approval
// and hands it to the box: from now on the box belongs to its pole.
func (r *Register) Confirm(ctx context.Context, who loa.Actor, box string, approval wire.Approval) error {
	drafts, err := r.drafts(ctx, who, `id = ?`, box)
	if err != nil {
		return fmt.Errorf("confirm placement: %w", err)
	}
	if len(drafts) == 0 {
		return loa.Errorf(loa.NotFound, "box.no_draft")
	}
	d := drafts[0]
	if d.sealed, err = r.Signer.Seal(ctx, wire.PlacementType, d.payload, []wire.Approval{approval}); err != nil {
		return fmt.Errorf("seal placement: %w", err)
	}
	_, err = r.place(ctx, who, []drafted{d}, true)
	return err
}

// ConfirmSwap takes the one approval of a swap: either the new box is placed and
// the old one taken away, or nothing happened.
func (r *Register) ConfirmSwap(ctx context.Context, who loa.Actor, approval wire.Approval) error {
	drafts, err := r.sealAll(ctx, who, approval)
	if err != nil {
		return err
	}
	if len(drafts) != 2 {
		return loa.Errorf(loa.Conflict, "box.changed_meanwhile")
	}
	_, err = r.place(ctx, who, drafts, true)
	return err
}

// ConfirmTogether takes the one approval of several placements and tells how
// many boxes it placed. A box that was changed meanwhile, or drafted anew, is
// left out and holds up no other.
func (r *Register) ConfirmTogether(ctx context.Context, who loa.Actor, approval wire.Approval) (placed int, err error) {
	drafts, err := r.sealAll(ctx, who, approval)
	if err != nil {
		return 0, err
	}
	return r.place(ctx, who, drafts, false)
}

// drafted is a placement on its way: what waits for approval, and its seal.
type drafted struct {
	box, hash       string
	payload, sealed []byte
	wire.Placement
}

// drafts reads the placements that wait, which this officer may confirm: whoever
// lacks the right is told so before the signer is asked for anything.
func (r *Register) drafts(ctx context.Context, who loa.Actor, where string, args ...any) (all []drafted, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT id, draft_hash, draft FROM box WHERE draft IS NOT NULL AND `+where+` ORDER BY id`, args,
			func(scan func(...any) error) (d drafted, err error) { return d, scan(&d.box, &d.hash, &d.payload) })
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Placement, err = wire.ReadPlacement(all[i].payload); err != nil {
			return nil, err
		}
		if err := who.Must(loa.RightSpeakers, all[i].Paths[0]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// sealAll has the signer seal what one approval's batch names.
func (r *Register) sealAll(ctx context.Context, who loa.Actor, approval wire.Approval) ([]drafted, error) {
	hashes, err := wire.ReadBatch(approval.Batch, wire.PlacementType)
	if err != nil {
		return nil, err
	}
	args := make([]any, len(hashes))
	for i, h := range hashes {
		args[i] = h
	}
	drafts, err := r.drafts(ctx, who, `draft_hash IN (?`+strings.Repeat(", ?", len(hashes)-1)+`)`, args...)
	if err != nil {
		return nil, fmt.Errorf("confirm placements: %w", err)
	}
	if len(drafts) == 0 {
		return nil, loa.Errorf(loa.NotFound, "box.no_draft")
	}
	for i := range drafts {
		if drafts[i].sealed, err = r.Signer.Seal(ctx, wire.PlacementType, drafts[i].payload, []wire.Approval{approval}); err != nil {
			return nil, fmt.Errorf("seal placement: %w", err)
		}
	}
	return drafts, nil
}

// place writes sealed placements down and rings for them, once for each commune.
// One that is no longer the newest fails the whole, or is left out.
func (r *Register) place(ctx context.Context, who loa.Actor, all []drafted, whole bool) (placed int, err error) {
	err = r.writeAll(ctx, who, func(tx *db.Tx) ([]journal.Entry, error) {
		var entries []journal.Entry
		last := map[loa.Path]int{} // of a commune: the entry that carries its beacon
		for _, d := range all {
			if err := tx.Lock("box", d.box); err != nil {
				return nil, err
			}
			b, err := findBox(tx, d.box)
			if err != nil {
				return nil, err
			}
			if err := who.Must(loa.RightSpeakers, b.Pole.Path); err != nil {
				return nil, err
			}
			if d.Version <= b.Version {
				if whole {
					return nil, loa.Errorf(loa.Conflict, "box.changed_meanwhile")
				}
				continue
			}
			verb, state := "speaker.placed", Placed
			first, gone := b.Placed, int64(0)
			if first == 0 {
				first = tx.NowMS()
			}
			if d.Revoked {
				verb, state, gone = "speaker.revoked", Revoked, tx.NowMS()
			}
			same, err := sealedAs(tx, b.Pole, d.Placement)
			if err != nil {
				return nil, err
			}
			if _, err := tx.Exec(`UPDATE box SET state = ?, version = ?, placement = ?, draft = NULL, draft_hash = '', stale = ?, placed_at = ?, revoked_at = ? WHERE id = ?`,
				state, d.Version, d.sealed, !same || d.LocalMic != b.Mic && !d.Revoked, first, gone, d.box); err != nil {
				return nil, err
			}
			if err := expectBeats(tx, d.box); err != nil {
				return nil, err
			}
			last[b.Pole.Path.Commune()] = len(entries)
			entries = append(entries, journal.Entry{Verb: verb, Path: b.Pole.Path, Subject: d.box, Data: d.Placement})
		}
		communes := make([]loa.Path, 0, len(last))
		for c := range last {
			communes = append(communes, c)
		}
		slices.Sort(communes)
		for _, commune := range communes {
			if err := lockCommune(tx, commune); err != nil {
				return nil, err
			}
			if _, err := tx.Exec(`UPDATE commune SET placements = placements + 1 WHERE path = ?`, commune); err != nil {
				return nil, err
			}
			beacon, err := WriteBeacon(tx, r.Keys, commune)
			if err != nil {
				return nil, err
			}
			entries[last[commune]].Emits = []journal.Emit{beacon}
		}
		placed = len(entries)
		return entries, nil
	})
	if err != nil {
		return 0, fmt.Errorf("confirm placement: %w", err)
	}
	return placed, nil
}
