package speaker

import (
	"context"
	"fmt"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/wire"
)

// OwnHours are the narrower hours of one pole: a school, a hospital, the gate of
// a pagoda. They reach its box when somebody confirms its placement anew (Box.Stale).
type OwnHours struct {
	Pole  string // public code
	From  int    // minutes after midnight
	Until int
}

// SetOwnHours gives a pole narrower hours, or takes them away with From equal to
// Until.
func (r *Register) SetOwnHours(ctx context.Context, who loa.Actor, h OwnHours) error {
	if h.From < 0 || h.Until > 1440 || h.From > h.Until {
		return loa.Errorf(loa.Invalid, "rules.hours_bad")
	}
	err := r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		p, err := poleByCode(tx, h.Pole)
		if err != nil {
			return journal.Entry{}, err
		}
		if err := who.Must(loa.RightDispatch, p.Path.Commune()); err != nil {
			return journal.Entry{}, err
		}
		_, err = tx.Exec(`INSERT INTO sensitive (pole, commune, from_min, until_min) VALUES (?, ?, ?, ?)
			ON CONFLICT (pole) DO UPDATE SET from_min = excluded.from_min, until_min = excluded.until_min`, h.Pole, p.Path.Commune(), h.From, h.Until)
		if err == nil {
			err = markStale(tx, p)
		}
		return journal.Entry{Verb: "speaker.own_hours", Path: p.Path, Subject: p.ID, Data: h}, err
	})
	if err != nil {
		return fmt.Errorf("set own hours: %w", err)
	}
	return nil
}

// OwnHoursAt lists the poles of a commune with narrower hours.
func (r *Register) OwnHoursAt(ctx context.Context, commune loa.Path) (all []OwnHours, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT pole, from_min, until_min FROM sensitive WHERE commune = ? AND from_min < until_min ORDER BY pole`, []any{commune},
			func(scan func(...any) error) (h OwnHours, err error) { return h, scan(&h.Pole, &h.From, &h.Until) })
		return err
	})
	return all, err
}

// ownHours is what a placement says of a pole's own hours, every day of the week.
func ownHours(tx *db.Tx, pole string) ([]wire.Hours, error) {
	return db.All(tx, `SELECT from_min, until_min FROM sensitive WHERE pole = ? AND from_min < until_min`, []any{pole},
		func(scan func(...any) error) (h wire.Hours, err error) {
			h.Days = []int{1, 2, 3, 4, 5, 6, 7}
			return h, scan(&h.From, &h.Until)
		})
}
