package bulletin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"loa"
	"loa/calendar"
	"loa/db"
	"loa/journal"
	"loa/speaker"
	"loa/wire"
)

// The parts of a station's day (khung giờ phát). Bulletins are placed in
// sessions, not at clock times.
const (
	Morning   = "morning"
	Noon      = "noon"
	Afternoon = "afternoon"
	Evening   = "evening"
)

// Parts lists them in the order of the day.
func Parts() []string { return []string{Morning, Noon, Afternoon, Evening} }

// Frame is a standing session of a station, from its regulation: minutes after
// midnight in UTC+7, on the weekdays listed (1 is Monday).
type Frame struct {
	Path     loa.Path
	Part     string
	Name     string
	From     int
	Until    int
	Days     []int
	DaySet   string // of package calendar, "123456 -holiday +full", in place of Days; "" for the weekdays alone
	Override string // why it is set although the regulation says otherwise

	set  calendar.DaySet
	book calendar.Book // what the commune decided about days
}

// Session (buổi phát) is one day's occurrence of a frame.
type Session struct {
	Frame
	Day      string // 2026-11-23
	Start    int64  // UTC ms
	End      int64
	Standing []Item // the standing programme; one without a length cannot sound that day
	Relays   []Item // windows of relays, each with its fixed start
	Items    []Item // bulletins, those that fell out among them
	NoMusic  bool   // somebody took the music out this once
	First    string // slot of the priority bulletin a person put first
	Decided  string // who: a name, "system" if nobody chose in time

	taken []Item           // what else is on the air around it: phát ngay, another session that ran over
	aired map[string]int64 // starts of standing items as they were planned before, by slot
}

// Key names a session inside its commune: "2026-11-23/morning".
func (s Session) Key() string { return s.Day + "/" + s.Part }

// slotOf is the id of a standing item's slot, the same in every later plan.
func (s Session) slotOf(position int, k Kind) string {
	return loa.Hash(fmt.Appendf(nil, "%s %s %d %s", s.Path, s.Key(), position, k))[:32]
}

// SetFrame writes a standing session of a commune's station.
func (f *Flow) SetFrame(ctx context.Context, who loa.Actor, fr Frame) error {
	if !slices.Contains(Parts(), fr.Part) || fr.Path.Commune() != fr.Path || fr.Path == "" ||
		fr.From < 0 || fr.Until > 1440 || fr.From >= fr.Until || len(fr.Days) == 0 || len(fr.Override) > 500 ||
		slices.ContainsFunc(fr.Days, func(d int) bool { return d < 1 || d > 7 }) {
		return loa.Errorf(loa.Invalid, "session.frame")
	}
	if _, err := calendar.ParseDaySet(fr.DaySet); fr.DaySet != "" && err != nil {
		return err
	}
	return f.write(ctx, who, fr.Path, journal.Entry{Verb: "session.frame_set", Subject: fr.Part, Data: fr}, func(tx *db.Tx) error {
		frames, err := framesOf(tx, fr.Path)
		if err != nil {
			return err
		}
		frames = append(slices.DeleteFunc(frames, func(o Frame) bool { return o.Part == fr.Part }), fr)
		for _, o := range frames {
			if o.Part != fr.Part && o.From < fr.Until && fr.From < o.Until {
				return loa.Errorf(loa.Conflict, "session.overlap", o.Name)
			}
		}
		r, ok, err := regulationOn(tx, fr.Path, tx.NowMS())
		if err != nil {
			return err
		}
		if found := r.Lint(frames, nil); ok && len(found) > 0 && fr.Override == "" {
			return loa.Errorf(loa.Conflict, "regulation.against", found[0].Name)
		}
		return storeFrame(tx, fr)
	})
}

// DropFrame ends a standing session. What stands in its coming sessions stays.
func (f *Flow) DropFrame(ctx context.Context, who loa.Actor, commune loa.Path, part string) error {
	return f.write(ctx, who, commune, journal.Entry{Verb: "session.frame_dropped", Subject: part}, func(tx *db.Tx) error {
		n, err := tx.Exec(`DELETE FROM session_frame WHERE path = ? AND part = ?`, commune, part)
		if err == nil && n == 0 {
			return loa.Errorf(loa.NotFound, "session.none", string(commune), part)
		}
		return err
	})
}

// write is the one shape of a change to a station: its holder's right, the
// change, the plan and the journal row in one transaction.
func (f *Flow) write(ctx context.Context, who loa.Actor, commune loa.Path, entry journal.Entry, change func(tx *db.Tx) error) error {
	if err := who.Must(loa.RightDispatch, commune); err != nil {
		return err
	}
	entry.Path = commune
	var row string
	err := f.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if err := holdStation(tx, commune); err != nil {
			return err
		}
		if err := change(tx); err != nil {
			return err
		}
		if _, entry.Emits, err = f.plans(tx, []loa.Path{commune}, "", ""); err != nil {
			return err
		}
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", entry.Verb, err)
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
	held := slices.Contains(fr.Days, (int(day.Weekday())+6)%7+1)
	if fr.DaySet != "" {
		held = fr.set.Has(fr.book, calendar.Of(day))
	}
	if !held {
		return Session{}, false
	}
	midnight := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, loa.Zone())
	return Session{
		Frame: fr, Day: day.Format(time.DateOnly),
		Start: midnight.Add(time.Duration(fr.From) * time.Minute).UnixMilli(),
		End:   midnight.Add(time.Duration(fr.Until) * time.Minute).UnixMilli(),
	}, true
}

