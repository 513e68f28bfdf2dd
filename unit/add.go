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
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if len(members) == 0 {
			return loa.Errorf(loa.Invalid, "unit.zone_empty", name)
		}
		if u, err = SaveZone(tx, who, commune, "", name, members); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: "unit.zone_added", Path: u.Path, Subject: string(u.Path),
			Data: map[string]any{"name": u.Name, "members": members}})
		return err
	})
	if err != nil {
		return Unit{}, fmt.Errorf("add zone: %w", err)
	}
	return u, nil
}

// SaveZone writes the name and the members of a zone, a new one where zone is
// "", inside the transaction of whoever keeps its poles (package speaker).
func SaveZone(tx *db.Tx, who loa.Actor, commune, zone loa.Path, name string, members []loa.Path) (u Unit, err error) {
	if err := must(who, loa.RightSpeakers, commune); err != nil {
		return Unit{}, err
	}
	members = slices.Compact(slices.Sorted(slices.Values(members)))
	if zone == "" {
		u, err = add(tx, commune, Unit{Level: Zone, Type: SpeakerGroup, Name: name})
	} else if u, err = FindTx(tx, zone); err == nil {
		if u.Level != Zone || u.Parent != commune {
			return Unit{}, loa.Errorf(loa.NotFound, "unit.unknown", string(zone))
		}
		u.Name = cleanName(u.Type, name)
		if err = u.check(); err == nil {
			err = updateUnit(tx, u)
		}
	}
	if err != nil {
		return Unit{}, taken(err, name)
	}
	rows := make([][]any, len(members))
	for i, m := range members {
		place, err := FindTx(tx, m)
		if err != nil {
			return Unit{}, err
		}
		if !commune.Covers(m) || place.Level != Hamlet && place.Level != Former {
			return Unit{}, loa.Errorf(loa.Invalid, "unit.member_outside", place.FullName())
		}
		rows[i] = []any{string(u.Path), string(m)}
	}
	if _, err := tx.Exec("DELETE FROM zone_member WHERE zone = ?", u.Path); err != nil {
		return Unit{}, err
	}
	return u, tx.Insert("zone_member", []string{"zone", "member"}, rows)
}

// Rename gives a hamlet another name or kind; its path, and so its poles, its
// rights and its history, stay.
func (r *Register) Rename(ctx context.Context, who loa.Actor, path loa.Path, t Type, name string) error {
	return taken(r.change(ctx, who, path, "unit.renamed", func(tx *db.Tx, u *Unit) error {
		u.Type, u.Name = t, cleanName(t, name)
		return u.check()
	}), name)
}

// End closes a hamlet now: it is merged, or was a mistake. used tells how many
// things still lie in it; while there are any it stays.
func (r *Register) End(ctx context.Context, who loa.Actor, path loa.Path, used func(tx *db.Tx, path loa.Path) (int, error)) error {
	return r.change(ctx, who, path, "unit.hamlet_ended", func(tx *db.Tx, u *Unit) error {
		n, err := used(tx, path)
		if err != nil {
			return err
		}
		if n > 0 {
			return loa.Errorf(loa.Conflict, "unit.in_use", u.FullName(), n)
		}
		u.To = tx.Now()
		return nil
	})
}

// change writes one hamlet anew, for somebody who manages people there.
func (r *Register) change(ctx context.Context, who loa.Actor, path loa.Path, verb string, do func(tx *db.Tx, u *Unit) error) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		u, err := FindTx(tx, path)
		if err != nil {
			return err
		}
		if u.Level != Hamlet {
			return loa.Errorf(loa.Invalid, "unit.not_hamlet", u.FullName())
		}
		if err := must(who, loa.RightPeople, path); err != nil {
			return err
		}
		was := u.FullName()
		if err := do(tx, &u); err != nil {
			return err
		}
		if err := updateUnit(tx, u); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: verb, Path: path, Subject: string(path), Data: map[string]any{"before": was, "after": u.FullName()}})
		return err
	})
	if err != nil {
		return fmt.Errorf("change hamlet: %w", err)
	}
	return nil
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
