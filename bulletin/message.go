package bulletin

// Beside the line: one message after each session (buổi phát), so that nobody
// walks round the poles to know that all is well.

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
	"loa/wire"
)

// Patience is how long after its end a session is waited for: receipts come
// within two minutes of a playback, and the slow ones within three more.
const Patience = 5 * time.Minute

// Message is what became of one session of one station.
type Message struct {
	Commune loa.Path `json:"commune"`
	Session string   `json:"session"` // "2026-11-23/afternoon"
	Name    string   `json:"name"`    // "Buổi chiều"
	Start   int64    `json:"start"`   // UTC ms
	Items   int      `json:"items"`   // bulletins in it
	Meant   int      `json:"meant"`   // speakers it meant, muted ones left out
	Played  int      `json:"played"`  // speakers that confirmed all of theirs
	Muted   []string `json:"muted,omitempty"`
	Silent  []Silent `json:"silent,omitempty"`
}

// Silent is a speaker that did not confirm all it was meant to play.
type Silent struct {
	Pole  string `json:"pole"`
	Code  string `json:"code"`
	Why   string `json:"why"`   // "offline", "no_receipt", or the reason or result that the speaker gave
	Since int64  `json:"since"` // of offline: its last contact
	Lost  int    `json:"lost"`  // bulletins it did not play
}

// meantBox is a speaker that a session meant, and what it has to say for itself.
type meantBox struct {
	id, pole, code string
	seen           int64 // last beat
	slots          []sessionSlot
}

// sessionSlot is one start of a bulletin in a session.
type sessionSlot struct {
	id, bulletin string
	start, ms    int64
	poles        []string
}

// tell puts the message together: from whom the slots meant, what their sealed
// lines say, who was muted, and when each was last heard.
func tell(m Message, boxes []meantBox, lines map[string]map[string]wire.Line, muted func(code string, start, ms int64) bool, now int64) Message {
	for _, b := range boxes {
		lost, hushed, why := 0, 0, ""
		for _, s := range b.slots {
			l, said := lines[b.id][s.id]
			switch {
			case said && l.Result == wire.Played:
			case said && l.Why == wire.WhyMuted, !said && muted(b.code, s.start, s.ms):
				hushed++
			default:
				lost++
				if said && why == "" {
					if why = l.Why; why == "" {
						why = string(l.Result)
					}
				}
			}
		}
		switch {
		case lost == 0 && hushed > 0:
			m.Muted = append(m.Muted, b.pole)
			continue
		case lost == 0:
			m.Meant++
			m.Played++
			continue
		}
		m.Meant++
		one := Silent{Pole: b.pole, Code: b.code, Why: why, Lost: lost}
		switch {
		case why != "":
		case b.seen == 0 || now-b.seen >= speaker.Silent:
			one.Why, one.Since = "offline", b.seen
		default:
			one.Why = "no_receipt"
		}
		m.Silent = append(m.Silent, one)
	}
	slices.SortFunc(m.Silent, func(a, b Silent) int { return strings.Compare(a.Code, b.Code) })
	slices.Sort(m.Muted)
	return m
}

// TellSessions writes the message of every session that ended and was waited
// for: the job of one process, every minute.
func (f *Flow) TellSessions(ctx context.Context) error {
	type ended struct{ commune, session string }
	var all []ended
	err := f.DB.Read(ctx, func(tx *db.Tx) (err error) {
		all, err = db.All(tx, `SELECT DISTINCT slot.commune, slot.session FROM slot WHERE slot.start_ms >= ? AND slot.start_ms < ? AND slot.cancelled_at IS NULL
			AND NOT EXISTS (SELECT 1 FROM session_message m WHERE m.commune = slot.commune AND m.session = slot.session) ORDER BY slot.commune, slot.session`,
			[]any{tx.Now().AddDate(0, 0, -1).UnixMilli(), tx.NowMS()}, func(scan func(...any) error) (e ended, err error) { return e, scan(&e.commune, &e.session) })
		return err
	})
	if err != nil {
		return fmt.Errorf("find ended sessions: %w", err)
	}
	for _, e := range all {
		if err := f.tellSession(ctx, loa.Path(e.commune), e.session); err != nil {
			return fmt.Errorf("tell session %s of %s: %w", e.session, e.commune, err)
		}
	}
	return nil
}

