package bulletin

// Beside the line: what pages read.

import (
	"context"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/lang"
	"loa/wire"
)

// Find is one bulletin, for somebody who may read its unit, or in whose
// commune's inbox it stands.
func (f *Flow) Find(ctx context.Context, who loa.Actor, id string) (b Bulletin, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		if b, err = load(tx, id); err != nil {
			return err
		}
		if who.May(loa.RightRead, b.Path) {
			return nil
		}
		mine, err := offeredTo(tx, who, id)
		if err != nil || mine {
			return err
		}
		return who.Must(loa.RightRead, b.Path)
	})
	return b, err
}

// Query narrows a list. Zero fields narrow nothing.
type Query struct {
	Path                loa.Path // the unit and everything below it
	States              []State
	Author              string // person id
	Category            Category
	Role                wire.Role // of the library
	NoRole              bool      // ordinary bulletins only
	MadeFrom, MadeUntil int64     // UTC ms, 0 is open
	Text                string    // in title and text, with or without diacritics
	Before              string    // id of the last row of the page before
	Limit               int       // 50 by default
}

// open reports whether only bulletins are asked for that have not ended: some
// days' worth, however many years the database keeps.
func (q Query) open() bool {
	return len(q.States) > 0 && !slices.ContainsFunc(q.States, func(s State) bool { return s == Cancelled || s == Stopped || s == Expired })
}

// List lists bulletins, the newest first.
func (f *Flow) List(ctx context.Context, who loa.Actor, q Query) (all []Bulletin, err error) {
	if err := who.Must(loa.RightRead, q.Path); err != nil {
		return nil, err
	}
	from, to := db.PrefixRange(string(q.Path))
	path, state, order := "path", f.DB.Aside("state"), "id" // most of a year has ended: its state finds nothing
	if q.open() {                                           // few rows of many: find them by state, whatever their place
		path, state, order = f.DB.Aside("path"), "state", f.DB.Aside("id")
	} else if q.Path.Commune() == "" { // most rows match: walk them by id, the newest first, and not by place to sort them all
		path = f.DB.Aside("path")
	}
	where := []string{`(` + path + ` = ? OR (` + path + ` >= ? AND ` + path + ` < ?))`}
	args := []any{q.Path, from, to}
	if len(q.States) > 0 {
		where = append(where, state+` IN (?`+strings.Repeat(", ?", len(q.States)-1)+`)`)
		for _, s := range q.States {
			args = append(args, string(s))
		}
	}
	if q.Author != "" {
		where, args = append(where, `author = ?`), append(args, q.Author)
	}
	if q.Category != "" {
		where, args = append(where, `category = ?`), append(args, string(q.Category))
	}
	if q.Role != "" {
		where, args = append(where, `role = ?`), append(args, string(q.Role))
	}
	if q.NoRole {
		where = append(where, `role = ''`)
	}
	if q.MadeFrom != 0 {
		where, args = append(where, `made_at >= ?`), append(args, q.MadeFrom)
	}
	if q.MadeUntil != 0 {
		where, args = append(where, `made_at < ?`), append(args, q.MadeUntil)
	}
	if q.Before != "" {
		where, args = append(where, `id < ?`), append(args, q.Before)
	}
	if words := strings.TrimSpace(lang.Fold(q.Text)); words != "" {
		where = append(where, `title_fold LIKE ? ESCAPE '\'`)
		args = append(args, "%"+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(words)+"%")
	}
	if q.Limit <= 0 || q.Limit > 500 {
		q.Limit = 50
	}
	args = append(args, q.Limit)
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, db.Anew+`SELECT `+columns+` FROM bulletin WHERE `+strings.Join(where, " AND ")+` ORDER BY `+order+` DESC LIMIT ?`, args, scan)
		if err != nil {
			return err
		}
		return withRenditions(tx, all)
	})
	return all, err
}

// Hearing says how a person came to know the present bytes: "", Heard or Read,
// and of each rendition the same.
func (f *Flow) Hearing(ctx context.Context, b Bulletin, person string) (how string, each []string, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		each, err = hearings(tx, b, person)
		return err
	})
	return known(each), each, err
}

// Approvals lists who approved the present bytes.
func (f *Flow) Approvals(ctx context.Context, b Bulletin) (all []Approval, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = approvals(tx, b.ID, loa.Hash(b.Payload))
		return err
	})
	return all, err
}

// Slot is one planned start, for pages.
type Slot struct {
	ID        string
	Bulletin  string
	Commune   loa.Path
	Session   string
	Start     int64
	MS        int64
	Cancelled bool
}

