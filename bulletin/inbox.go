package bulletin

// Beside the line: the inbox of a station (Tin đến). What the province or the
// centre has approved is offered to each commune it means, by the levels of
// Circular 39/2020/TT-BTTTT: a normal bulletin the commune takes or leaves; a
// priority one goes first into the next session, and the commune may only choose
// another session for it. Emergencies never come this way.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
	"loa/wire"
)

// Reply is how a commune stands to what it was offered.
type Reply string

// The replies.
const (
	Offered Reply = "offered" // nobody has answered yet
	Taken   Reply = "taken"   // nhận phát: it has its place in a session
	Left    Reply = "left"    // không phát, with a reason
)

// Incoming is a bulletin of a level above in the inbox of one commune.
type Incoming struct {
	Bulletin
	Commune    loa.Path
	Reply      Reply
	By         string // who answered, "" for the program
	Why        string // a person's reason for leaving it; for a priority bulletin without a place, the key of why
	OfferedAt  int64  // UTC ms
	AnsweredAt int64
}

// incoming reports whether the bulletin comes to stations from a level above.
func (b Bulletin) incoming() bool { return b.Path.Commune() == "" }

// leavable is the commune's freedom: a normal bulletin only.
func (b Bulletin) leavable() error {
	if b.Class != wire.Normal {
		return loa.Errorf(loa.Forbidden, "inbox.must_carry")
	}
	return nil
}

// offer puts a sealed bulletin into the inbox of every commune it means.
func (b Bulletin) offer(tx *db.Tx) error {
	if !b.incoming() || b.Class != wire.Normal && b.Class != wire.Priority {
		return nil
	}
	communes, err := speaker.Communes(tx, b.places())
	if err != nil {
		return err
	}
	for _, c := range communes {
		if _, err := tx.Exec(`INSERT INTO inbox (bulletin_id, commune, answer, offered_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (bulletin_id, commune) DO NOTHING`, b.ID, c, string(Offered), tx.NowMS()); err != nil {
			return fmt.Errorf("offer: %w", err)
		}
	}
	return nil
}

// Take (nhận phát) places an incoming bulletin in sessions of one commune. Asked
// again, the new choice stands in the place of the old: what has not begun moves.
func (f *Flow) Take(ctx context.Context, who loa.Actor, id string, commune loa.Path, choices []Choice) (Bulletin, error) {
	if len(choices) == 0 || len(choices) > 60 {
		return Bulletin{}, loa.Errorf(loa.Invalid, "schedule.empty")
	}
	return f.step(ctx, who, id, schedule, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		if err := who.Must(loa.RightDispatch, commune); err != nil {
			return journal.Entry{}, err
		}
		if _, err := incomingAt(tx, b.ID, commune); err != nil {
			return journal.Entry{}, err
		}
		if err := clearAhead(tx, b.ID, commune); err != nil {
			return journal.Entry{}, err
		}
		var placed []Item
		for _, c := range choices {
			it, err := f.place(tx, b, commune, c)
			if err != nil {
				return journal.Entry{}, err
			}
			placed = append(placed, it)
		}
		if err := answer(tx, b.ID, commune, Taken, who.Name, ""); err != nil {
			return journal.Entry{}, err
		}
		return journal.Entry{Data: map[string]any{"commune": commune, "placed": placed}}, b.countPlays(tx)
	})
}

