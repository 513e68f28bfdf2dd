package bulletin

// Stage 4 of 7: schedule. Before: sign.go. After: dispatch.go.

import (
	"context"
	"slices"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/speaker"
	"loa/wire"
)

// Choice is a session a bulletin is put into: one part of one day, in every
// commune the bulletin means.
type Choice struct {
	Day  string // 2026-11-23
	Part string // morning, afternoon
}

// Schedule places a bulletin in sessions. A priority bulletin goes before the
// normal ones of a session that has not begun.
func (f *Flow) Schedule(ctx context.Context, who loa.Actor, id string, choices []Choice) (Bulletin, error) {
	if len(choices) == 0 || len(choices) > 60 {
		return Bulletin{}, loa.Errorf(loa.Invalid, "schedule.empty")
	}
	return f.step(ctx, who, id, schedule, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		if err := who.Must(loa.RightDispatch, b.Path); err != nil {
			return journal.Entry{}, err
		}
		communes, err := speaker.Communes(tx, b.places())
		if err != nil {
			return journal.Entry{}, err
		}
		var placed []Item
		for _, c := range communes {
			for _, choice := range choices {
				it, err := f.place(tx, b, c, choice)
				if err != nil {
					return journal.Entry{}, err
				}
				placed = append(placed, it)
			}
		}
		if len(placed) == 0 {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "schedule.nobody")
		}
		return journal.Entry{Data: placed}, nil
	})
}

// place puts b into one session of one commune and arranges the session anew.
func (f *Flow) place(tx *db.Tx, b *Bulletin, commune loa.Path, c Choice) (Item, error) {
	if err := holdStation(tx, commune); err != nil {
		return Item{}, err
	}
	s, ok, err := sessionOf(tx, commune, c.Day+"/"+c.Part)
	if err != nil {
		return Item{}, err
	}
	if !ok {
		return Item{}, loa.Errorf(loa.Conflict, "session.none", string(commune), c.Day)
	}
	if s.End <= tx.NowMS() {
		return Item{}, loa.Errorf(loa.Conflict, "session.over", s.Name, c.Day)
	}
	for _, it := range s.Items {
		if it.Bulletin == b.ID {
			return Item{}, loa.Errorf(loa.Conflict, "schedule.twice", s.Name, c.Day)
		}
	}
	return enter(tx, b, s, b.item(tx), -1)
}

// enter puts an item of b into a session, arranges it anew and checks that
// everything that moves may still sound where it comes to stand. A refusal has
// written nothing.
func enter(tx *db.Tx, b *Bulletin, s Session, it Item, repeats int) (Item, error) {
	before := s.Items
	s.Items = append(slices.Clone(before), it)
	order := s.Arrange(tx.NowMS())
	if slices.ContainsFunc(order.Out, func(o Item) bool { return o.Slot == it.Slot }) {
		if it.From > s.End-it.MS || it.Until < s.Start+it.MS {
			return Item{}, loa.Errorf(loa.Conflict, "schedule.outside_warrant")
		}
		return Item{}, loa.Errorf(loa.Conflict, "session.full", s.Name, s.Day)
	}
	policies, err := speaker.Policies(tx, s.Path)
	if err != nil {
		return Item{}, err
	}
	for _, a := range order.Items {
		who := b
		switch {
		case a.Slot == it.Slot:
			it = a
		case a.Kind == KindBulletins && a.moved(before):
			other, err := load(tx, a.Bulletin)
			if err != nil {
				return Item{}, err
			}
			who = &other
		default:
			continue
		}
		if err := who.allowed(policies, s.Path, a.Start); err != nil {
			return Item{}, err
		}
	}
	if err := b.countPlays(tx, slot{Commune: s.Path, Start: it.Start, Repeat: it.Repeat}); err != nil {
		return Item{}, err
	}
	if err := insertSlot(tx, s.Path, s.Key(), it, repeats); err != nil {
		return Item{}, err
	}
	return it, keepOrder(tx, s, order)
}

// item is the bulletin as it enters a running order.
func (b Bulletin) item(tx *db.Tx) Item {
	return Item{Slot: loa.NewID(tx.Now()), Kind: KindBulletins, Bulletin: b.ID, Title: b.Title, Issuer: b.Path, Scope: b.Scope,
		From: b.From, Until: b.Until, Priority: b.Class == wire.Priority, Position: tx.NowMS(), Repeat: b.Repeat, Chime: b.Chime, MS: b.slotMS()}
}

