package unit

import (
	"context"
	"fmt"
	"slices"

	"loa"
	"loa/db"
	"loa/journal"
)

// AddHamlet adds a hamlet below a commune, a former commune or another hamlet,
// from now on. It needs people.manage there, because a hamlet is what posts and
// rights are given over.
func (r *Register) AddHamlet(ctx context.Context, who loa.Actor, parent loa.Path, t Type, name string) (u Unit, err error) {
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if err := must(who, loa.RightPeople, parent); err != nil {
			return err
		}
		u, err = add(tx, parent, Unit{Level: Hamlet, Type: t, Name: name})
		if err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: "unit.hamlet_added", Path: u.Path, Subject: string(u.Path),
			Data: map[string]any{"type": u.Type, "name": u.Name}})
		return err
	})
	if err != nil {
		return Unit{}, taken(fmt.Errorf("add hamlet: %w", err), name)
	}
	return u, nil
}

// AddZone names a set of hamlets and former communes of one commune ("ven
// sông"), from now on. It needs speaker.manage there: a zone is a group of
// speakers to the people who use it.
func (r *Register) AddZone(ctx context.Context, who loa.Actor, commune loa.Path, name string, members []loa.Path) (u Unit, err error) {
	members = slices.Compact(slices.Sorted(slices.Values(members)))
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if err := must(who, loa.RightSpeakers, commune); err != nil {
			return err
		}
		u, err = add(tx, commune, Unit{Level: Zone, Type: SpeakerGroup, Name: name})
		if err != nil {
			return err
		}
		if len(members) == 0 {
			return loa.Errorf(loa.Invalid, "unit.zone_empty", u.Name)
		}
		rows := make([][]any, len(members))
		for i, m := range members {
			place, err := FindTx(tx, m)
			if err != nil {
				return err
			}
			if !commune.Covers(m) || place.Level != Hamlet && place.Level != Former {
				return loa.Errorf(loa.Invalid, "unit.member_outside", place.FullName())
			}
			rows[i] = []any{string(u.Path), string(m)}
		}
		if err := tx.Insert("zone_member", []string{"zone", "member"}, rows); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: "unit.zone_added", Path: u.Path, Subject: string(u.Path),
			Data: map[string]any{"name": u.Name, "members": members}})
		return err
	})
	if err != nil {
		return Unit{}, taken(fmt.Errorf("add zone: %w", err), name)
	}
	return u, nil
}

// add gives u a path of its own below parent and writes it.
func add(tx *db.Tx, parent loa.Path, u Unit) (Unit, error) {
	above, err := FindTx(tx, parent)
	if err != nil {
		return Unit{}, err
	}
	if !u.Level.under(above.Level) {
		return Unit{}, loa.Errorf(loa.Invalid, "unit.parent_level", above.FullName(), string(u.Level))
	}
	u.Parent, u.From = parent, tx.Now()
	u.Path = own(tx, parent, u.Level)
	u.Name = cleanName(u.Type, u.Name)
	if err := u.check(); err != nil {
		return Unit{}, err
	}
	return u, insertUnits(tx, []Unit{u})
}

// own is a new path of ours below parent.
func own(tx *db.Tx, parent loa.Path, l Level) loa.Path {
	marker := "/h/"
	if l == Zone {
		marker = "/z/"
	}
	return parent + loa.Path(marker+loa.NewID(tx.Now()))
}

// must is Actor.Must, but lets the program's own jobs build the register: the
// list that comes with Loa, the demo, a restore.
func must(who loa.Actor, right loa.Right, path loa.Path) error {
	if who.ID == loa.System().ID {
		return nil
	}
	return who.Must(right, path)
}

// taken turns a row that is already there into a sentence.
func taken(err error, name string) error {
	if db.IsUnique(err) {
		return loa.Errorf(loa.Conflict, "unit.exists", loa.Clip(name)).Because(err)
	}
	return err
}