// Programme is one day of a station: everything that says what will be heard.
type Programme struct {
	Commune    loa.Path
	Day        string
	Regulation Regulation // of that day, without a number if there is none
	Policies   []wire.Policy
	Mutes      []speaker.Mute
	Sessions   []Session
	Orders     []Running // the running order of each session
	Now        []Item    // phát ngay, phát thử
}

// Programme reads one day of a commune's station.
func (f *Flow) Programme(ctx context.Context, commune loa.Path, day string) (p Programme, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		p, err = programmeOf(tx, commune, day)
		return err
	})
	return p, err
}

// Heard says whether a box would let an item of the programme sound, by the
// functions boxes themselves use; mine is false for an item that means others.
func (p Programme) Heard(it Item, box wire.Placement) (a wire.Allowed, mine bool) {
	places := make([]wire.Place, len(it.Scope))
	for i, q := range it.Scope {
		places[i] = wire.Place{Path: q}
	}
	if len(places) == 0 {
		places = []wire.Place{{Path: p.Commune}}
	}
	if !wire.ForMe(wire.Slot{Poles: it.Poles}, wire.Warrant{Scope: places}, box) {
		return wire.Allowed{}, false
	}
	var mutes []wire.Mute
	for _, m := range p.Mutes {
		mutes = append(mutes, wire.Mute{Pole: m.Pole.Code, From: m.From, Until: m.Until})
	}
	if wire.Muted(mutes, box, it.Start, it.MS) {
		return wire.Allowed{Why: wire.WhyMuted}, true
	}
	class := wire.Normal
	if it.Priority {
		class = wire.Priority
	}
	return wire.DeviceAllows(p.Policies, box, class, it.Kind.role(), it.Start, it.MS), true
}

func programmeOf(tx *db.Tx, commune loa.Path, day string) (p Programme, err error) {
	date, err := time.ParseInLocation(time.DateOnly, day, loa.Zone())
	if err != nil {
		return p, loa.Errorf(loa.Invalid, "schedule.day", loa.Clip(day))
	}
	from, until := date.UnixMilli(), date.AddDate(0, 0, 1).UnixMilli()
	p = Programme{Commune: commune, Day: day}
	if p.Regulation, _, err = regulationOn(tx, commune, from); err != nil {
		return p, err
	}
	if p.Policies, err = speaker.Policies(tx, commune); err != nil {
		return p, err
	}
	if p.Mutes, err = speaker.MutesOf(tx, commune, from, until); err != nil {
		return p, err
	}
	frames, err := framesOf(tx, commune)
	if err != nil {
		return p, err
	}
	for _, fr := range frames {
		s, ok := fr.on(date)
		if !ok {
			continue
		}
		if s, err = fillSession(tx, s, p.Policies); err != nil {
			return p, err
		}
		p.Sessions, p.Orders = append(p.Sessions, s), append(p.Orders, s.Arrange(tx.NowMS()))
	}
	p.Now, err = nowItems(tx, commune, day)
	return p, err
}

// fillSession reads what stands in a session, and what stands around it; the
// policies are its commune's.
func fillSession(tx *db.Tx, s Session, policies []wire.Policy) (_ Session, err error) {
	if s.Items, err = itemsOf(tx, s.Path, s.Key()); err != nil {
		return s, err
	}
	if s.aired, err = airedOf(tx, s.Path, s.Key()); err != nil {
		return s, err
	}
	if s.taken, err = itemsBeside(tx, s.Path, s); err != nil {
		return s, err
	}
	if s.Standing, err = standingFor(tx, s, policies); err != nil {
		return s, err
	}
	if s.Relays, err = relaysFor(tx, s); err != nil {
		return s, err
	}
	return s, decisionsFor(tx, &s)
}

// Sessions lists a commune's sessions of the coming days that have not ended,
// each with its bulletins in running order.
func (f *Flow) Sessions(ctx context.Context, commune loa.Path, days int) (all []Session, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = sessionsAhead(tx, commune, days)
		return err
	})
	return all, err
}

func sessionsAhead(tx *db.Tx, commune loa.Path, days int) ([]Session, error) {
	frames, err := framesOf(tx, commune)
	if err != nil {
		return nil, err
	}
	policies, err := speaker.Policies(tx, commune)
	if err != nil {
		return nil, err
	}
	var all []Session
	for d := range days {
		for _, fr := range frames {
			s, ok := fr.on(tx.Now().AddDate(0, 0, d))
			if !ok || s.End <= tx.NowMS() {
				continue
			}
			if s, err = fillSession(tx, s, policies); err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Session) int { return cmp.Compare(a.Start, b.Start) })
	return all, nil
}