// Leave (không phát) is a commune's no to a normal bulletin, with a reason; what
// it had placed leaves its plan.
func (f *Flow) Leave(ctx context.Context, who loa.Actor, id string, commune loa.Path, why string) error {
	why, err := reason(why)
	if err != nil {
		return err
	}
	var row string
	var entry journal.Entry
	err = f.DB.Write(ctx, func(tx *db.Tx) error {
		b, err := hold(tx, id)
		if err != nil {
			return err
		}
		if err := who.Must(loa.RightDispatch, commune); err != nil {
			return err
		}
		if _, err := incomingAt(tx, id, commune); err != nil {
			return err
		}
		if err := b.leavable(); err != nil {
			return err
		}
		if err := clearAhead(tx, id, commune); err != nil {
			return err
		}
		_, emits, err := f.plans(tx, []loa.Path{commune}, "", "")
		if err != nil {
			return err
		}
		if err := answer(tx, id, commune, Left, who.Name, why); err != nil {
			return err
		}
		entry = journal.Entry{Verb: "bulletin.left", Path: commune, Subject: id, Data: map[string]string{"why": why}, Emits: emits}
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("leave bulletin: %w", err)
	}
	f.Said(row, entry)
	return nil
}

// Carry places a priority bulletin first in the next session of every commune
// that was offered it and has not chosen. A commune where it has no place (no
// session in a week, a full one) keeps it in the inbox with the reason, and is
// asked again later; the others do not wait for it.
func (f *Flow) Carry(ctx context.Context, id string) error {
	var waiting []loa.Path
	err := f.DB.Read(ctx, func(tx *db.Tx) (err error) {
		waiting, err = db.All(tx, `SELECT commune FROM inbox WHERE bulletin_id = ? AND answer = ? ORDER BY commune`,
			[]any{id, string(Offered)}, func(scan func(...any) error) (c loa.Path, err error) { return c, scan(&c) })
		return err
	})
	if err != nil {
		return fmt.Errorf("carry bulletin: %w", err)
	}
	placed := false
	for _, c := range waiting {
		switch err := f.carry(ctx, id, c); {
		case err == nil:
			placed = true
		case loa.CodeOf(err) == loa.Conflict:
			if err := f.notCarried(ctx, id, c, loa.KeyOf(err)); err != nil {
				return err
			}
		default:
			return err
		}
	}
	if placed {
		_, err = f.Dispatch(ctx, id)
	}
	return err
}

func (f *Flow) carry(ctx context.Context, id string, commune loa.Path) error {
	_, err := f.step(ctx, loa.System(), id, schedule, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		in, err := incomingAt(tx, b.ID, commune)
		if err != nil {
			return journal.Entry{}, err
		}
		if in != Offered { // somebody chose meanwhile
			return journal.Entry{}, loa.Errorf(loa.Conflict, "bulletin.moved", string(b.State))
		}
		next, err := nextSession(tx, commune)
		if err != nil {
			return journal.Entry{}, err
		}
		it, err := f.place(tx, b, commune, next)
		if err != nil {
			return journal.Entry{}, err
		}
		if err := answer(tx, b.ID, commune, Taken, "", ""); err != nil {
			return journal.Entry{}, err
		}
		return journal.Entry{Data: map[string]any{"commune": commune, "placed": []Item{it}}}, b.countPlays(tx)
	})
	return err
}