func (f *Flow) tellSession(ctx context.Context, commune loa.Path, session string) error {
	var row string
	var entry journal.Entry
	err := f.DB.Write(ctx, func(tx *db.Tx) error {
		row = ""
		m, end, err := beganAs(tx, commune, session)
		if err != nil || end == 0 || tx.NowMS() < end+Patience.Milliseconds() {
			return err
		}
		if m, err = asTold(tx, m, end, ""); err != nil || m.Items == 0 {
			return err
		}
		data, err := json.Marshal(m)
		if err != nil {
			return err
		}
		n, err := tx.Exec(`INSERT INTO session_message (commune, session, data, at) VALUES (?, ?, ?, ?) ON CONFLICT (commune, session) DO NOTHING`,
			commune, session, string(data), tx.NowMS())
		if err != nil || n == 0 {
			return err
		}
		entry = journal.Entry{Verb: "session.told", Path: commune, Subject: session, Data: m}
		row, err = journal.Append(tx, loa.System(), entry)
		return err
	})
	if err == nil && row != "" {
		f.Said(row, entry)
	}
	return err
}

// asTold is what became of a session up to now, of all its bulletins or of one.
func asTold(tx *db.Tx, m Message, end int64, bulletin string) (Message, error) {
	boxes, err := meantBy(tx, &m, bulletin)
	if err != nil || m.Items == 0 {
		return m, err
	}
	lines, err := linesOf(tx, boxes)
	if err != nil {
		return m, err
	}
	mutes, err := speaker.MutesOf(tx, m.Commune, m.Start, end)
	if err != nil {
		return m, err
	}
	return tell(m, boxes, lines, func(code string, start, ms int64) bool {
		return slices.ContainsFunc(mutes, func(u speaker.Mute) bool { return u.Pole.Code == code && u.From < start+ms && start < u.Until })
	}, tx.NowMS()), nil
}

// beganAs is a session by its key: its name, start and end; end 0 for one of no
// frame, as phát ngay is.
func beganAs(tx *db.Tx, commune loa.Path, session string) (m Message, end int64, err error) {
	day, part, _ := strings.Cut(session, "/")
	frames, err := framesOf(tx, commune)
	if err != nil {
		return m, 0, err
	}
	at, err := time.ParseInLocation(time.DateOnly, day, loa.Zone())
	if err != nil {
		return m, 0, nil //nolint:nilerr // a session of no day has no message
	}
	i := slices.IndexFunc(frames, func(fr Frame) bool { return fr.Part == part })
	if i < 0 {
		return m, 0, nil
	}
	m = Message{Commune: commune, Session: session, Name: frames[i].Name,
		Start: at.Add(time.Duration(frames[i].From) * time.Minute).UnixMilli()}
	return m, at.Add(time.Duration(frames[i].Until) * time.Minute).UnixMilli(), nil
}

