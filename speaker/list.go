package speaker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/lang"
)

// How a pole is, as a list is narrowed to it and sums count it.
const (
	InContact = "contact"  // its box calls
	Away      = "away"     // mất kết nối: its box does not
	Sounding  = "sounding" // its box says it is playing
	NoBox     = "bare"     // chưa khai báo cụm loa
	Muted     = "muted"    // tạm ngưng
	Unsealed  = "stale"    // cần xác nhận lại
)

// States lists them in the order in which they are shown.
func States() []string { return []string{Sounding, InContact, Away, Muted, NoBox, Unsealed} }

// PoleQuery narrows the list of poles. Zero fields narrow nothing, but for the
// place.
type PoleQuery struct {
	Place      loa.Path // poles at or below it
	Text       string   // in name, code and serial number, with or without marks
	Technology string
	State      string // one of States
	Sensitive  bool   // only poles near what must be quiet
	Offset     int
	Limit      int // 50 by default, 500 at most
}

// Standing is one pole with the box at work on it.
type Standing struct {
	Pole
	Box    string // id, "" where no box is placed
	Stale  bool
	Health Health
	Muted  int64 // until when it is muted, 0 if it is not
}

// State is the word for how the pole is now.
func (s Standing) State(nowMS int64) string {
	switch {
	case s.Muted > nowMS:
		return Muted
	case s.Box == "":
		return NoBox
	case !s.Health.InContact(nowMS):
		return Away
	case s.Health.State == "sounding":
		return Sounding
	}
	return InContact
}

// standing joins a pole to the box placed on it last and to its mute; calling
// does so from what boxes said, for the few that are away or sounding. Both
// name the same tables.
const (
	standing = ` FROM pole LEFT JOIN box ON box.pole_id = pole.id AND ` + lastBox + `
		LEFT JOIN health ON health.box_id = box.id` + hush + ` WHERE pole.removed_at IS NULL`
	calling = ` FROM health CROSS JOIN box CROSS JOIN pole` + hush + `
		WHERE box.id = health.box_id AND pole.id = box.pole_id AND ` + lastBox + ` AND pole.removed_at IS NULL`
	lastBox = `box.state = '` + Placed + `' AND NOT EXISTS (SELECT 1 FROM box b WHERE b.pole_id = box.pole_id AND b.state = '` + Placed + `' AND b.id > box.id)`
	hush    = ` LEFT JOIN (SELECT pole AS code, MAX(until_ms) AS until FROM mute WHERE from_ms <= ? AND until_ms > ? GROUP BY pole) AS hush ON hush.code = pole.code`
)

// poleIn is the condition that a pole stands at or below a place, as one range
// that an index answers alone.
func poleIn(place loa.Path) (q string, args []any) {
	from, to := db.PrefixRange(string(place))
	return ` AND pole.path >= ? AND pole.path < ? AND (pole.path = ? OR pole.path >= ?)`, []any{place, to, place, from}
}

// standingAt is standing at or below a place. Above the communes most poles
// match: they are walked in the order of the list and not sorted, all of them.
func (r *Register) standingAt(tx *db.Tx, place loa.Path) (q string, args []any) {
	in, args := poleIn(place)
	if place.Commune() == "" {
		in = strings.ReplaceAll(in, "pole.path", r.DB.Aside("pole.path"))
	}
	return standing + in, append([]any{tx.NowMS(), tx.NowMS()}, args...)
}

// callingAt is calling at or below a place.
func callingAt(tx *db.Tx, place loa.Path) (q string, args []any) {
	in, args := poleIn(place)
	return calling + in, append([]any{tx.NowMS(), tx.NowMS()}, args...)
}