// notCarried keeps why a priority bulletin found no place, for the officer.
func (f *Flow) notCarried(ctx context.Context, id string, commune loa.Path, why string) error {
	return f.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE inbox SET why = ?, answered_at = ? WHERE bulletin_id = ? AND commune = ? AND answer = ?`,
			why, tx.NowMS(), id, commune, string(Offered))
		return err
	})
}

// carryAgain is how long a priority bulletin without a place waits for the next
// try, in milliseconds.
const carryAgain = 10 * 60_000

// Uncarried lists the priority bulletins that some commune has not placed yet:
// the work of a job.
func (f *Flow) Uncarried(ctx context.Context) (ids []string, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		ids, err = db.All(tx, `SELECT DISTINCT bulletin.id FROM inbox JOIN bulletin ON bulletin.id = inbox.bulletin_id
			WHERE inbox.answer = ? AND inbox.answered_at < ? AND bulletin.class = ? AND bulletin.state IN (?, ?, ?) ORDER BY bulletin.id LIMIT 100`,
			[]any{string(Offered), tx.NowMS() - carryAgain, string(wire.Priority), string(Sealed), string(Scheduled), string(Dispatched)},
			func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
		return err
	})
	return ids, err
}

// nextSession is the first session of a commune that has not begun, within a week.
func nextSession(tx *db.Tx, commune loa.Path) (Choice, error) {
	frames, err := framesOf(tx, commune)
	if err != nil {
		return Choice{}, err
	}
	var all []Session
	for d := range 7 {
		for _, fr := range frames {
			if s, ok := fr.on(tx.Now().AddDate(0, 0, d)); ok && s.Start > tx.NowMS()+tooLate {
				all = append(all, s)
			}
		}
	}
	if len(all) == 0 {
		return Choice{}, loa.Errorf(loa.Conflict, "session.none", string(commune), tx.Now().In(loa.Zone()).Format(time.DateOnly))
	}
	first := slices.MinFunc(all, func(a, b Session) int { return cmp.Compare(a.Start, b.Start) })
	return Choice{Day: first.Day, Part: first.Part}, nil
}

// Inbox lists what one commune was offered: what waits for an answer before
// what has one, the newest first, 100 at most.
func (f *Flow) Inbox(ctx context.Context, who loa.Actor, commune loa.Path) (all []Incoming, err error) {
	if err := who.Must(loa.RightRead, commune); err != nil {
		return nil, err
	}
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = incomings(tx, `inbox.commune = ? ORDER BY CASE inbox.answer WHEN 'offered' THEN 0 ELSE 1 END, inbox.offered_at DESC LIMIT 100`, commune)
		return err
	})
	return all, err
}

// Replies lists how the communes stand to a bulletin, for whoever sent it.
func (f *Flow) Replies(ctx context.Context, who loa.Actor, id string) (all []Incoming, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		b, err := load(tx, id)
		if err != nil {
			return err
		}
		if err := who.Must(loa.RightRead, b.Path); err != nil {
			return err
		}
		all, err = incomings(tx, `inbox.bulletin_id = ? ORDER BY inbox.commune`, id)
		return err
	})
	return all, err
}

func incomings(tx *db.Tx, where string, arg any) ([]Incoming, error) {
	rows, err := db.All(tx, `SELECT bulletin_id, commune, answer, by_name, why, offered_at, answered_at FROM inbox WHERE `+where, []any{arg},
		func(scan func(...any) error) (in Incoming, err error) {
			return in, scan(&in.ID, &in.Commune, &in.Reply, &in.By, &in.Why, &in.OfferedAt, &in.AnsweredAt)
		})
	if err != nil {
		return nil, err
	}
	known := map[string]Bulletin{}
	for i, in := range rows {
		b, ok := known[in.ID]
		if !ok {
			if b, err = load(tx, in.ID); err != nil {
				return nil, err
			}
			known[in.ID] = b
		}
		rows[i].Bulletin = b
	}
	return rows, nil
}

// offeredTo reports whether a bulletin stands in the inbox of a commune that
// the reader may look into: then it is theirs to read and hear.
func offeredTo(tx *db.Tx, who loa.Actor, id string) (bool, error) {
	communes, err := db.All(tx, `SELECT commune FROM inbox WHERE bulletin_id = ?`, []any{id},
		func(scan func(...any) error) (c loa.Path, err error) { return c, scan(&c) })
	return slices.ContainsFunc(communes, func(c loa.Path) bool { return who.May(loa.RightRead, c) }), err
}

func incomingAt(tx *db.Tx, id string, commune loa.Path) (a Reply, err error) {
	err = tx.Row(`SELECT answer FROM inbox WHERE bulletin_id = ? AND commune = ?`, id, commune).Scan(&a)
	if errors.Is(err, db.ErrNone) {
		return "", loa.Errorf(loa.NotFound, "inbox.unknown")
	}
	return a, err
}

func answer(tx *db.Tx, id string, commune loa.Path, a Reply, by, why string) error {
	_, err := tx.Exec(`UPDATE inbox SET answer = ?, by_name = ?, why = ?, answered_at = ? WHERE bulletin_id = ? AND commune = ?`,
		string(a), by, why, tx.NowMS(), id, commune)
	return err
}

// clearAhead takes the starts of a bulletin that lie ahead out of one commune's
// sessions.
func clearAhead(tx *db.Tx, id string, commune loa.Path) error {
	if err := holdStation(tx, commune); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE slot SET cancelled_at = ? WHERE bulletin_id = ? AND commune = ? AND start_ms > ? AND cancelled_at IS NULL`,
		tx.NowMS(), id, commune, tx.NowMS())
	return err
}

// placesIn narrows a scope to the communes where the bulletin has its starts: a
// commune that left it was not meant.
func (b Bulletin) placesIn(communes []loa.Path) []wire.Place {
	if !b.incoming() {
		return b.places()
	}
	var all []wire.Place
	for _, c := range communes {
		for _, p := range b.Scope {
			switch {
			case p.Covers(c):
				all = append(all, wire.Place{Path: c})
			case c.Covers(p):
				all = append(all, wire.Place{Path: p})
			}
		}
	}
	return all
}
