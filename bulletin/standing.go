package bulletin

// Beside the line: the standing programme of a session (khung chương trình) and
// what people decide about one day of it.

import (
	"context"
	"errors"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/journal"
)

// Standing is one line of a standing programme, in its order.
type Standing struct {
	Kind     Kind
	Bulletin string // of the library: tune, greeting, music, goodbye, chime
	Seconds  int    // silence
}

// SetStanding writes the standing programme of one session. Relays are not in
// it: they have their minute, and two people.
func (f *Flow) SetStanding(ctx context.Context, who loa.Actor, commune loa.Path, part string, items []Standing) error {
	places, chimes := 0, 0
	for _, it := range items {
		silent, sounds := it.Kind == KindSilence, it.Kind.role() != ""
		bad := silent != (it.Seconds > 0) || it.Seconds > 600 || sounds != (it.Bulletin != "") || it.Kind == KindRelay || !slices.Contains(Kinds(), it.Kind)
		if bad {
			return loa.Errorf(loa.Invalid, "standing.malformed")
		}
		places += bit(it.Kind == KindBulletins)
		chimes += bit(it.Kind == KindChime)
	}
	if places != 1 || chimes > 1 || len(items) > 20 {
		return loa.Errorf(loa.Invalid, "standing.malformed")
	}
	entry := journal.Entry{Verb: "session.standing_set", Subject: part, Data: items}
	return f.write(ctx, who, commune, entry, func(tx *db.Tx) error {
		frames, err := framesOf(tx, commune)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(frames, func(fr Frame) bool { return fr.Part == part }) {
			return loa.Errorf(loa.NotFound, "session.none", string(commune), part)
		}
		if _, err := tx.Exec(`DELETE FROM standing WHERE path = ? AND part = ?`, commune, part); err != nil {
			return err
		}
		for i, it := range items {
			if it.Bulletin != "" {
				b, err := load(tx, it.Bulletin)
				if err != nil {
					return err
				}
				if !b.Path.Covers(commune) {
					return loa.Errorf(loa.Forbidden, "scope.outside", string(commune), string(b.Path))
				}
			}
			if _, err := tx.Exec(`INSERT INTO standing (path, part, position, kind, bulletin_id, seconds) VALUES (?, ?, ?, ?, ?, ?)`,
				commune, part, i, string(it.Kind), it.Bulletin, it.Seconds); err != nil {
				return err
			}
		}
		return nil
	})
}

// StandingOf lists the standing programme of one session.
func (f *Flow) StandingOf(ctx context.Context, commune loa.Path, part string) (all []Standing, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = standingRows(tx, commune, part)
		return err
	})
	return all, err
}

// decide changes one session that lies ahead or is under way, and writes its
// order and the plan anew.
func (f *Flow) decide(ctx context.Context, who loa.Actor, commune loa.Path, key, verb string, change func(tx *db.Tx, s Session) (any, error)) error {
	entry := journal.Entry{Verb: verb, Subject: key}
	data := map[string]any{}
	entry.Data = data
	return f.write(ctx, who, commune, entry, func(tx *db.Tx) error {
		s, ok, err := sessionOf(tx, commune, key)
		if err != nil {
			return err
		}
		if !ok {
			return loa.Errorf(loa.NotFound, "session.none", string(commune), loa.Clip(key))
		}
		if s.End <= tx.NowMS() {
			return loa.Errorf(loa.Conflict, "session.over", s.Name, s.Day)
		}
		what, err := change(tx, s)
		data["what"] = what
		return err
	})
}

// ahead is the item of a slot that has not begun.
func (s Session) ahead(slot string, now int64) (int, error) {
	i := slices.IndexFunc(s.Items, func(it Item) bool { return it.Slot == slot })
	if i < 0 {
		return 0, loa.Errorf(loa.NotFound, "session.no_item")
	}
	if s.Items[i].fast(now) {
		return 0, loa.Errorf(loa.Conflict, "session.begun", s.Items[i].Title)
	}
	return i, nil
}

// First (chọn tin đọc trước) decides a clash of two priority bulletins. Once
// decided it stays, unless somebody decides again before it begins.
func (f *Flow) First(ctx context.Context, who loa.Actor, commune loa.Path, key, slot string) error {
	return f.decide(ctx, who, commune, key, "session.order_decided", func(tx *db.Tx, s Session) (any, error) {
		i, err := s.ahead(slot, tx.NowMS())
		if err == nil && !s.Items[i].Priority {
			err = loa.Errorf(loa.Conflict, "session.no_item")
		}
		if err != nil {
			return nil, err
		}
		return map[string]string{"first": s.Items[i].Title, "bulletin": s.Items[i].Bulletin}, keepFirst(tx, s, slot, who.ID, who.Name)
	})
}

