package bulletin

// Beside the line: everything that waits for one person, and one yes to all of it
// (duyệt cả buổi, "6 tin, 4 phút 50").

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/wire"
)

// Waiting is a bulletin that waits for a person's approval.
type Waiting struct {
	Bulletin
	Payload  string   // hash of the bytes
	How      string   // how the person came to know them: "", heard, read
	Each     []string // the same of each language
	MustHear bool     // reading is not enough
	Grant    *Grant   // under which the person would approve, nil by their own right
	StandsIn loa.Path // the place above whose right would be used, "" for the place's own people
}

// Known reports whether the person knows enough of it to say yes.
func (w Waiting) Known() bool { return w.How == Heard || w.How == Read && !w.MustHear }

// WaitingFor lists what the person may approve now, at or below their places, or
// under a grant; the oldest first, no more than one yes can cover. Not their own,
// unless it was approved in advance.
func (f *Flow) WaitingFor(ctx context.Context, who loa.Actor) (all []Waiting, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all = nil
		places := slices.Clone(who.Places(loa.RightApprove))
		granted, err := grants(tx, `delegate = ? AND until_ms > ? AND given_at IS NOT NULL AND ended_at IS NULL`, who.ID, tx.NowMS())
		if err != nil {
			return err
		}
		for _, g := range granted {
			places = append(places, g.Paths...)
		}
		if len(places) == 0 {
			return nil
		}
		var where []string
		args := []any{string(Submitted), tx.NowMS()}
		for _, p := range places {
			from, to := db.PrefixRange(string(p))
			where, args = append(where, `path = ? OR path >= ? AND path < ?`), append(args, p, from, to)
		}
		open, err := db.All(tx, `SELECT `+columns+` FROM bulletin WHERE state = ? AND until_ms > ? AND (`+strings.Join(where, " OR ")+`)
			ORDER BY id LIMIT 200`, args, scan)
		if err == nil {
			err = withRenditions(tx, open)
		}
		if err != nil {
			return err
		}
		for _, b := range open {
			w, err := waiting(tx, who, b)
			if err != nil {
				return err
			}
			if w != nil && len(all) < wire.MaxBatch {
				all = append(all, *w)
			}
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b Waiting) int { return -compareBool(a.Class == wire.Priority, b.Class == wire.Priority) })
	return all, err
}

// waiting is a bulletin as it waits for this person, nil if it does not.
func waiting(tx *db.Tx, who loa.Actor, b Bulletin) (*Waiting, error) {
	w := Waiting{Bulletin: b, Payload: loa.Hash(b.Payload)}
	var err error
	if w.Grant, err = grantFor(tx, who, b); err != nil {
		return nil, err
	}
	if w.Grant == nil && (b.Author == who.ID || !who.May(loa.RightApprove, b.Path)) {
		return nil, nil
	}
	if w.Grant == nil {
		w.StandsIn = b.standsIn(who)
	}
	if w.Each, err = hearings(tx, b, who.ID); err != nil {
		return nil, err
	}
	w.How = known(w.Each)
	w.MustHear, err = b.mustHear(tx)
	return &w, err
}

// WaitingOne is a bulletin as it waits for this person, nil if it does not.
func (f *Flow) WaitingOne(ctx context.Context, who loa.Actor, id string) (w *Waiting, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		w = nil
		b, err := load(tx, id)
		if err != nil || b.State != Submitted {
			return err
		}
		w, err = waiting(tx, who, b)
		return err
	})
	return w, err
}

// Together writes the bytes that stand for all of the given bulletins that wait
// for the person and that they know: what was not heard is left out, and how many
// those are is said.
func (f *Flow) Together(ctx context.Context, who loa.Actor, ids []string) (batch []byte, chosen []Waiting, left int, err error) {
	all, err := f.WaitingFor(ctx, who)
	if err != nil {
		return nil, nil, 0, err
	}
	var hashes []string
	for _, w := range all {
		switch {
		case len(ids) > 0 && !slices.Contains(ids, w.ID):
		case !w.Known():
			left++
		default:
			hashes, chosen = append(hashes, w.Payload), append(chosen, w)
		}
	}
	if len(hashes) == 0 {
		return nil, nil, left, loa.Errorf(loa.Conflict, "approve.nothing_heard")
	}
	batch, err = wire.Batch(wire.WarrantType, hashes)
	return batch, chosen, left, err
}

// Outcome is what became of one bulletin of a batch.
type Outcome struct {
	Bulletin
	Err error // nil: approved, and sealed unless the signer is away
}

// ApproveTogether takes one yes to everything its batch names and that still
// waits. Each bulletin is approved and sealed by itself: one that somebody else
// was quicker with holds up no other.
func (f *Flow) ApproveTogether(ctx context.Context, who loa.Actor, yes wire.Approval) (all []Outcome, err error) {
	hashes, err := wire.ReadBatch(yes.Batch, wire.WarrantType)
	if err != nil {
		return nil, err
	}
	named, err := f.named(ctx, hashes)
	if err != nil {
		return nil, fmt.Errorf("approve together: %w", err)
	}
	for _, b := range named {
		_, err := f.Approve(ctx, who, b.ID, yes)
		if err == nil {
			_, err = f.Sign(ctx, b.ID)
		}
		switch loa.CodeOf(err) {
		case loa.Internal:
			if err != nil {
				return all, err
			}
			all = append(all, Outcome{Bulletin: b})
		case loa.Unavailable: // the signer is away: a job of the node has it sealed later
			all = append(all, Outcome{Bulletin: b})
		default:
			all = append(all, Outcome{b, err})
		}
	}
	if len(all) == 0 {
		return nil, loa.Errorf(loa.Conflict, "approve.nothing_waits")
	}
	return all, nil
}

// named are the waiting bulletins of whose bytes these are the hashes.
func (f *Flow) named(ctx context.Context, hashes []string) (all []Bulletin, err error) {
	args := []any{string(Submitted)}
	for _, h := range hashes {
		args = append(args, h)
	}
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT `+columns+` FROM bulletin WHERE state = ? AND id IN (SELECT bulletin_id FROM bulletin_version
			WHERE payload_hash IN (?`+strings.Repeat(", ?", len(hashes)-1)+`)) ORDER BY id`, args, scan)
		all = slices.DeleteFunc(all, func(b Bulletin) bool { return !slices.Contains(hashes, loa.Hash(b.Payload)) })
		return err
	})
	return all, err
}
