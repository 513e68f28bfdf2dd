package bulletin

// Beside the line: whose turn it is, and a word before a session is lost. The
// rules are pure; a job of the node asks them.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/wire"
)

// How long before a session begins its approvers are reminded, and how long
// before it those who stand in are asked.
const (
	remindBefore = 60 * time.Minute
	standInAfter = 30 * time.Minute
)

// The night, in hours of local time: nobody is reminded from the one to the other.
const (
	nightFrom  = 21
	nightUntil = 6
)

// The levels of a reminder.
const (
	LevelOwn   = 1 // the place's own approvers
	LevelAbove = 2 // who stands in for them: the province's editorial board
)

// Approver is somebody who may approve for a place today, by a post.
type Approver struct {
	Person string
	Name   string
	Post   string
	Path   loa.Path // the place the right is over
	Lent   bool     // holds the post while somebody else is away
	Away   int64    // until when somebody else holds this person's post, UTC ms; 0: here
}

// Turn is whose turn it is to approve a bulletin.
type Turn struct {
	Own       []Approver // of the place, and here
	Away      []Approver // of the place, with their post lent
	Above     []Approver // who stand in
	Delegates []Grant    // who may under a grant, at this moment
	Since     int64      // waiting since, UTC ms
	Next      int64      // when the coming session begins, UTC ms; 0: none is known
	StandIn   int64      // when those above are asked, UTC ms; 0: never by the clock
	Escalated bool       // they are asked now
}

// turn is the rule: the place's own people, as long as one of them is here and the
// session is not close; then whoever stands in too. Anybody with the right may
// approve at any time; this says who is waited for.
func (b Bulletin) turn(approvers []Approver, since, next, now int64) Turn {
	t := Turn{Since: since, Next: next}
	for _, a := range approvers {
		switch {
		case a.Person == b.Author:
		case b.Path.Commune() != "" && a.Path.Commune() == "":
			t.Above = append(t.Above, a)
		case a.Away > 0:
			t.Away = append(t.Away, a)
		default:
			t.Own = append(t.Own, a)
		}
	}
	if next > 0 {
		t.StandIn = remindAt(next, standInAfter)
	}
	t.Escalated = len(t.Above) > 0 && (len(t.Own) == 0 || t.StandIn > 0 && now >= t.StandIn)
	return t
}

// remindAt is when to speak of a session that begins at start (UTC ms): so long
// before it, and on the evening before where that would be in the night.
func remindAt(start int64, before time.Duration) int64 {
	at := time.UnixMilli(start).Add(-before).In(loa.Zone())
	if !night(at) {
		return at.UnixMilli()
	}
	day := at.Day()
	if at.Hour() < nightUntil {
		day--
	}
	return time.Date(at.Year(), at.Month(), day, nightFrom, 0, 0, 0, loa.Zone()).Add(-before).UnixMilli()
}

func night(t time.Time) bool {
	h := t.In(loa.Zone()).Hour()
	return h >= nightFrom || h < nightUntil
}

// levels are the reminders that are due for a bulletin at now: none at night,
// none without a session ahead, none twice at one level (the table sees to that).
func (t Turn) levels(now int64) (due []int) {
	if t.Next <= now || night(time.UnixMilli(now)) {
		return nil
	}
	first := now >= remindAt(t.Next, remindBefore)
	if first && len(t.Own) > 0 {
		due = append(due, LevelOwn)
	}
	if t.Escalated && (first || now >= t.StandIn) {
		due = append(due, LevelAbove)
	}
	return due
}

// TurnOf says whose turn a waiting bulletin is.
func (f *Flow) TurnOf(ctx context.Context, b Bulletin) (t Turn, err error) {
	var approvers []Approver
	if f.Approvers != nil {
		if approvers, err = f.Approvers(ctx, b.Path); err != nil {
			return t, err
		}
	}
	next, err := f.awaited(ctx, b)
	if err != nil {
		return t, err
	}
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		since := b.ChangedAt
		if err := tx.Row(`SELECT COALESCE(MAX(at), CAST(? AS BIGINT)) FROM bulletin_version WHERE bulletin_id = ?`, b.ChangedAt, b.ID).Scan(&since); err != nil {
			return err
		}
		t = b.turn(approvers, since, next.Start, tx.NowMS())
		t.Delegates, err = delegates(tx, b)
		return err
	})
	return t, err
}

// delegates are the grants under which somebody may approve a bulletin now.
func delegates(tx *db.Tx, b Bulletin) ([]Grant, error) {
	w, err := wire.ReadWarrant(b.Payload)
	if err != nil {
		return nil, err
	}
	all, err := grants(tx, `until_ms > ? AND given_at IS NOT NULL AND ended_at IS NULL`, tx.NowMS())
	return slices.DeleteFunc(all, func(g Grant) bool { return g.Allows(w, g.Delegate, tx.NowMS()) != nil }), err
}