func keepFirst(tx *db.Tx, s Session, slot, id, name string) error {
	_, err := tx.Exec(`INSERT INTO session_day (commune, session, first, decided_by, decided_name, decided_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (commune, session) DO UPDATE SET first = excluded.first, decided_by = excluded.decided_by,
			decided_name = excluded.decided_name, decided_at = excluded.decided_at`, s.Path, s.Key(), slot, id, name, tx.NowMS())
	return err
}

// Undecided is who decided when nobody did in time.
const Undecided = "undecided"

// Settle records the clashes nobody decided before their session began: the
// higher level went first, then the earlier. It is the job of one process.
func (f *Flow) Settle(ctx context.Context) error {
	var communes []string
	err := f.DB.Read(ctx, func(tx *db.Tx) (err error) {
		communes, err = db.All(tx, `SELECT DISTINCT commune FROM slot WHERE priority = 1 AND out = 0 AND cancelled_at IS NULL AND start_ms > ? AND start_ms <= ?`,
			[]any{tx.NowMS() - 60*60_000, tx.NowMS() + 2*tooLate + 60_000}, func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range communes {
		err := f.DB.Write(ctx, func(tx *db.Tx) error {
			if err := holdStation(tx, loa.Path(c)); err != nil {
				return err
			}
			sessions, err := sessionsAhead(tx, loa.Path(c), 1)
			if err != nil {
				return err
			}
			for _, s := range sessions {
				pair := s.clash(0)
				if pair == nil || s.Start > tx.NowMS()+tooLate {
					continue
				}
				if err := keepFirst(tx, s, pair[0].Slot, Undecided, Undecided); err != nil {
					return err
				}
				if _, err := journal.Append(tx, loa.System(), journal.Entry{Verb: "session.order_undecided", Path: s.Path, Subject: s.Key(),
					Data: map[string]string{"first": pair[0].Title, "second": pair[1].Title}}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Move puts a bulletin one place up or down in its session, among those of its
// own level: priority stays before the rest.
func (f *Flow) Move(ctx context.Context, who loa.Actor, commune loa.Path, key, slot string, up bool) error {
	return f.decide(ctx, who, commune, key, "session.reordered", func(tx *db.Tx, s Session) (any, error) {
		now := tx.NowMS()
		if _, err := s.ahead(slot, now); err != nil {
			return nil, err
		}
		var tier []Item // what it may change places with, in order
		order := s.Arrange(now)
		var own Item
		for _, it := range slices.Concat(order.Items, order.Out) {
			if it.Slot == slot {
				own = it
			}
		}
		for _, it := range slices.Concat(order.Items, order.Out) {
			if it.Kind == KindBulletins && !it.fast(now) && it.Priority == own.Priority &&
				(!it.Priority || len(it.Issuer.Up()) == len(own.Issuer.Up())) {
				tier = append(tier, it)
			}
		}
		i := slices.IndexFunc(tier, func(it Item) bool { return it.Slot == slot })
		j := i + 1
		if up {
			j = i - 1
		}
		if j < 0 || j >= len(tier) {
			return nil, loa.Errorf(loa.Conflict, "session.no_further")
		}
		tier[i], tier[j] = tier[j], tier[i]
		first := tier[0].Position
		for _, it := range tier {
			first = min(first, it.Position)
		}
		for n, it := range tier { // positions close together, below whatever arrives later
			if _, err := tx.Exec(`UPDATE slot SET position = ? WHERE id = ?`, first+int64(n), it.Slot); err != nil {
				return nil, err
			}
		}
		return map[string]any{"bulletin": own.Bulletin, "up": up}, nil
	})
}

// Set changes how often a bulletin is read in one session, and its chime.
func (f *Flow) Set(ctx context.Context, who loa.Actor, commune loa.Path, key, slot string, repeats int, chime bool) error {
	if repeats < 0 || repeats > 3 {
		return loa.Errorf(loa.Invalid, "bulletin.plays")
	}
	return f.decide(ctx, who, commune, key, "session.item_set", func(tx *db.Tx, s Session) (any, error) {
		i, err := s.ahead(slot, tx.NowMS())
		if err != nil {
			return nil, err
		}
		b, err := load(tx, s.Items[i].Bulletin)
		if err != nil {
			return nil, err
		}
		b.Repeat = repeats
		if _, err := tx.Exec(`UPDATE slot SET repeats = ?, chime = ?, ms = ? WHERE id = ?`, repeats, bit(chime), b.slotMS(), slot); err != nil {
			return nil, err
		}
		if err := b.countPlays(tx); err != nil {
			return nil, err
		}
		if s, _, err = sessionOf(tx, commune, key); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(s.Arrange(tx.NowMS()).Out, func(o Item) bool { return o.Slot == slot }) {
			return nil, loa.Errorf(loa.Conflict, "session.full", s.Name, s.Day)
		}
		return map[string]any{"bulletin": b.ID, "readings": repeats + 1, "chime": chime}, nil
	})
}

// Music takes the music out of one session, or lets it in again.
func (f *Flow) Music(ctx context.Context, who loa.Actor, commune loa.Path, key string, without bool) error {
	return f.decide(ctx, who, commune, key, "session.music", func(tx *db.Tx, s Session) (any, error) {
		_, err := tx.Exec(`INSERT INTO session_day (commune, session, no_music) VALUES (?, ?, ?)
			ON CONFLICT (commune, session) DO UPDATE SET no_music = excluded.no_music`, commune, key, bit(without))
		return map[string]bool{"without": without}, err
	})
}

// Mend makes a session that is too long fit in one of the three ways.
func (f *Flow) Mend(ctx context.Context, who loa.Actor, commune loa.Path, key string, how Mend) error {
	switch how {
	case MendMusic:
		return f.Music(ctx, who, commune, key, true)
	case MendRepeat:
		return f.decide(ctx, who, commune, key, "session.read_once", func(tx *db.Tx, s Session) (any, error) {
			once := s.readOnce(tx.NowMS())
			for i, it := range once.Items {
				if it.Repeat != s.Items[i].Repeat {
					if _, err := tx.Exec(`UPDATE slot SET repeats = 0, ms = ? WHERE id = ?`, it.MS, it.Slot); err != nil {
						return nil, err
					}
				}
			}
			return len(once.Items), nil
		})
	case MendMove:
		return f.decide(ctx, who, commune, key, "session.moved_on", func(tx *db.Tx, s Session) (any, error) {
			var moved []string
			for _, it := range s.Arrange(tx.NowMS()).Out {
				to, err := f.moveOn(tx, s, it)
				if err != nil {
					return nil, err
				}
				moved = append(moved, it.Bulletin+" "+to)
			}
			if len(moved) == 0 {
				return nil, loa.Errorf(loa.Conflict, "session.fits")
			}
			return strings.Join(moved, "\n"), nil
		})
	}
	return loa.Errorf(loa.Invalid, "session.mend", loa.Clip(string(how)))
}

// moveOn takes a bulletin that fell out to the first later session it fits.
func (f *Flow) moveOn(tx *db.Tx, s Session, it Item) (to string, err error) {
	b, err := load(tx, it.Bulletin)
	if err != nil {
		return "", err
	}
	if _, err := tx.Exec(`UPDATE slot SET cancelled_at = ? WHERE id = ?`, tx.NowMS(), it.Slot); err != nil {
		return "", err
	}
	if _, err := tx.Exec(`DELETE FROM unplaced WHERE bulletin_id = ? AND commune = ? AND session = ?`, b.ID, s.Path, s.Key()); err != nil {
		return "", err
	}
	later, err := sessionsAhead(tx, s.Path, 8)
	if err != nil {
		return "", err
	}
	for _, l := range later {
		if l.Start <= s.Start || slices.ContainsFunc(l.Items, func(o Item) bool { return o.Bulletin == b.ID }) {
			continue
		}
		next := b.item(tx)
		next.Chime = it.Chime
		l.Items = append(l.Items, next)
		order := l.Arrange(tx.NowMS())
		if slices.ContainsFunc(order.Out, func(o Item) bool { return o.Slot == next.Slot }) {
			continue
		}
		if err := insertSlot(tx, s.Path, l.Key(), next, it.Repeat); err != nil {
			return "", err
		}
		return l.Key(), errors.Join(keepOrder(tx, l, order), b.countPlays(tx))
	}
	return "", loa.Errorf(loa.Conflict, "session.no_later", b.Title)
}

// Sounds lists the approved sounds of the library that a commune's standing
// programme may name, the newest first.
func (f *Flow) Sounds(ctx context.Context, commune loa.Path) (all []Bulletin, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all = nil
		ids, err := db.All(tx, `SELECT id FROM bulletin WHERE role <> '' AND role <> 'test' AND warrant <> ''
			AND state IN ('sealed', 'scheduled', 'dispatched') AND until_ms > ? ORDER BY id DESC LIMIT 200`, []any{tx.NowMS()},
			func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
		if err != nil {
			return err
		}
		for _, id := range ids {
			b, err := load(tx, id)
			if err != nil {
				return err
			}
			if b.Path.Covers(commune) {
				all = append(all, b)
			}
		}
		return nil
	})
	return all, err
}
