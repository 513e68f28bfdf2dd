package bulletin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/calendar"
	"loa/db"
	"loa/speaker"
	"loa/wire"
)

func framesOf(tx *db.Tx, commune loa.Path) ([]Frame, error) {
	all, err := db.All(tx, `SELECT path, part, name, from_min, until_min, days, day_set FROM session_frame WHERE path = ? ORDER BY from_min`,
		[]any{commune}, func(scan func(...any) error) (fr Frame, err error) {
			var days string
			err = scan(&fr.Path, &fr.Part, &fr.Name, &fr.From, &fr.Until, &days, &fr.DaySet)
			for _, d := range days {
				fr.Days = append(fr.Days, int(d-'0'))
			}
			return fr, err
		})
	if err != nil || !slices.ContainsFunc(all, func(fr Frame) bool { return fr.DaySet != "" }) {
		return all, err
	}
	book, err := calendar.BookOf(tx, commune)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].book = book
		if all[i].DaySet == "" {
			continue
		}
		if all[i].set, err = calendar.ParseDaySet(all[i].DaySet); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func storeFrame(tx *db.Tx, fr Frame) error {
	_, err := tx.Exec(`INSERT INTO session_frame (path, part, name, from_min, until_min, days, day_set) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (path, part) DO UPDATE SET name = excluded.name, from_min = excluded.from_min,
			until_min = excluded.until_min, days = excluded.days, day_set = excluded.day_set`,
		fr.Path, fr.Part, fr.Name, fr.From, fr.Until, weekdays(fr.Days), fr.DaySet)
	return err
}

func weekdays(days []int) string {
	var s strings.Builder
	for _, d := range days {
		fmt.Fprint(&s, d)
	}
	return s.String()
}

// holdStation makes everybody who changes a commune's sessions or plan wait
// for each other, so a running order is never arranged twice at once.
func holdStation(tx *db.Tx, commune loa.Path) error {
	if _, err := tx.Exec(`INSERT INTO commune (path) VALUES (?) ON CONFLICT (path) DO UPDATE SET path = excluded.path`, commune); err != nil {
		return fmt.Errorf("hold station: %w", err)
	}
	return nil
}

const itemQuery = `SELECT slot.id, slot.kind, slot.bulletin_id, bulletin.title, bulletin.path, bulletin.scope, bulletin.from_ms, bulletin.until_ms,
		slot.poles, slot.priority, slot.chime, slot.position, CASE WHEN slot.repeats < 0 THEN bulletin.repeat_count ELSE slot.repeats END,
		slot.start_ms, slot.ms
	FROM slot JOIN bulletin ON bulletin.id = slot.bulletin_id WHERE slot.cancelled_at IS NULL AND `

func scanItem(scan func(...any) error) (it Item, err error) {
	var scope, poles string
	var priority, chime int
	err = scan(&it.Slot, &it.Kind, &it.Bulletin, &it.Title, &it.Issuer, &scope, &it.From, &it.Until, &poles, &priority, &chime,
		&it.Position, &it.Repeat, &it.Start, &it.MS)
	for p := range strings.FieldsSeq(scope) {
		it.Scope = append(it.Scope, loa.Path(p))
	}
	it.Poles, it.Priority, it.Chime = strings.Fields(poles), priority == 1, chime == 1
	return it, err
}

// itemsOf lists the bulletins of a session, those that fell out among them.
func itemsOf(tx *db.Tx, commune loa.Path, session string) ([]Item, error) {
	return db.All(tx, itemQuery+`slot.session = ? AND slot.commune = ? AND slot.kind = 'bulletins' ORDER BY slot.start_ms, slot.position, slot.id`,
		[]any{session, commune}, scanItem)
}

func itemsFrom(tx *db.Tx, commune loa.Path, from int64) ([]Item, error) {
	return db.All(tx, itemQuery+`slot.out = 0 AND slot.commune = ? AND slot.start_ms >= ? ORDER BY slot.start_ms, slot.id`,
		[]any{commune, from}, scanItem)
}

// nowItems lists what was played at once on a day, test sounds too.
func nowItems(tx *db.Tx, commune loa.Path, day string) ([]Item, error) {
	return db.All(tx, itemQuery+`slot.session = ? AND slot.commune = ? ORDER BY slot.start_ms, slot.id`, []any{day + "/now", commune}, scanItem)
}

// itemsBeside lists what is on the air around a session without being in it.
func itemsBeside(tx *db.Tx, commune loa.Path, s Session) ([]Item, error) {
	return db.All(tx, itemQuery+`slot.out = 0 AND slot.commune = ? AND slot.session <> ? AND slot.start_ms >= ? AND slot.start_ms < ?
		ORDER BY slot.start_ms, slot.id`, []any{commune, s.Key(), s.Start - time.Hour.Milliseconds(), s.End}, scanItem)
}

