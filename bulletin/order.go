package bulletin

// Beside the line: the running order (thứ tự phát) of one session, decided from
// data alone. The same function makes the plan, the page, the preview and the
// year that tests walk through.

import (
	"cmp"
	"slices"

	"loa"
	"loa/wire"
)

// Kind is what an item of a session is.
type Kind string

// The kinds of a standing programme, in no order. A chime has no place of its
// own: it sounds before the bulletins that ask for it.
const (
	KindTune      Kind = "tune"
	KindRelay     Kind = "relay"
	KindGreeting  Kind = "greeting"
	KindBulletins Kind = "bulletins" // the place where they go; also a bulletin
	KindMusic     Kind = "music"
	KindGoodbye   Kind = "goodbye"
	KindSilence   Kind = "silence"
	KindChime     Kind = "chime"
	KindTest      Kind = "test" // phát thử at one pole; in no session
)

// Kinds lists them as a form does.
func Kinds() []Kind {
	return []Kind{KindTune, KindRelay, KindGreeting, KindBulletins, KindMusic, KindGoodbye, KindSilence, KindChime}
}

// role is the kind as warrants and speakers know it.
func (k Kind) role() wire.Role {
	switch k {
	case KindTune, KindChime:
		return wire.Tune
	case KindGreeting:
		return wire.Greeting
	case KindMusic:
		return wire.Music
	case KindGoodbye:
		return wire.Goodbye
	case KindTest:
		return wire.TestSound
	}
	return wire.NoRole
}

const (
	gap     = 3_000  // ms of silence between two items of a session
	tooLate = 15_000 // ms before its start when a session's order stands fast
)

// Item is one thing in a session's running order.
type Item struct {
	Slot     string // "" for a relay and a silence: no speaker is told
	Kind     Kind
	Bulletin string
	Title    string
	Issuer   loa.Path
	Scope    []loa.Path // whom it means; none: the whole commune
	Poles    []string   // and of them these poles alone; none: all
	Priority bool
	Chime    bool  // a chime before it
	Position int64 // order of arrival, or as somebody put it
	Repeat   int   // further readings
	From     int64 // UTC ms, of its warrant; 0: any time
	Until    int64
	Start    int64  // UTC ms, what arranging decides
	MS       int64  // with its repeats
	Why      string // of a standing item that cannot sound that day: the key of the reason
}

// Readings is how often an item is read.
func (it Item) Readings() int { return it.Repeat + 1 }

// Heard reports whether people at a place hear an item, or some of them.
func (it Item) Heard(place loa.Path) bool {
	return len(it.Scope) == 0 || slices.ContainsFunc(it.Scope, func(p loa.Path) bool { return p.Covers(place) || place.Covers(p) })
}

// Running is a session as it will sound (thứ tự phát).
type Running struct {
	Items []Item
	Out   []Item   // bulletins for which there is no room
	Over  int64    // ms that are missing for the first of them
	Clash *[2]Item // two priority bulletins of different levels of which a person has to say which goes first
}

// Used is how long a place hears something, in milliseconds.
func (o Running) Used(place loa.Path) (ms int64) {
	for _, it := range o.Items {
		if it.Kind != KindSilence && it.Heard(place) {
			ms += it.MS
		}
	}
	return ms
}

// Arrange decides the running order of a session and every start in it. The
// standing programme gives the frame; without a bulletin there is nothing to
// say, and no tune. Priority goes right after the greeting: first what a person
// chose, then the higher level, then the earlier. Then the others, as they
// arrived or were put. What has begun, or is about to, keeps its start. A relay
// begins and ends at its minute, and everything goes around it. If the session is too long the last
// normal bulletin falls out, then the one before it, never the goodbye; what is
// short enough comes in again.
func (s Session) Arrange(now int64) Running {
	var o Running
	live := slices.Clone(s.Items)
	slices.SortStableFunc(live, s.compare(now))
	var out []Item
	for {
		_, over := s.timed(s.sequence(live, now), now)
		i := lastRemovable(live, now)
		if over <= 0 || i < 0 {
			break
		}
		if o.Over == 0 {
			o.Over = over
		}
		out = append([]Item{live[i]}, out...)
		live = slices.Delete(live, i, i+1)
	}
	for _, it := range out { // what is short may still fit where something long fell out
		with := append(slices.Clone(live), it)
		slices.SortStableFunc(with, s.compare(now))
		if _, over := s.timed(s.sequence(with, now), now); over <= 0 {
			live = with
			continue
		}
		it.Start = s.End // it lies ahead as long as the session does
		o.Out = append(o.Out, it)
	}
	o.Items, _ = s.timed(s.sequence(live, now), now)
	o.Clash = s.clash(now)
	return o
}

// fast reports whether an item keeps its start: it sounds, or is about to.
func (it Item) fast(now int64) bool { return it.Start != 0 && it.Start <= now+tooLate }

// compare puts what has begun first, then priority, then the rest.
func (s Session) compare(now int64) func(a, b Item) int {
	return func(a, b Item) int {
		fa, fb := a.fast(now), b.fast(now)
		if fa && fb {
			return cmp.Compare(a.Start, b.Start)
		}
		order := cmp.Or(-compareBool(fa, fb), -compareBool(a.Priority, b.Priority))
		if order == 0 && a.Priority {
			order = cmp.Or(-compareBool(a.Slot == s.First, b.Slot == s.First), cmp.Compare(len(a.Issuer.Up()), len(b.Issuer.Up())))
		}
		return cmp.Or(order, cmp.Compare(a.Position, b.Position))
	}
}