// Poles lists poles in the order of their places and names.
func (r *Register) Poles(ctx context.Context, q PoleQuery) (all []Standing, err error) {
	if q.Limit <= 0 || q.Limit > 500 {
		q.Limit = 50
	}
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		from, at := r.standingAt(tx, q.Place)
		if q.State == Away || q.State == Sounding {
			from, at = callingAt(tx, q.Place)
		}
		where, args := q.narrow(tx.NowMS())
		args = append(append(at, args...), q.Limit, max(0, q.Offset))
		all, err = db.All(tx, db.Anew+`SELECT `+standingColumns+from+where+` ORDER BY pole.path, pole.name_sort, pole.id LIMIT ? OFFSET ?`, args, scanStanding)
		return err
	})
	return all, err
}

const standingColumns = `COALESCE(box.id, ''), COALESCE(box.stale, 0), COALESCE(hush.until, 0),
	COALESCE(health.at, 0), COALESCE(health.state, ''), COALESCE(health.warrant, ''), COALESCE(health.volume, 0), ` + poleColumns

func scanStanding(scan func(...any) error) (s Standing, err error) {
	var l loose
	var stale int
	h := &s.Health
	if err := scan(append([]any{&s.Box, &stale, &s.Muted, &h.At, &h.State, &h.Warrant, &h.Volume}, s.fields(&l)...)...); err != nil {
		return s, err
	}
	s.Stale = stale == 1
	return s, s.finish(l)
}

func (q PoleQuery) narrow(now int64) (where string, args []any) {
	and := func(condition string, values ...any) {
		where += " AND " + condition
		args = append(args, values...)
	}
	if words := strings.Join(strings.Fields(lang.Fold(q.Text)), " "); words != "" {
		and(`pole.name_fold LIKE ? ESCAPE '!'`, "%"+strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(words)+"%")
	}
	if q.Technology != "" {
		and(`pole.technology = ?`, q.Technology)
	}
	if q.Sensitive {
		and(`pole.sensitive <> ''`)
	}
	if c := stateIs(q.State); c != "" {
		and("("+c+")", stateArgs(q.State, now)...)
	}
	return where, args
}

// stateIs is the condition for a state, the same that State says one by one.
func stateIs(state string) string {
	const calls, silent = `health.at > ?`, `health.at <= ?`
	switch state {
	case InContact:
		return `hush.until IS NULL AND ` + calls + ` AND health.state <> 'sounding'`
	case Sounding:
		return `hush.until IS NULL AND health.state = 'sounding' AND +` + calls // plus: few boxes sound, so SQLite begins with them
	case Away:
		return `hush.until IS NULL AND ` + silent
	case Muted:
		return `hush.until IS NOT NULL`
	case NoBox:
		return `hush.until IS NULL AND box.id IS NULL`
	case Unsealed:
		return `box.stale = 1`
	}
	return ""
}

func stateArgs(state string, now int64) []any {
	if state == InContact || state == Sounding || state == Away {
		return []any{now - Silent}
	}
	return nil
}

// Sums counts the poles at or below a place by state, horns too: figures are
// asked for in cụm and in loa.
type Sums struct {
	Poles int
	Horns int
	By    map[string]int // by state
}

