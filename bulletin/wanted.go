package bulletin

// Beside the line: sessions chosen while composing. After sealing, the bulletin
// goes into them by itself; what does not fit is said, never dropped.

import (
	"context"
	"fmt"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
)

// Unplaced is a wanted session a bulletin did not get, or fell out of.
type Unplaced struct {
	Bulletin string
	Title    string
	Commune  loa.Path
	Session  string // "2026-11-23/morning"
	Why      string // key of the reason
	At       int64
}

// Place puts a sealed bulletin into the sessions wanted for it, each by itself:
// one that is full does not keep it from the others. A second call finds
// nothing left to do.
func (f *Flow) Place(ctx context.Context, id string) (b Bulletin, err error) {
	var row string
	var entry journal.Entry
	err = f.DB.Write(ctx, func(tx *db.Tx) error {
		if b, err = hold(tx, id); err != nil {
			return err
		}
		if err := b.may(schedule); err != nil {
			return err
		}
		if len(b.Wanted) == 0 {
			return loa.Errorf(loa.Conflict, "schedule.empty")
		}
		placed, missed, err := f.placeWanted(tx, &b)
		if err != nil {
			return err
		}
		entry = journal.Entry{Verb: "bulletin.unplaced", Path: b.Path, Subject: b.ID, Data: map[string]any{"placed": placed, "missed": missed}}
		if len(placed) > 0 {
			b.State, entry.Verb = schedule.to(), "bulletin."+string(schedule)
		}
		b.Wanted, b.ChangedAt = nil, tx.NowMS()
		if err := store(tx, b); err != nil {
			return err
		}
		row, err = journal.Append(tx, loa.System(), entry)
		return err
	})
	if err != nil {
		return Bulletin{}, fmt.Errorf("place bulletin: %w", err)
	}
	f.Said(row, entry)
	return b, nil
}

// placeWanted tries each wanted session of each commune, and notes what was missed.
func (f *Flow) placeWanted(tx *db.Tx, b *Bulletin) (placed []Item, missed map[string]string, err error) {
	communes, err := speaker.Communes(tx, b.places())
	if err != nil {
		return nil, nil, err
	}
	missed = map[string]string{}
	for _, c := range communes {
		for _, choice := range b.Wanted {
			it, err := f.place(tx, b, c, choice)
			if err == nil {
				placed = append(placed, it)
				continue
			}
			if code := loa.CodeOf(err); code != loa.Conflict && code != loa.Invalid {
				return nil, nil, err
			}
			key := choice.Day + "/" + choice.Part
			missed[string(c)+" "+key] = loa.KeyOf(err)
			if err := keepUnplaced(tx, b.ID, c, key, loa.KeyOf(err)); err != nil {
				return nil, nil, err
			}
		}
	}
	return placed, missed, nil
}

// Waiting lists sealed bulletins that were not put into their wanted sessions
// yet: the work of the job that finishes what a crash left.
func (f *Flow) Waiting(ctx context.Context) (ids []string, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		ids, err = db.All(tx, `SELECT id FROM bulletin WHERE state = ? AND wanted <> '' ORDER BY id LIMIT 100`, []any{string(Sealed)},
			func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
		return err
	})
	return ids, err
}

// UnplacedAt lists what found no place in a commune's sessions and nobody put away.
func (f *Flow) UnplacedAt(ctx context.Context, commune loa.Path) ([]Unplaced, error) {
	return f.unplaced(ctx, `unplaced.commune = ?`, string(commune))
}

// UnplacedOf lists the sessions a bulletin found no place in.
func (f *Flow) UnplacedOf(ctx context.Context, bulletin string) ([]Unplaced, error) {
	return f.unplaced(ctx, `unplaced.bulletin_id = ?`, bulletin)
}

func (f *Flow) unplaced(ctx context.Context, where, arg string) (all []Unplaced, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT unplaced.bulletin_id, bulletin.title, unplaced.commune, unplaced.session, unplaced.why, unplaced.at
			FROM unplaced JOIN bulletin ON bulletin.id = unplaced.bulletin_id WHERE unplaced.seen_at = 0 AND `+where+` ORDER BY unplaced.at, unplaced.session`,
			[]any{arg}, func(scan func(...any) error) (u Unplaced, err error) {
				return u, scan(&u.Bulletin, &u.Title, &u.Commune, &u.Session, &u.Why, &u.At)
			})
		return err
	})
	return all, err
}

// PutAway notes that somebody saw what found no place.
func (f *Flow) PutAway(ctx context.Context, who loa.Actor, bulletin string, commune loa.Path, session string) error {
	entry := journal.Entry{Verb: "session.missed_seen", Subject: bulletin, Data: map[string]string{"session": session}}
	return f.write(ctx, who, commune, entry, func(tx *db.Tx) error {
		n, err := tx.Exec(`UPDATE unplaced SET seen_at = ? WHERE bulletin_id = ? AND commune = ? AND session = ?`, tx.NowMS(), bulletin, commune, session)
		if err == nil && n == 0 {
			err = loa.Errorf(loa.NotFound, "session.no_item")
		}
		return err
	})
}