// Slots lists the starts of a bulletin, cancelled ones included.
func (f *Flow) Slots(ctx context.Context, id string) (all []Slot, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT id, bulletin_id, commune, session, start_ms, ms, COALESCE(cancelled_at, 0)
			FROM slot WHERE bulletin_id = ? ORDER BY start_ms, commune`, []any{id},
			func(scan func(...any) error) (s Slot, err error) {
				var cancelled int64
				err = scan(&s.ID, &s.Bulletin, &s.Commune, &s.Session, &s.Start, &s.MS, &cancelled)
				s.Cancelled = cancelled != 0
				return s, err
			})
		return err
	})
	return all, err
}

// Playback is one line of the playback log (nhật ký phát).
type Playback struct {
	Box      string
	N        int64
	Slot     string
	Warrant  string
	Bulletin string
	Title    string
	Planned  int64
	Started  int64
	MS       int64
	SkewUS   int64
	Volume   int
	Result   wire.Result
	Why      string
	Clock    string
	Verified bool   // on the box: seal and hash
	Degree   string // A, B, C, D
	Received int64
	PoleName string // where the box stands now
	PoleCode string
	Sounds   bool   // its bulletin's sound is still kept
	Alarm    string // id of the alarm it sounded for
}

// micSlot is how the id of a slot begins that a box's own microphone made.
const micSlot = "mic-"

// Mic reports whether a person spoke at the box itself.
func (p Playback) Mic() bool { return strings.HasPrefix(p.Slot, micSlot) }

// LogQuery says which lines of the playback log. Zero fields narrow nothing,
// but for the place: nobody reads the log of nowhere.
type LogQuery struct {
	Place    loa.Path // boxes at or below it
	Pole     string   // id
	Bulletin string
	Session  string      // "2026-11-23/morning"
	Result   wire.Result // how it ended
	Failed   bool        // only what was meant and did not play to its end, without what a mute kept silent
	From     time.Time   // planned at or after
	Until    time.Time   // planned before
	Offset   int
	Limit    int // 200 by default, 5000 at most
}

// narrow is the condition of a query, and what stands in it.
func (q LogQuery) narrow() (where []string, args []any) {
	and := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	from, to := db.PrefixRange(string(q.Place))
	and(`box.pole_id = pole.id AND playback.box_id = box.id AND (pole.path = ? OR (pole.path >= ? AND pole.path < ?))`, q.Place, from, to)
	if q.Result != "" {
		and(`playback.result = ?`, string(q.Result))
	}
	if q.Failed {
		and(`playback.result <> 'played' AND playback.why <> ?`, wire.WhyMuted) // as the index playback_failed says it
	}
	if q.Pole != "" {
		and(`pole.id = ?`, q.Pole)
	}
	if q.Bulletin != "" {
		and(`playback.bulletin_id = ?`, q.Bulletin)
	}
	if q.Session != "" {
		and(`EXISTS (SELECT 1 FROM slot WHERE slot.id = playback.slot AND slot.session = ?)`, q.Session)
	}
	if !q.From.IsZero() {
		and(`playback.planned >= ?`, q.From.UnixMilli())
	}
	if !q.Until.IsZero() {
		and(`playback.planned < ?`, q.Until.UnixMilli())
	}
	return where, args
}

// tables is where the log is read, joined by narrow. SQLite works in the order
// given: a commune's log begins with its few boxes, a province's with the minute.
func (q LogQuery) tables() string {
	from := `playback CROSS JOIN box CROSS JOIN pole`
	if q.Bulletin == "" && (q.Place.Commune() != "" || q.Pole != "") {
		from = `pole CROSS JOIN box CROSS JOIN playback`
	}
	return ` FROM ` + from
}

// Log lists playbacks, the newest first. Its lines are picked before they are
// read, from the indexes: a pole has a year of them, and a page fifty.
func (f *Flow) Log(ctx context.Context, who loa.Actor, q LogQuery) (all []Playback, err error) {
	if err := who.Must(loa.RightRead, q.Place); err != nil {
		return nil, err
	}
	if q.Limit <= 0 {
		q.Limit = 200
	}
	where, args := q.narrow()
	args = append(args, min(q.Limit, 5000), max(0, q.Offset))
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, db.Anew+`SELECT playback.box_id, playback.n, playback.slot, playback.warrant, playback.bulletin_id,
				COALESCE(bulletin.title, alarm.title, ''), COALESCE(alarm.id, ''), playback.planned, playback.started, playback.ms, playback.skew_us, playback.volume,
				playback.result, playback.why, playback.clock, playback.verified, playback.degree, playback.received_at, page.name, page.code,
				COALESCE((SELECT 1 FROM rendition WHERE rendition.bulletin_id = bulletin.id AND rendition.media <> '' AND rendition.kept_months = 0 LIMIT 1), 0)
			FROM (SELECT playback.box_id, playback.n, pole.name, pole.code`+q.tables()+`
				WHERE `+strings.Join(where, " AND ")+` ORDER BY playback.planned DESC, playback.box_id, playback.n LIMIT ? OFFSET ?) AS page
				CROSS JOIN playback
				LEFT JOIN bulletin ON bulletin.id = playback.bulletin_id
				LEFT JOIN alarm ON playback.bulletin_id = '' AND alarm.warrant = playback.warrant
			WHERE playback.box_id = page.box_id AND playback.n = page.n
			ORDER BY playback.planned DESC, playback.box_id, playback.n`, args,
			func(scan func(...any) error) (p Playback, err error) {
				var verified int
				err = scan(&p.Box, &p.N, &p.Slot, &p.Warrant, &p.Bulletin, &p.Title, &p.Alarm, &p.Planned, &p.Started, &p.MS, &p.SkewUS,
					&p.Volume, &p.Result, &p.Why, &p.Clock, &verified, &p.Degree, &p.Received, &p.PoleName, &p.PoleCode, &p.Sounds)
				p.Verified = verified == 1
				return p, err
			})
		return err
	})
	return all, err
}

// MicSpoken lists what the microphone of a box said, the newest first.
func (f *Flow) MicSpoken(ctx context.Context, box string, limit int) (all []Playback, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT box_id, n, slot, planned, started, ms, result, why FROM playback WHERE box_id = ? AND bulletin_id = ''
			AND slot >= ? AND slot < ? ORDER BY planned DESC, n DESC LIMIT ?`, []any{box, micSlot, micSlot[:3] + ".", limit},
			func(scan func(...any) error) (p Playback, err error) {
				return p, scan(&p.Box, &p.N, &p.Slot, &p.Planned, &p.Started, &p.MS, &p.Result, &p.Why)
			})
		return err
	})
	return all, err
}