// Count is the sums of a place. Most poles are in contact, so what is counted
// is the others: no statement but the first reads every pole.
func (r *Register) Count(ctx context.Context, place loa.Path) (s Sums, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		in, at := poleIn(place)
		now := tx.NowMS()
		const boxed = `EXISTS (SELECT 1 FROM box WHERE box.pole_id = pole.id AND box.state = '` + Placed + `')`
		const muted = `EXISTS (SELECT 1 FROM mute WHERE mute.pole = pole.code AND mute.from_ms <= ? AND mute.until_ms > ?)`
		var bare int
		if err := tx.Row(db.Anew+`SELECT COUNT(*), COALESCE(SUM(pole.horns), 0), COALESCE(SUM(CASE WHEN `+boxed+` OR `+muted+` THEN 0 ELSE 1 END), 0)
			FROM pole WHERE pole.removed_at IS NULL`+in, append([]any{now, now}, at...)...).Scan(&s.Poles, &s.Horns, &bare); err != nil {
			return err
		}
		s.By = map[string]int{NoBox: bare}
		count := func(state, from string, args ...any) error {
			var n int
			err := tx.Row(db.Anew+`SELECT COUNT(*)`+from, args...).Scan(&n)
			s.By[state] = n
			return err
		}
		if err := count(Muted, ` FROM pole WHERE pole.code IN (SELECT mute.pole FROM mute WHERE mute.from_ms <= ? AND mute.until_ms > ?)
			AND pole.removed_at IS NULL`+in, append([]any{now, now}, at...)...); err != nil {
			return err
		}
		from, called := callingAt(tx, place)
		for _, state := range []string{Away, Sounding} {
			if err := count(state, from+` AND `+stateIs(state), append(slices.Clone(called), stateArgs(state, now)...)...); err != nil {
				return err
			}
		}
		if err := count(Unsealed, ` FROM box CROSS JOIN pole WHERE box.stale = 1 AND pole.id = box.pole_id AND `+lastBox+`
			AND pole.removed_at IS NULL`+in, at...); err != nil {
			return err
		}
		s.By[InContact] = s.Poles - s.By[NoBox] - s.By[Muted] - s.By[Away] - s.By[Sounding]
		return nil
	})
	return s, err
}

// Standing is one pole by its public code, as the list has it.
func (r *Register) Standing(ctx context.Context, code string) (s Standing, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		p, err := poleByCode(tx, code)
		if err != nil {
			return err
		}
		s, err = scanStanding(tx.Row(`SELECT `+standingColumns+standing+` AND pole.id = ?`, tx.NowMS(), tx.NowMS(), p.ID).Scan)
		return err
	})
	return s, err
}

// BoxesOf lists every box that ever hung on a pole, the newest first.
func (r *Register) BoxesOf(ctx context.Context, pole string) (all []Box, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, boxQuery+`box.pole_id = ? ORDER BY box.id DESC`, []any{pole}, scanBox)
		return err
	})
	return all, err
}

// Waiting lists the boxes at or below a place that asked with a code and that
// nobody has confirmed.
func (r *Register) Waiting(ctx context.Context, place loa.Path) (all []Box, err error) {
	in, at := poleIn(place)
	in = strings.ReplaceAll(in, "pole.path", r.DB.Aside("pole.path")) // few boxes wait: begin with them
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, boxQuery+`box.state = ?`+in+` ORDER BY box.id`, append([]any{Waiting}, at...), scanBox)
		return err
	})
	return all, err
}

// SilentSince lists poles with a box at work that has not called since a moment
// and that nobody muted, the longest silent first, and counts them all. A box
// that never called counts from its enrolment.
func (r *Register) SilentSince(ctx context.Context, place loa.Path, since time.Time, limit int) (all []Standing, count int, err error) {
	const silent = ` AND hush.until IS NULL AND health.at < ? AND (health.at > 0 OR box.made_at < ?)`
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		from, args := callingAt(tx, place)
		all, err = db.All(tx, db.Anew+`SELECT COUNT(*) OVER (), `+standingColumns+from+silent+` ORDER BY health.at, pole.id LIMIT ?`,
			append(args, since.UnixMilli(), since.UnixMilli(), limit), func(scan func(...any) error) (Standing, error) {
				return scanStanding(func(to ...any) error { return scan(append([]any{&count}, to...)...) })
			})
		return err
	})
	return all, count, err
}

// LastPlace is where at or below a place the last pole was put, "" for none.
func (r *Register) LastPlace(ctx context.Context, place loa.Path) (at loa.Path, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		in, args := poleIn(place)
		err := tx.Row(`SELECT pole.path FROM pole WHERE pole.removed_at IS NULL`+in+` ORDER BY pole.created_at DESC, pole.id DESC LIMIT 1`, args...).Scan(&at)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		return err
	})
	return at, err
}