// clash finds two priority bulletins of different levels whose order nobody
// decided yet.
func (s Session) clash(now int64) *[2]Item {
	if s.Decided != "" {
		return nil
	}
	var waiting []Item
	for _, it := range s.Items {
		if it.Priority && !it.fast(now) {
			waiting = append(waiting, it)
		}
	}
	slices.SortStableFunc(waiting, s.compare(now))
	for _, it := range waiting {
		if len(it.Issuer.Up()) != len(waiting[0].Issuer.Up()) {
			return &[2]Item{waiting[0], it}
		}
	}
	return nil
}

// lastRemovable is the bulletin that goes when the session is too long.
func lastRemovable(live []Item, now int64) int {
	last := -1
	for i, it := range live {
		if !it.fast(now) && (last < 0 || !it.Priority || live[last].Priority) {
			last = i
		}
	}
	return last
}

// sequence is the standing programme with the bulletins put in.
func (s Session) sequence(live []Item, now int64) (all []Item) {
	programme := s.Standing
	if !slices.ContainsFunc(programme, func(it Item) bool { return it.Kind == KindBulletins }) {
		programme = append(slices.Clone(programme), Item{Kind: KindBulletins})
	}
	chime := slices.IndexFunc(programme, func(it Item) bool { return it.Kind == KindChime })
	put := func(which func(Item) bool) {
		for _, it := range live {
			if !which(it) {
				continue
			}
			if it.Chime && chime >= 0 {
				c := programme[chime]
				c.Slot, c.Scope, c.Poles = loa.Hash([]byte(it.Slot + " chime"))[:32], it.Scope, it.Poles
				c.Start = s.aired[c.Slot]
				all = append(all, c)
			}
			all = append(all, it)
		}
	}
	greeted := slices.ContainsFunc(programme, func(it Item) bool { return it.Kind == KindGreeting })
	for _, it := range programme {
		switch {
		case it.Kind == KindChime || it.Kind == KindMusic && s.NoMusic:
		case it.Kind == KindBulletins:
			put(func(b Item) bool { return !greeted || !b.Priority || b.fast(now) })
		case len(live) > 0 && it.MS > 0 || it.fast(now):
			it.Start = max(it.Start, s.aired[it.Slot])
			all = append(all, it)
			if it.Kind == KindGreeting {
				put(func(b Item) bool { return b.Priority && !b.fast(now) })
				greeted = true
			}
		case it.Kind == KindGreeting:
			greeted = false // it cannot sound: priority goes before the other bulletins
		}
	}
	return all
}

// timed gives every item its start, and says by how much the session is too long.
func (s Session) timed(all []Item, now int64) (items []Item, over int64) {
	at := max(now+tooLate, s.Start)
	taken := append(slices.Clone(s.taken), s.Relays...)
	for _, it := range all {
		if it.Slot != "" && it.fast(now) {
			items = append(items, it)
			at = max(at, it.Start+it.MS+gap)
		}
	}
	for i, it := range all {
		if it.Slot != "" && it.fast(now) {
			continue
		}
		if it.Kind == KindSilence {
			it.Start = at
			at += it.MS
			items = append(items, it)
			continue
		}
		whole := it.MS
		if it.Kind == KindChime { // it never stands apart from its bulletin
			whole += gap + all[i+1].MS
		}
		it.Start = opening(taken, max(at, it.From), whole)
		at = it.Start + it.MS + gap
		if end, last := it.Start+it.MS, s.last(it); end > last {
			over = max(over, end-last)
			if it.Kind != KindBulletins {
				continue
			}
		}
		items = append(items, it)
	}
	items = append(items, s.Relays...)
	slices.SortStableFunc(items, func(a, b Item) int { return cmp.Compare(a.Start, b.Start) })
	return items, over
}

// last is when an item must have ended: with the session, or with its warrant.
func (s Session) last(it Item) int64 {
	if it.Until > 0 {
		return min(s.End, it.Until)
	}
	return s.End
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

// Mend is a way to make a session that is too long fit, each one tap.
type Mend string

// The ways.
const (
	MendMusic  Mend = "music"  // bỏ nhạc buổi này
	MendMove   Mend = "move"   // dời tin sang buổi sau
	MendRepeat Mend = "repeat" // rút lần đọc thứ hai
)

// Mends lists the ways that would let the first bulletin that fell out in again.
// Moving it to the next session is always one.
func (s Session) Mends(now int64) []Mend {
	was := len(s.Arrange(now).Out)
	if was == 0 {
		return nil
	}
	var all []Mend
	if !s.NoMusic {
		t := s
		if t.NoMusic = true; len(t.Arrange(now).Out) < was {
			all = append(all, MendMusic)
		}
	}
	if t := s.readOnce(now); len(t.Arrange(now).Out) < was {
		all = append(all, MendRepeat)
	}
	return append(all, MendMove)
}

// readOnce is the session with every normal bulletin that has not begun read once.
func (s Session) readOnce(now int64) Session {
	s.Items = slices.Clone(s.Items)
	for i, it := range s.Items {
		if it.Repeat > 0 && !it.Priority && !it.fast(now) {
			once := (it.MS - int64(it.Repeat)*wire.Spacing) / int64(it.Repeat+1)
			s.Items[i].Repeat, s.Items[i].MS = 0, once
		}
	}
	return s
}