// meantBy lists the speakers of a commune that the bulletins of a session meant
// when they were dispatched, and counts the bulletins; or of one bulletin alone.
func meantBy(tx *db.Tx, m *Message, bulletin string) (all []meantBox, err error) {
	one, args := "", []any{m.Commune, m.Session}
	if bulletin != "" {
		one, args = ` AND slot.bulletin_id = ?`, append(args, bulletin)
	}
	slots, err := db.All(tx, `SELECT slot.id, slot.bulletin_id, slot.start_ms, slot.ms, slot.poles FROM slot JOIN bulletin ON bulletin.id = slot.bulletin_id
		WHERE slot.commune = ? AND slot.session = ? AND slot.cancelled_at IS NULL AND slot.out = 0 AND slot.kind = 'bulletins'`+one+`
			AND EXISTS (SELECT 1 FROM dispatch WHERE dispatch.bulletin_id = bulletin.id) ORDER BY slot.start_ms, slot.id`,
		args, func(scan func(...any) error) (s sessionSlot, err error) {
			var poles string
			err = scan(&s.id, &s.bulletin, &s.start, &s.ms, &poles)
			s.poles = strings.Fields(poles)
			return s, err
		})
	if err != nil {
		return nil, err
	}
	boxes, err := db.All(tx, `SELECT box.id, pole.name, pole.code, COALESCE(health.at, 0) FROM box JOIN pole ON pole.id = box.pole_id
		LEFT JOIN health ON health.box_id = box.id WHERE box.path = ? ORDER BY pole.name_sort, box.id`, []any{m.Commune},
		func(scan func(...any) error) (b meantBox, err error) {
			return b, scan(&b.id, &b.pole, &b.code, &b.seen)
		})
	if err != nil {
		return nil, err
	}
	meant := map[string][]string{} // of a bulletin
	for _, s := range slots {
		if _, known := meant[s.bulletin]; known {
			continue
		}
		var list string
		if err := tx.Row(`SELECT meant FROM dispatch WHERE bulletin_id = ? ORDER BY id DESC LIMIT 1`, s.bulletin).Scan(&list); err != nil {
			return nil, err
		}
		meant[s.bulletin] = strings.Fields(list)
	}
	m.Items = len(meant)
	for _, b := range boxes {
		for _, s := range slots {
			if slices.Contains(meant[s.bulletin], b.id) && (len(s.poles) == 0 || slices.Contains(s.poles, b.code)) {
				b.slots = append(b.slots, s)
			}
		}
		if len(b.slots) > 0 {
			all = append(all, b)
		}
	}
	return all, nil
}

// linesOf is what speakers sealed about their slots: by box, then by slot.
func linesOf(tx *db.Tx, boxes []meantBox) (map[string]map[string]wire.Line, error) {
	all := map[string]map[string]wire.Line{}
	for _, b := range boxes {
		all[b.id] = map[string]wire.Line{}
		args := []any{b.id}
		for _, s := range b.slots {
			args = append(args, s.id)
		}
		_, err := db.All(tx, `SELECT slot, result, why FROM playback WHERE box_id = ? AND slot IN (?`+strings.Repeat(", ?", len(b.slots)-1)+`) ORDER BY n`, args,
			func(scan func(...any) error) (struct{}, error) {
				var l wire.Line
				err := scan(&l.Slot, &l.Result, &l.Why)
				if have, again := all[b.id][l.Slot]; !again || have.Result != wire.Played { // a reading that played is not lost by a later one
					all[b.id][l.Slot] = l
				}
				return struct{}{}, err
			})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Messages lists the last messages at or below a place, the newest first.
func (f *Flow) Messages(ctx context.Context, who loa.Actor, place loa.Path, since time.Time, limit int) (all []Message, err error) {
	if err := who.Must(loa.RightRead, place); err != nil {
		return nil, err
	}
	from, to := db.PrefixRange(string(place))
	commune := "commune"
	if place.Commune() == "" { // most rows match: walk the last day's by its hours
		commune = f.DB.Aside("commune")
	}
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT data FROM session_message WHERE (`+commune+` = ? OR (`+commune+` >= ? AND `+commune+` < ?)) AND at >= ? ORDER BY at DESC, commune LIMIT ?`,
			[]any{place.Commune(), from, to, since.UnixMilli(), limit}, scanMessage)
		return err
	})
	return all, err
}

func scanMessage(scan func(...any) error) (m Message, err error) {
	var data string
	if err := scan(&data); err != nil {
		return m, err
	}
	return m, json.Unmarshal([]byte(data), &m)
}
