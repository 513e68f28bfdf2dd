package bulletin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
)

// The two parts of a station's day (khung giờ phát). Bulletins are placed in
// sessions, not at clock times.
const (
	Morning   = "morning"
	Afternoon = "afternoon"
)

const (
	gap     = 3_000  // ms of silence between two items of a session
	tooLate = 15_000 // ms before its start when a session's order stands fast
)

// Frame is a standing session of a station, from its regulation: minutes after
// midnight in UTC+7, on the weekdays listed (1 is Monday).
type Frame struct {
	Path  loa.Path
	Part  string
	Name  string
	From  int
	Until int
	Days  []int
}

// Session (buổi phát) is one day's occurrence of a frame.
type Session struct {
	Frame
	Day   string // 2026-11-23
	Start int64  // UTC ms
	End   int64
	Items []Item // in running order

	taken []Item // what else is on the air around it: phát ngay, another session that ran over
}

// Key names a session inside its commune: "2026-11-23/morning".
func (s Session) Key() string { return s.Day + "/" + s.Part }

// Item is a bulletin's place in a session's running order (thứ tự phát).
type Item struct {
	Slot     string
	Bulletin string
	Title    string
	Priority bool
	Position int64 // order of arrival
	Start    int64 // UTC ms, what arranging decides
	MS       int64
}

// SetFrame writes a standing session of a commune's station.
func (f *Flow) SetFrame(ctx context.Context, who loa.Actor, fr Frame) error {
	if (fr.Part != Morning && fr.Part != Afternoon) || fr.Path.Commune() != fr.Path || fr.Path == "" ||
		fr.From < 0 || fr.Until > 1440 || fr.From >= fr.Until || len(fr.Days) == 0 {
		return loa.Errorf(loa.Invalid, "session.frame")
	}
	if err := who.Must(loa.RightDispatch, fr.Path); err != nil {
		return err
	}
	var days strings.Builder
	for _, d := range fr.Days {
		if d < 1 || d > 7 {
			return loa.Errorf(loa.Invalid, "session.frame")
		}
		fmt.Fprint(&days, d)
	}
	var row string
	entry := journal.Entry{Verb: "session.frame_set", Path: fr.Path, Subject: fr.Part, Data: fr}
	err := f.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`INSERT INTO session_frame (path, part, name, from_min, until_min, days) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (path, part) DO UPDATE SET name = excluded.name, from_min = excluded.from_min,
				until_min = excluded.until_min, days = excluded.days`,
			fr.Path, fr.Part, fr.Name, fr.From, fr.Until, days.String()); err != nil {
			return err
		}
		var err error
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("set session frame: %w", err)
	}
	f.Said(row, entry)
	return nil
}

// Frames lists a commune's standing sessions.
func (f *Flow) Frames(ctx context.Context, commune loa.Path) (all []Frame, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = framesOf(tx, commune)
		return err
	})
	return all, err
}

// on is the frame's session of one day, false on a day without.
func (fr Frame) on(day time.Time) (Session, bool) {
	day = day.In(loa.Zone())
	if !slices.Contains(fr.Days, (int(day.Weekday())+6)%7+1) {
		return Session{}, false
	}
	midnight := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, loa.Zone())
	return Session{
		Frame: fr, Day: day.Format(time.DateOnly),
		Start: midnight.Add(time.Duration(fr.From) * time.Minute).UnixMilli(),
		End:   midnight.Add(time.Duration(fr.Until) * time.Minute).UnixMilli(),
	}, true
}

// Sessions lists a commune's sessions of the coming days that have not ended,
// each with its running order.
func (f *Flow) Sessions(ctx context.Context, commune loa.Path, days int) (all []Session, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all = nil
		frames, err := framesOf(tx, commune)
		if err != nil {
			return err
		}
		for d := range days {
			for _, fr := range frames {
				s, ok := fr.on(tx.Now().AddDate(0, 0, d))
				if !ok || s.End <= tx.NowMS() {
					continue
				}
				if s.Items, err = itemsOf(tx, commune, s.Key()); err != nil {
					return err
				}
				all = append(all, s)
			}
		}
		slices.SortFunc(all, func(a, b Session) int { return cmp.Compare(a.Start, b.Start) })
		return nil
	})
	return all, err
}

// arrange decides the running order of a session and every start in it:
// priority first, then in order of arrival, with a breath between, around what
// is taken. Items that have begun, or are about to, keep their start; the
// others follow.
func (s Session) arrange(now int64) ([]Item, error) {
	items := slices.Clone(s.Items)
	at := s.Start
	fast := func(it Item) bool { return it.Start != 0 && it.Start <= now+tooLate }
	slices.SortStableFunc(items, func(a, b Item) int {
		return cmp.Or(
			-compareBool(fast(a), fast(b)),
			-compareBool(a.Priority && !fast(a), b.Priority && !fast(b)),
			cmp.Compare(a.Position, b.Position),
		)
	})
	at = max(at, now+tooLate)
	if now+tooLate < s.Start {
		at = s.Start
	}
	for i := range items {
		if fast(items[i]) {
			at = max(at, items[i].Start+items[i].MS+gap)
			continue
		}
		items[i].Start = opening(s.taken, at, items[i].MS)
		at = items[i].Start + items[i].MS + gap
		if items[i].Start+items[i].MS > s.End {
			return nil, loa.Errorf(loa.Conflict, "session.full", s.Name, s.Day)
		}
	}
	return items, nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// opening finds the first moment at or after from at which ms milliseconds fit
// between the items already planned.
func opening(items []Item, from, ms int64) int64 {
	items = slices.Clone(items)
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.Start, b.Start) })
	at := from
	for _, it := range items {
		if it.Start+it.MS+gap <= at {
			continue
		}
		if at+ms+gap <= it.Start {
			break
		}
		at = it.Start + it.MS + gap
	}
	return at
}