// Meant lists the boxes the last dispatch of a bulletin meant. Who of them sent
// no receipt stayed silent.
func (f *Flow) Meant(ctx context.Context, id string) (boxes []string, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		lists, err := db.All(tx, `SELECT meant FROM dispatch WHERE bulletin_id = ? ORDER BY id DESC LIMIT 1`, []any{id},
			func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
		if len(lists) > 0 {
			boxes = strings.Fields(lists[0])
		}
		return err
	})
	return boxes, err
}

// Sounded says where a bulletin stands and how many speakers have played it to
// its end, the first and the last of them when: for the body it came from.
func Sounded(tx *db.Tx, id string) (stands State, boxes int, first, last time.Time, err error) {
	var from, until int64
	err = tx.Row(`SELECT bulletin.state, COUNT(DISTINCT playback.box_id), COALESCE(MIN(playback.started), 0), COALESCE(MAX(playback.started), 0)
		FROM bulletin LEFT JOIN playback ON playback.bulletin_id = bulletin.id AND playback.result = ?
		WHERE bulletin.id = ? GROUP BY bulletin.state`, string(wire.Played), id).Scan(&stands, &boxes, &from, &until)
	return stands, boxes, time.UnixMilli(from), time.UnixMilli(until), err
}

// Quiet lists the communes at or below a place that have speakers at work and
// where nothing was played to its end since a moment: nobody there heard anything.
func (f *Flow) Quiet(ctx context.Context, who loa.Actor, place loa.Path, since time.Time) (all []loa.Path, err error) {
	if err := who.Must(loa.RightRead, place); err != nil {
		return nil, err
	}
	from, to := db.PrefixRange(string(place))
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, db.Anew+`SELECT path FROM commune WHERE (path = ? OR (path >= ? AND path < ?))
			AND EXISTS (SELECT 1 FROM box WHERE box.path = commune.path AND box.state = 'placed')
			AND NOT EXISTS (SELECT 1 FROM box CROSS JOIN playback
				WHERE box.path = commune.path AND playback.box_id = box.id AND playback.planned >= ? AND playback.result = ?)
			ORDER BY path`, []any{place, from, to, since.UnixMilli(), string(wire.Played)},
			func(scan func(...any) error) (p loa.Path, err error) { return p, scan(&p) })
		return err
	})
	return all, err
}