// moved reports whether an item starts at another moment than before.
func (it Item) moved(before []Item) bool {
	return slices.ContainsFunc(before, func(o Item) bool { return o.Slot == it.Slot && o.Start != it.Start })
}

// allowed is what every speaker will decide too: hours and volume by policy,
// dates by the warrant. Refusing here spares the silence later.
func (b Bulletin) allowed(policies []wire.Policy, commune loa.Path, start int64) error {
	if start < b.From || start+b.slotMS() > b.Until {
		return loa.Errorf(loa.Conflict, "schedule.outside_warrant")
	}
	switch a := wire.PolicyAllows(policies, commune, b.Class, b.Role, start, b.slotMS()); a.Why {
	case "":
		return nil
	case "policy.hours":
		return loa.Errorf(loa.Conflict, "schedule.outside_hours", time.UnixMilli(start).In(loa.Zone()).Format("15:04 02/01/2006"))
	default:
		return loa.Errorf(loa.Conflict, "schedule.refused_by_policy", a.Why)
	}
}

// countPlays holds the readings of all slots to what the warrant promises a day
// and in all, in each commune, with those about to be added: a speaker would
// refuse the rest.
func (b Bulletin) countPlays(tx *db.Tx, more ...slot) error {
	slots, err := slotsOf(tx, b.ID)
	if err != nil {
		return err
	}
	slots = append(slots, more...)
	type at struct {
		commune loa.Path
		day     string
	}
	days, all := map[at]int{}, map[loa.Path]int{}
	for _, s := range slots {
		k := at{s.Commune, time.UnixMilli(s.Start).In(loa.Zone()).Format(time.DateOnly)}
		days[k] += 1 + s.Repeat
		all[s.Commune] += 1 + s.Repeat
		if days[k] > b.PlaysDay || all[s.Commune] > b.Plays {
			return loa.Errorf(loa.Conflict, "schedule.too_often", b.PlaysDay, b.Plays)
		}
	}
	return nil
}

// PlayNow (phát ngay) is a session of one item, inside allowed hours, as soon
// as devices can have fetched the sound and nothing else is on the air. Where
// nobody would hear it, it is refused.
func (f *Flow) PlayNow(ctx context.Context, who loa.Actor, id string) (Bulletin, error) {
	return f.step(ctx, who, id, schedule, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		if err := who.Must(loa.RightDispatch, b.Path); err != nil {
			return journal.Entry{}, err
		}
		communes, err := speaker.Communes(tx, b.places())
		if err != nil {
			return journal.Entry{}, err
		}
		var placed []Item
		for _, c := range communes {
			// A box may come before a session does; at once there is nobody to wait for.
			if heard, err := speaker.Hears(tx, c, b.places()); err != nil || !heard {
				if err != nil {
					return journal.Entry{}, err
				}
				continue
			}
			if err := holdStation(tx, c); err != nil {
				return journal.Entry{}, err
			}
			busy, err := itemsFrom(tx, c, tx.NowMS()-time.Hour.Milliseconds())
			if err != nil {
				return journal.Entry{}, err
			}
			it := b.item(tx)
			it.Start = opening(busy, tx.NowMS()+f.Lead, it.MS)
			policies, err := speaker.Policies(tx, c)
			if err != nil {
				return journal.Entry{}, err
			}
			if err := b.allowed(policies, c, it.Start); err != nil {
				return journal.Entry{}, err
			}
			day := time.UnixMilli(it.Start).In(loa.Zone()).Format(time.DateOnly)
			if err := insertSlot(tx, c, day+"/now", it, -1); err != nil {
				return journal.Entry{}, err
			}
			placed = append(placed, it)
		}
		if len(placed) == 0 {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "schedule.nobody")
		}
		return journal.Entry{Data: placed}, b.countPlays(tx)
	})
}

// Policy reads the policies that hold for a place, for pages.
func (f *Flow) Policy(ctx context.Context, path loa.Path) (all []wire.Policy, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = speaker.Policies(tx, path)
		return err
	})
	return all, err
}

// WarrantOf opens the sealed warrant of a bulletin for the page that shows what
// exactly was approved.
func (f *Flow) WarrantOf(ctx context.Context, hash string) (w wire.Warrant, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		sealed, err := speaker.DocumentTx(tx, hash)
		if err != nil {
			return err
		}
		o, err := seal.Open(sealed, seal.MaxDocument)
		if err != nil {
			return err
		}
		w, err = wire.ReadWarrant(o.Payload)
		return err
	})
	return w, err
}