// awaited is the session that a bulletin must be approved for: the first ahead of
// those wanted while composing, otherwise the first in which it could sound; of the
// commune that speaks, or of the first it speaks to. Zero when none is known.
func (f *Flow) awaited(ctx context.Context, b Bulletin) (Session, error) {
	commune := b.Path.Commune()
	for _, p := range b.Scope {
		if commune == "" {
			commune = p.Commune()
		}
	}
	if commune == "" {
		return Session{}, nil
	}
	all, err := f.Sessions(ctx, commune, 8)
	if err != nil {
		return Session{}, err
	}
	now, err := f.now(ctx)
	if err != nil {
		return Session{}, err
	}
	all = slices.DeleteFunc(all, func(s Session) bool { return s.Start <= now || s.Start >= b.Until || s.End <= b.From })
	for _, s := range all {
		if slices.Contains(b.Wanted, Choice{s.Day, s.Part}) {
			return s, nil
		}
	}
	if len(all) == 0 {
		return Session{}, nil
	}
	return all[0], nil
}

// now is the database's moment, which the tests turn.
func (f *Flow) now(ctx context.Context) (ms int64, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error { ms = tx.NowMS(); return nil })
	return ms, err
}

// Remind writes down every reminder that is due and says how many. What is
// written is on the approvers' pages with the same commit.
func (f *Flow) Remind(ctx context.Context) (n int, err error) {
	var open []Bulletin
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		open, err = db.All(tx, `SELECT `+columns+` FROM bulletin WHERE state = ? ORDER BY id LIMIT 500`, []any{string(Submitted)}, scan)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("remind: %w", err)
	}
	for _, b := range open {
		next, err := f.awaited(ctx, b)
		if err != nil {
			return n, fmt.Errorf("remind: %w", err)
		}
		t, err := f.TurnOf(ctx, b)
		if err != nil {
			return n, fmt.Errorf("remind: %w", err)
		}
		now, err := f.now(ctx)
		if err != nil {
			return n, fmt.Errorf("remind: %w", err)
		}
		for _, level := range t.levels(now) {
			said, err := f.remind(ctx, b.ID, next, level, t)
			if err != nil {
				return n, fmt.Errorf("remind: %w", err)
			}
			if said {
				n++
			}
		}
	}
	return n, nil
}

// remind writes one reminder, unless it was written or the bulletin has moved.
func (f *Flow) remind(ctx context.Context, id string, s Session, level int, t Turn) (said bool, err error) {
	var row string
	var entry journal.Entry
	err = f.DB.Write(ctx, func(tx *db.Tx) error {
		row = ""
		b, err := hold(tx, id)
		if err != nil || b.State != Submitted {
			return err
		}
		to := t.Own
		if level == LevelAbove {
			to = t.Above
		}
		names := make([]string, len(to))
		for i, a := range to {
			names[i] = a.Name
		}
		n, err := tx.Exec(`INSERT INTO reminder (id, bulletin_id, payload_hash, session, start_ms, level, people, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (bulletin_id, payload_hash, session, level) DO NOTHING`,
			loa.NewID(tx.Now()), id, loa.Hash(b.Payload), s.Key(), s.Start, level, strings.Join(names, "\n"), tx.NowMS())
		if err != nil || n == 0 {
			return err
		}
		entry = journal.Entry{Verb: "bulletin.reminded", Path: b.Path, Subject: id,
			Data: map[string]any{"session": s.Key(), "level": level, "to": names}}
		row, err = journal.Append(tx, loa.System(), entry)
		return err
	})
	if err != nil || row == "" {
		return false, err
	}
	f.Said(row, entry)
	return true, nil
}

// Reminder is a reminder as it stands on somebody's page.
type Reminder struct {
	Waiting
	ID      string
	Session string
	Start   int64 // UTC ms
	Level   int
	At      int64
}

// RemindersFor lists the reminders that concern a person now: of sessions that
// have not begun, of bulletins they may approve; who stands in sees those of the
// second level alone. The nearest session first, one a bulletin.
func (f *Flow) RemindersFor(ctx context.Context, who loa.Actor) (all []Reminder, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all = nil
		rows, err := db.All(tx, `SELECT id, bulletin_id, payload_hash, session, start_ms, level, at FROM reminder
			WHERE start_ms > ? ORDER BY start_ms, level DESC, id`, []any{tx.NowMS()}, func(scan func(...any) error) (r Reminder, err error) {
			return r, scan(&r.ID, &r.Bulletin.ID, &r.Payload, &r.Session, &r.Start, &r.Level, &r.At)
		})
		if err != nil {
			return err
		}
		seen := map[string]bool{}
		for _, r := range rows {
			b, err := load(tx, r.Bulletin.ID)
			if err != nil {
				return err
			}
			if seen[b.ID] || b.State != Submitted || loa.Hash(b.Payload) != r.Payload {
				continue
			}
			w, err := waiting(tx, who, b)
			if err != nil {
				return err
			}
			if w == nil || w.StandsIn != "" && r.Level < LevelAbove {
				continue
			}
			seen[b.ID] = true
			r.Waiting = *w
			all = append(all, r)
		}
		return nil
	})
	return all, err
}