// airedOf is where the standing items of a session were planned.
func airedOf(tx *db.Tx, commune loa.Path, session string) (map[string]int64, error) {
	aired := map[string]int64{}
	_, err := db.All(tx, `SELECT id, start_ms FROM slot WHERE commune = ? AND session = ? AND kind <> 'bulletins' AND cancelled_at IS NULL`,
		[]any{commune, session}, func(scan func(...any) error) (struct{}, error) {
			var id string
			var start int64
			err := scan(&id, &start)
			aired[id] = start
			return struct{}{}, err
		})
	return aired, err
}

func insertSlot(tx *db.Tx, commune loa.Path, session string, it Item, repeats int) error {
	_, err := tx.Exec(`INSERT INTO slot (id, bulletin_id, commune, session, kind, priority, chime, position, repeats, poles, start_ms, ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, it.Slot, it.Bulletin, commune, session, string(it.Kind), bit(it.Priority), bit(it.Chime),
		it.Position, repeats, strings.Join(it.Poles, "\n"), it.Start, it.MS)
	return err
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func standingRows(tx *db.Tx, commune loa.Path, part string) ([]Standing, error) {
	return db.All(tx, `SELECT kind, bulletin_id, seconds FROM standing WHERE path = ? AND part = ? ORDER BY position`, []any{commune, part},
		func(scan func(...any) error) (r Standing, err error) {
			return r, scan(&r.Kind, &r.Bulletin, &r.Seconds)
		})
}

// standingFor is the standing programme of one session: each item with the
// library sound that plays that day, or with why none does.
func standingFor(tx *db.Tx, s Session, policies []wire.Policy) ([]Item, error) {
	rows, err := standingRows(tx, s.Path, s.Part)
	if err != nil {
		return nil, err
	}
	all := make([]Item, len(rows))
	for i, r := range rows {
		all[i] = Item{Kind: r.Kind, MS: int64(r.Seconds) * 1000}
		if r.Kind.role() == wire.NoRole {
			continue
		}
		all[i].Slot, all[i].Bulletin = s.slotOf(i, r.Kind), r.Bulletin
		b, err := load(tx, r.Bulletin)
		if loa.CodeOf(err) == loa.NotFound {
			all[i].MS, all[i].Why = 0, "standing.no_sound"
			continue
		}
		if err != nil {
			return nil, err
		}
		all[i].Title, all[i].Issuer, all[i].Scope, all[i].MS = b.Title, b.Path, b.Scope, b.slotMS()
		if why := b.plays(s, r.Kind, policies, tx.NowMS()); why != "" {
			all[i].MS, all[i].Why = 0, why
		}
	}
	return all, nil
}

// plays says why a library item may not sound in a session, "" if it may.
func (b Bulletin) plays(s Session, k Kind, policies []wire.Policy, now int64) string {
	switch {
	case b.Warrant == "" || !slices.Contains([]State{Sealed, Scheduled, Dispatched}, b.State):
		return "standing.not_approved"
	case max(s.Start, now) < b.From || s.End > b.Until:
		return "standing.expired"
	case k.role() == wire.Music && wire.PolicyAllows(policies, s.Path, wire.Normal, wire.Music, s.Start, s.End-s.Start).Why == "policy.mourning":
		return "policy.mourning"
	}
	return ""
}

// relaysFor are the confirmed relays of a session: what the plan leaves room for.
func relaysFor(tx *db.Tx, s Session) ([]Item, error) {
	midnight := s.Start - int64(s.From)*60_000
	return db.All(tx, `SELECT relay_source.name, relay.at_min, relay.minutes FROM relay JOIN relay_source ON relay_source.id = relay.source_id
		WHERE relay.path = ? AND relay.part = ? AND relay.confirmed_at > 0 AND relay.ended_at = 0 AND relay.minutes > 0
			AND relay_source.removed_at IS NULL ORDER BY relay.at_min`, []any{s.Path, s.Part},
		func(scan func(...any) error) (it Item, err error) {
			var at, minutes int64
			err = scan(&it.Title, &at, &minutes)
			it.Kind, it.Start, it.MS = KindRelay, midnight+at*60_000, minutes*60_000
			return it, err
		})
}

// decisionsFor reads what people decided about a session.
func decisionsFor(tx *db.Tx, s *Session) error {
	var music int
	err := tx.Row(`SELECT no_music, first, decided_name FROM session_day WHERE commune = ? AND session = ?`, s.Path, s.Key()).
		Scan(&music, &s.First, &s.Decided)
	s.NoMusic = music == 1
	if errors.Is(err, db.ErrNone) {
		return nil
	}
	return err
}

// keepOrder writes a session as it was arranged: starts, what fell out, and the
// slots of the standing items, which exist as long as there is something to say.
func keepOrder(tx *db.Tx, s Session, o Running) error {
	for i, it := range o.Items {
		if it.Slot == "" {
			continue
		}
		if it.Kind == KindBulletins {
			if _, err := tx.Exec(`UPDATE slot SET start_ms = ?, ms = ?, out = 0 WHERE id = ?`, it.Start, it.MS, it.Slot); err != nil {
				return err
			}
			if _, err := tx.Exec(`DELETE FROM unplaced WHERE bulletin_id = ? AND commune = ? AND session = ?`, it.Bulletin, s.Path, s.Key()); err != nil {
				return err
			}
			continue
		}
		if _, err := tx.Exec(`INSERT INTO slot (id, bulletin_id, commune, session, kind, priority, position, repeats, start_ms, ms)
			VALUES (?, ?, ?, ?, ?, 0, ?, 0, ?, ?)
			ON CONFLICT (id) DO UPDATE SET bulletin_id = excluded.bulletin_id, kind = excluded.kind, start_ms = excluded.start_ms,
				ms = excluded.ms, cancelled_at = NULL`,
			it.Slot, it.Bulletin, s.Path, s.Key(), string(it.Kind), i, it.Start, it.MS); err != nil {
			return fmt.Errorf("keep standing item: %w", err)
		}
	}
	for id, start := range s.aired {
		if start > tx.NowMS() && !slices.ContainsFunc(o.Items, func(it Item) bool { return it.Slot == id }) {
			if _, err := tx.Exec(`UPDATE slot SET cancelled_at = ? WHERE id = ?`, tx.NowMS(), id); err != nil {
				return err
			}
		}
	}
	for _, it := range o.Out {
		if _, err := tx.Exec(`UPDATE slot SET start_ms = ?, ms = ?, out = 1 WHERE id = ?`, it.Start, it.MS, it.Slot); err != nil {
			return err
		}
		if err := keepUnplaced(tx, it.Bulletin, s.Path, s.Key(), "session.full"); err != nil {
			return err
		}
	}
	return nil
}

func keepUnplaced(tx *db.Tx, bulletin string, commune loa.Path, session, why string) error {
	_, err := tx.Exec(`INSERT INTO unplaced (bulletin_id, commune, session, why, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (bulletin_id, commune, session) DO UPDATE SET why = excluded.why`, bulletin, commune, session, why, tx.NowMS())
	return err
}

// sessionOf finds the session of a key among a commune's frames.
func sessionOf(tx *db.Tx, commune loa.Path, key string) (Session, bool, error) {
	day, part, _ := strings.Cut(key, "/")
	date, err := time.ParseInLocation(time.DateOnly, day, loa.Zone())
	if err != nil {
		return Session{}, false, loa.Errorf(loa.Invalid, "schedule.day", loa.Clip(day))
	}
	frames, err := framesOf(tx, commune)
	if err != nil {
		return Session{}, false, err
	}
	i := slices.IndexFunc(frames, func(fr Frame) bool { return fr.Part == part })
	if i < 0 {
		return Session{}, false, nil
	}
	s, ok := frames[i].on(date)
	if !ok {
		return s, false, nil
	}
	policies, err := speaker.Policies(tx, commune)
	if err != nil {
		return s, true, err
	}
	s, err = fillSession(tx, s, policies)
	return s, true, err
}

// rearrange arranges every session of a commune that lies ahead anew, after
// something changed in it or beside it.
func (f *Flow) rearrange(tx *db.Tx, commune loa.Path) error {
	const longest = 24 * 60 * 60 * 1000 // no slot sounds for a day; older ones need not be read
	keys, err := db.All(tx, `SELECT DISTINCT session FROM slot WHERE commune = ? AND cancelled_at IS NULL AND start_ms > ? AND start_ms + ms > ? ORDER BY session`,
		[]any{commune, tx.NowMS() - longest, tx.NowMS()}, func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
	if err != nil {
		return err
	}
	for _, key := range keys {
		if strings.HasSuffix(key, "/now") {
			continue
		}
		s, ok, err := sessionOf(tx, commune, key)
		if err != nil {
			return err
		}
		if !ok { // its frame is gone: what stands, stands
			continue
		}
		if err := keepOrder(tx, s, s.Arrange(tx.NowMS())); err != nil {
			return err
		}
	}
	return nil
}
